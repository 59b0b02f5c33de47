"""Access masks as the sources write them: generic rights mapped, words of tools read."""

from __future__ import annotations

from typing import Final

from despoolr_server.engine.dispositions import GENERIC

WRITE_DATA: Final = 0x2
DELETE: Final = 0x10000
MAXIMUM_ALLOWED: Final = 0x2000000
EVERYTHING: Final = 0x1F01FF

_GENERIC: Final = 0xF0000000
_IMPLIED: Final = {0: DELETE, 4: WRITE_DATA, 5: WRITE_DATA}
"""What SUPERSEDE (0), OVERWRITE and OVERWRITE_IF want of a file that exists ([MS-SMB2] 2.2.13)."""


def mapped(access: int) -> int:
    """The rights that an open holds which asked for these. Whoever asked for as much as it may have
    is taken to have it all.
    """
    if not access & (_GENERIC | MAXIMUM_ALLOWED):
        return access
    rights = access & 0x1FFFFF
    for bit, means in GENERIC.items():
        if access & bit:
            rights |= means
    return rights | EVERYTHING if access & MAXIMUM_ALLOWED else rights


def implied(disposition: int) -> int:
    """What a disposition wants beside the access that is asked for, of a file that exists."""
    return _IMPLIED.get(disposition, 0)


def number(text: str) -> int:
    """A number as tools write it, `0x..` or decimal. Raises `ValueError`."""
    return int(text, 16) if text[:2] in ("0x", "0X") else int(text)
