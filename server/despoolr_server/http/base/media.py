"""What kind of content a file is said to have: by its name, and never anything that a browser would
run.

Any client may write files on a share, so nothing is served as HTML or script, whatever it is
called.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.rules.fold import fold

TEXT_SUFFIXES: Final = (
    ".ins",
    ".sni",
    ".mif",
    ".pck",
    ".nhm",
    ".nim",
    ".ini",
    ".txt",
    ".log",
    ".cfg",
    ".rul",
    ".uid",
)
"""Names that a browser shows as text; everything else is a download."""


_SUFFIX_MAX: Final = max(map(len, TEXT_SUFFIXES))
_FOLDED: Final = tuple(fold(suffix) for suffix in TEXT_SUFFIXES)


def content_type(path: str) -> str:
    """The media type of a file by its name: `text/plain` or `application/octet-stream`."""
    return (
        "text/plain" if fold(path[-_SUFFIX_MAX:]).endswith(_FOLDED) else "application/octet-stream"
    )
