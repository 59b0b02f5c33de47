"""What the system says of many files at one time, as bytes: whether anything of any of them has
changed is then told by one comparison.

Why: of a look at 1,000 files half is what Python makes of each answer (`os.stat_result`), and what
compares it. `statx` (Linux) writes its answers one behind the other where we say. The law: bytes
that are the same mean that size, times, inode, mode, owner and links are. Where there is no such
call, nothing is told, and whoever asked looks at each file by itself.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any, Final

STATUS_SIZE: Final = 256
"""Bytes of one answer, as `struct statx` of Linux has them on every machine."""

_NOFOLLOW: Final = 0x100
_WANTED: Final = 0x1 | 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200
"""Type, mode, links, owner, both times of change, inode, size."""


def _find_call() -> Callable[..., int] | None:
    try:
        call: Callable[..., int] = ctypes.CDLL(None).statx
    except (AttributeError, OSError, TypeError):
        return None
    return call


_statx: Final = _find_call()


class Statuses:
    """Room for the answers of at most `count_max` files. One thread may ask at one time."""

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._room: Any = None
        self._places: list[ctypes.c_void_p] = []

    def read(self, directory: int, names: list[bytes]) -> bytes | None:
        """The answers about files of an open directory, `STATUS_SIZE` bytes each; None if one is
        not there, or nobody can be asked.
        """
        if _statx is None:
            return None
        if self._room is None:
            self._room = ctypes.create_string_buffer(self._count_max * STATUS_SIZE)
            first = ctypes.addressof(self._room)
            ends = first + self._count_max * STATUS_SIZE
            self._places = [*map(ctypes.c_void_p, range(first, ends, STATUS_SIZE))]
        assert len(names) <= self._count_max, "more names than there is room for"
        # arguments without declared types are half as dear
        if any(
            map(_statx, repeat(directory), names, repeat(_NOFOLLOW), repeat(_WANTED), self._places)
        ):
            return None
        return bytes(memoryview(self._room)[: len(names) * STATUS_SIZE])


def unchanged(before: bytes, now: bytes) -> Iterator[bool]:
    """Of each of as many files whether its answer is what it was."""
    for start in range(0, len(now), STATUS_SIZE):
        yield before[start : start + STATUS_SIZE] == now[start : start + STATUS_SIZE]
