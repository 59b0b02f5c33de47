"""A log that grows, followed by its name: `tail -F`.

The law: reading begins at its end. A log that was renamed away is read to its end before the one
that took its name; one that was cut is read from its beginning, and it is said that lines may be
missing. A line counts once its end is there. Per look no more than `READ_MAX` is read.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from despoolr_app.disk.plain_file import opener
from despoolr_lab.imports.traces.source import LINE_SIZE_MAX, ImportFailed

READ_MAX: Final = 16 * 1024 * 1024


class LogTail:
    """A followed log. Raises `ImportFailed` where it cannot be read in the beginning."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rotation_count = 0
        self.cut_count = 0
        """How often it was cut while it was read: what stood there last may be missing."""
        try:
            self._file: BinaryIO = open(path, "rb", opener=opener)  # noqa: SIM115 - until `close`
            self._file.seek(0, os.SEEK_END)
        except OSError as error:
            raise ImportFailed(f"cannot read {path}: {error.strerror}") from None
        self._part = b""

    def lines(self) -> list[str]:
        """The lines that were added since the last look."""
        lines = self._read()
        with suppress(OSError):  # it is between two names
            now = self.path.stat()
            mine = os.fstat(self._file.fileno())
            if (now.st_dev, now.st_ino) != (mine.st_dev, mine.st_ino):
                lines += self._read()  # what was added before it was renamed
                if self._file.tell() >= mine.st_size:
                    self._open_next()
                    lines += self._read()
            elif now.st_size < self._file.tell():
                self.cut_count += 1
                self._file.seek(0)
                self._part = b""
                lines += self._read()
        return lines

    def close(self) -> None:
        """Let go of the log."""
        self._file.close()

    def _open_next(self) -> None:
        fresh = open(self.path, "rb", opener=opener)  # noqa: SIM115 - until `close`
        self._file.close()
        self._file = fresh
        self._part = b""
        self.rotation_count += 1

    def _read(self) -> list[str]:
        try:
            found = (self._part + self._file.read(READ_MAX)).split(b"\n")
        except OSError:  # a disk or a mount that fails for a while
            return []
        self._part = found.pop()[-LINE_SIZE_MAX:]
        return [line.rstrip(b"\r").decode("utf-8", "replace") for line in found]
