"""What changed between two JSON objects, as a merge patch (RFC 7396).

The law: `patch_of(old, new)` applied to `old` is `new`, for objects without nulls in them. A member
that is gone is null in the patch; an array that differs in anything is sent whole.
"""

from __future__ import annotations

from typing import Any


def patch_of(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What makes `new` of `old`; empty if nothing changed."""
    patch: dict[str, Any] = {name: None for name in old if name not in new}
    for name, value in new.items():
        before = old.get(name)
        if isinstance(value, dict) and isinstance(before, dict):
            changed = patch_of(before, value)
            if changed:
                patch[name] = changed
        elif name not in old or before != value:
            patch[name] = value
    return patch
