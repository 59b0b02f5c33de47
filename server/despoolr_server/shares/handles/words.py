"""SMB's words for an open as numbers. Callers say the same few again and again: what they come to
is remembered.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_core.rules.memory import remembered
from despoolr_core.share.modes import (
    Access,
    CreateOption,
    Disposition,
    FileAttribute,
    ShareMode,
    parse_flags,
)

WORDS_SIZE_MAX: Final = 256
"""Characters of an open's words that are remembered as numbers."""


@remembered(1024, WORDS_SIZE_MAX, len)
def numbers_of(
    access: str, share_mode: str, disposition: str, options: str, attributes: str
) -> tuple[int, int, Disposition, int, int]:
    """SMB's words as numbers. Raises `ValueError` naming the unknown one."""
    try:
        wanted = Disposition(fold(disposition))
    except ValueError:
        raise ValueError(f"{disposition!r} is not one of {', '.join(Disposition)}") from None
    asked = parse_flags(Access, access)
    if not asked:
        raise ValueError("an open must ask for some access")
    return (
        asked,
        parse_flags(ShareMode, share_mode),
        wanted,
        parse_flags(CreateOption, options),
        parse_flags(FileAttribute, attributes),
    )
