"""A file that somebody names: read up to what its reader takes, and not what else there may be of
it.
"""

from __future__ import annotations

from pathlib import Path


def read_bounded(path: Path, size_max: int) -> bytes:
    """The content, or the first `size_max` bytes and one more, which every reader refuses as too
    many. Raises `OSError`.
    """
    with path.open("rb") as file:
        return file.read(size_max + 1)
