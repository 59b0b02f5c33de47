"""What of a run's directory is given out: its files by the names that runs give them, and its logs.

The law: a name is looked up among those that are listed, never joined to a path. Links are no
files, nor is what has no ending of `SUFFIXES`: a run of servers keeps secrets beside its records.
A name that is no printable text has no address, and is not listed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

FILES_MAX: Final = 500
"""Files of a run that are listed."""
LOGS: Final = "logs"
SUFFIXES: Final = (
    ".LOG",
    ".csv",
    ".html",
    ".json",
    ".jsonl",
    ".log",
    ".md",
    ".toml",
    ".txt",
    ".xml",
)
REPORT: Final = "report.html"


class RunFile(NamedTuple):
    """A file of a run: its name below the run's directory, and its size in bytes."""

    name: str
    size: int


def files_of(run: Path) -> list[RunFile]:
    """The first `FILES_MAX` files of a run, by name, those of its logs last."""
    found: list[RunFile] = []
    for directory, prefix in _directories(run):
        for path in sorted(directory.iterdir()):
            if len(found) >= FILES_MAX:
                return found
            name = prefix + path.name
            if path.name.startswith(".") or not name.isprintable():
                continue
            if (size := _size(path)) is not None:
                found.append(RunFile(name, size))
    return found


def open_file(run: Path, name: str) -> tuple[BinaryIO, int]:
    """A listed file of a run, and its size. Raises `FileNotFoundError` for any other name."""
    if name not in {file.name for file in files_of(run)}:
        raise FileNotFoundError(name)
    descriptor = os.open(run / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise FileNotFoundError(name)
    return os.fdopen(descriptor, "rb"), status.st_size


def _directories(run: Path) -> Iterator[tuple[Path, str]]:
    """The run's directory, and the directories of logs below it, each with what its names begin
    with.
    """
    yield run, ""
    logs = run / LOGS
    if not _is_directory(logs):
        return
    yield logs, f"{LOGS}/"
    for path in sorted(logs.iterdir()):
        if _is_directory(path):
            yield path, f"{LOGS}/{path.name}/"


def _is_directory(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def _size(path: Path) -> int | None:
    """Bytes of a file that is given out; None for what is none."""
    if path.suffix not in SUFFIXES:
        return None
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
