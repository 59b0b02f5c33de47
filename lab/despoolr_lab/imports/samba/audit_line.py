"""The text of a line of `vfs_full_audit`: a prefix of the site's own, what was done, how it ended,
and of what.

The law: the prefix's width is learnt from where the operation stands, and what is in it is told by
names before its parts, by a connect's share, or by its looks.
"""

from __future__ import annotations

import re
from typing import Final

from despoolr_core.rules.fold import fold

OPERATIONS: Final = frozenset(
    [
        "connect",
        "disconnect",
        "create_file",
        "open",
        "openat",
        "close",
        "renameat",
        "rename",
        "unlinkat",
        "unlink",
        "mkdirat",
        "mkdir",
        "brl_lock_windows",
        "brl_unlock_windows",
    ]
)
PARTS_MAX: Final = 64
"""Parts of a line that are told apart; a prefix has a few, and an operation up to five."""
_PAIR: Final = re.compile(r"^(\w+)=(.*)$", re.DOTALL)
CLOCK: Final = re.compile(r"^\d{4}[/-]\d\d[/-]\d\d |^\d\d:\d\d(?::\d\d)?$")
"""A part of a prefix that is a time, and says nothing of who it is."""
_NAMES: Final = {
    "user": ("USER", "U", "USERNAME", "CLIENT_USER"),
    "address": ("IP", "I", "ADDR", "ADDRESS", "CLIENT_IP", "CLIENTIP"),
    "machine": ("MACHINE", "M", "HOST", "CLIENT", "HOSTNAME", "PC"),
    "share": ("VOLUME", "SHARE", "S", "SERVICE"),
}
"""What sites call the parts of a prefix that has `NAME=` before each."""
_ADDRESS: Final = re.compile(r"^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]+)$")


def split(text: str) -> tuple[list[str], str, str, list[str]] | None:
    """The prefix, the operation, its result and its arguments; None for any other line."""
    parts = text.split("|", PARTS_MAX)
    for place, part in enumerate(parts[:-1]):
        if part in OPERATIONS and (parts[place + 1] == "ok" or parts[place + 1][:4] == "fail"):
            return parts[:place], part, parts[place + 1], parts[place + 2 :]
    return None


def who_of(prefix: list[str], share_at: int = -1) -> tuple[str, str, str, str]:
    """User, address, machine and share of a prefix: by the names before them where it has such;
    else the address by its looks, the user first, the share last, or at `share_at`.
    """
    pairs = {fold(found[1]): found[2] for found in map(_PAIR.match, prefix) if found is not None}
    if len(pairs) > 1:
        user, address, machine, share = (
            next((pairs[one] for one in words if one in pairs), "") for words in _NAMES.values()
        )
        return user, address, machine, share
    address = next((part for part in prefix if _ADDRESS.match(part)), "")
    share = prefix[share_at] if 0 <= share_at < len(prefix) else ""
    names = [
        part
        for place, part in enumerate(prefix)
        if part != address and not CLOCK.match(part) and not (share and place == share_at)
    ]
    user = names[0] if names else ""
    if not share and len(names) > 1:
        share = names.pop()
    machine = names[1] if len(names) > 1 else ""
    return user, address, machine, share
