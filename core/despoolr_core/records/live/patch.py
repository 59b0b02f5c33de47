"""What changed between two JSON objects, as a merge patch (RFC 7396).

The law: `applied(old, patch_of(old, new)) == new` for objects without nulls in them. A member that
is gone is null in the patch; an array that differs in anything is sent whole.
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


def applied(old: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """The object after a patch; `old` stays as it is."""
    new = dict(old)
    for name, value in patch.items():
        if value is None:
            new.pop(name, None)
        elif isinstance(value, dict):
            before = new.get(name)
            new[name] = applied(before if isinstance(before, dict) else {}, value)
        else:
            new[name] = value
    return new
