"""New files of one store, made where the file system finds an inode for them quickly.

Why: `files.system.placement`. Where many files were deleted lately is not to be seen; it shows in
the time that a new one takes: 10 us where none were, 60 to 300 where some thousands were. So small
files are made in a directory apart, and in another one as soon as some in a row took long. Of a
night of 20,000 clients that follows another one, new files took a tenth of the CPU before. The law:
where all are slow, a few directories are tried for thousands of files, and no more. What is left
of them is swept at a start.
"""
# Paths are plain strings here: this is the hot path of every upload.
# ruff: noqa: PTH102, PTH106, PTH116

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter_ns
from typing import Final

from despoolr_server.files.system.placement import spread_directories

_NEW: Final = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)
TOGETHER_MAX: Final = 4_096
"""Small files that are made in one directory, half of what a group of ext4's has inodes for: the
next ones are made elsewhere.
"""
SLOW_NS: Final = 40_000
"""Nanoseconds that a new file takes where one looks for another place: four times the usual."""
SLOW_IN_A_ROW: Final = 8
"""New files that took so long, one after the other, before that: a single one may have waited for
something else.
"""
PLACES_MAX: Final = 4
"""Places that are given up for being slow before `TOGETHER_MAX` files have been made."""


class NewFiles:
    """The empty files that a store makes. All of it raises `OSError`."""

    def __init__(self, directory: str, *, now_ns: Callable[[], int] = perf_counter_ns) -> None:
        self._directory = directory
        self._now_ns = now_ns
        self._count = 0
        self._slow_count = 0
        self._left = 0
        """How many more small files are made before it is somewhere else in any case."""
        self._places: list[str] = []
        """Where small ones were made since then; the last one is where they are made."""

    def swept(self) -> None:
        """Take note that what they were made in has gone."""
        self._left = 0
        self._places.clear()

    def make_small(self) -> tuple[str, int]:
        """The path and a descriptor of a new file."""
        if not self._left:
            self._go_elsewhere()
        self._left -= 1
        before = self._now_ns()
        made = self.make_large(self._places[-1])
        if self._now_ns() - before < SLOW_NS:
            self._slow_count = 0
        else:
            self._slow_count += 1
            if self._slow_count == SLOW_IN_A_ROW and len(self._places) <= PLACES_MAX:
                self._slow_count = 0
                with suppress(OSError):  # it is slow here, but it works
                    self._places.append(self._new_place())
        return made

    def make_large(self, directory: str = "") -> tuple[str, int]:
        """The same of one that stays where it is known by name: its directory must be on disk with
        it.
        """
        while True:
            self._count += 1
            path = f"{directory or self._directory}/{self._count}"
            try:
                return path, os.open(path, _NEW, 0o666)
            except FileExistsError:
                continue

    def _go_elsewhere(self) -> None:
        """The ones before go last: ext4 takes the group with the fewest directories, which would be
        the same one again.
        """
        spread_directories(self._directory)
        before, self._places = self._places, [self._new_place()]
        self._left, self._slow_count = TOGETHER_MAX, 0
        for place in before:
            with suppress(OSError):  # something is still in it
                os.rmdir(place)

    def _new_place(self) -> str:
        """Of groups with as few directories, ext4 takes one by the name alone: so the names of no
        two stores are the same.
        """
        self._count += 1
        place = f"{self._directory}/{os.stat(self._directory).st_ino:x}-{self._count}"
        with suppress(FileExistsError):
            os.mkdir(place)
        return place
