"""The three standard streams of a command, so that none of them can surprise it: closed, full, or
with nobody at the other end.

The law: what a command has found out is said on standard output or the command fails. Standard
error is a courtesy: what it does not take is dropped, and nothing ends because of it. A descriptor
below 3 that is closed is put in the way of files and sockets that would otherwise get its number,
and be written to as if they were a terminal.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import Final, TextIO

STDIN, STDOUT, STDERR = 0, 1, 2
_NOBODY: Final = frozenset([errno.EPIPE, errno.ECONNRESET, errno.ESHUTDOWN])
_RETRIED: Final = frozenset([errno.EAGAIN, errno.EWOULDBLOCK])


class OutputLost(Exception):
    """Standard output does not take what is written to it. No `OSError`: nobody on the way up may
    take it for a file's.

    `is_quiet`: its reader has seen enough and went, which is no fault of anybody's.
    """

    def __init__(self, error: OSError) -> None:
        is_closed = error.errno == errno.EBADF
        reason = (
            "standard output is closed"
            if is_closed
            else f"cannot write to standard output: {error.strerror}"
        )
        super().__init__(reason)
        self.is_quiet = error.errno in _NOBODY


class RawOutput(io.RawIOBase):
    """A descriptor that is written to whole, blocking or not. `lost` is what once went wrong;
    `is_needed`: it is raised, too.
    """

    def __init__(self, descriptor: int, *, is_needed: bool) -> None:
        self._descriptor = descriptor
        self._is_needed = is_needed
        self.lost: OutputLost | None = None

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        """Write all of it, unless the reader is gone or the disk is full. Raises `OutputLost` where
        it is needed.
        """
        view, written = memoryview(data).cast("B"), 0
        while written < len(view) and (self.lost is None or self._is_needed):
            try:
                written += os.write(self._descriptor, view[written:])
            except OSError as error:
                if error.errno in _RETRIED:  # whoever shares the terminal or the pipe made it so
                    select.select([], [self._descriptor], [])
                    continue
                self.lost = self.lost or OutputLost(error)
                if self._is_needed:
                    raise self.lost from None
        return len(view)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._descriptor)


def hold_descriptors() -> None:
    """Put `/dev/null` in the place of standard streams that are closed: nothing to read, and
    writing to it stays an error.
    """
    for descriptor in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDONLY if descriptor != STDERR else os.O_WRONLY)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)


def take_over() -> RawOutput:
    """Make the process' standard output and error streams of this kind; standard output's, to ask
    it in the end.
    """
    hold_descriptors()
    output, error = RawOutput(STDOUT, is_needed=True), RawOutput(STDERR, is_needed=False)
    sys.stdout = _text(output, sys.stdout, is_by_line=output.isatty())
    sys.stderr = _text(error, sys.stderr, is_by_line=True)
    if sys.stdin is None:
        sys.stdin = open(STDIN, encoding="utf-8", closefd=False)  # noqa: SIM115 - it is the process'
    return output


def finish(output: RawOutput) -> OutputLost | None:
    """Flush what is buffered; what was lost. Afterwards the interpreter can end without saying
    anything of its own.
    """
    try:
        sys.stdout.flush()
    except OutputLost:
        pass
    except ValueError:  # it was closed by the command
        return output.lost
    if output.lost is not None:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), STDOUT)
        sys.stdout.flush()
    return output.lost


def _text(raw: RawOutput, before: TextIO | None, *, is_by_line: bool) -> io.TextIOWrapper:
    """A text stream as the interpreter makes it; what its encoding does not have is escaped instead
    of raised.
    """
    encoding = getattr(before, "encoding", None) or "utf-8"
    errors = getattr(before, "errors", None) or "strict"
    is_unbuffered = bool(getattr(before, "write_through", False))
    return io.TextIOWrapper(
        io.BufferedWriter(raw),  # type: ignore[type-var]
        encoding=encoding,
        errors="backslashreplace" if errors == "strict" else errors,
        line_buffering=is_by_line,
        write_through=is_unbuffered,
    )
