"""What a process writes is for its own user: directories 0700, files 0600, whatever the umask was
when it began.

The law: the commands that keep something set their umask before anything is written (`keeps` in
`despoolr.console`), and what holds secrets or records says its mode besides; what has to be for
others as well (the token for metrics) says so itself. What is found wider than that is tightened,
or told. Symbolic links are left alone: what they point at is not ours.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

DIRECTORY: Final = 0o700
OTHERS: Final = 0o077
DEPTH_MAX: Final = 3
"""How deep a data directory is looked through: machines, shares, journals. What lies deeper lies in
a private directory.
"""
ENTRIES_MAX: Final = 10_000
"""Entries looked at; the data directory itself, which comes first, shuts all others off."""


def make_directory(path: Path) -> None:
    """Make a directory (those above it too) that only this user can read; one that exists stays as
    it is. Raises `OSError`.
    """
    for missing in [parent for parent in reversed(path.parents) if not parent.exists()]:
        missing.mkdir(mode=DIRECTORY, exist_ok=True)
    path.mkdir(mode=DIRECTORY, exist_ok=True)


def tighten(directory: Path) -> list[str]:
    """Take others' rights from a directory that is ours and from what is in it. Returns a sentence
    for each that needed it, or where it failed.
    """
    if os.name != "posix":
        return []
    count, failures = 0, []
    for path in _entries(directory):
        try:
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode) or not mode & OTHERS:
                continue
            path.chmod(stat.S_IMODE(mode) & ~OTHERS)
            count += 1
        except OSError as error:
            failures.append(
                f"{path} can be read by other users, and that could not be changed: "
                f"{error.strerror}"
            )
    said = failures[:3]
    if count:
        what = "file or directory" if count == 1 else "files and directories"
        said.insert(
            0,
            f"{count:,} {what} in {directory} could be read by other users of this machine; "
            "no longer",
        )
    return said


def _entries(directory: Path) -> Iterator[Path]:
    """A directory, then what is in it: the nearest first."""
    yield directory
    left, ahead = ENTRIES_MAX, [directory]
    for _ in range(DEPTH_MAX):
        below: list[Path] = []
        for parent in ahead:
            try:
                found = sorted(os.scandir(parent), key=lambda entry: entry.name)
            except OSError:
                continue
            for entry in found[:left]:
                yield Path(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    below.append(Path(entry.path))
            left -= len(found[:left])
        ahead = below
