"""What a child process says, kept in a file that can be read while it runs; and how it is known
that it is up, or that it died.

The law: a process is up when it has said so, and not before. One that ends by itself, or does not
come up in time, is a `ProcessDied` with the last thing it said.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

READY_S_MAX: Final = 60.0
"""Seconds a process has to say that it is up."""
SERVER_READY: Final = "despoolr: ready"
"""What `despoolr serve` says when it answers."""
LINE_SIZE_MAX: Final = 300
"""Characters of the last line that are told."""


class ProcessDied(Exception):
    """A process that ended by itself (`code`), or did not come up in time (None)."""

    def __init__(
        self, name: str, code: int | None, said: str, within_s: float = READY_S_MAX
    ) -> None:
        ended = (
            f"is not up after {within_s:g} s"
            if code is None
            else f"ended by itself with code {code}"
        )
        super().__init__(f"{name} {ended}: {said or 'it said nothing'}")
        self.name = name
        self.code = code


class Output(msgspec.Struct, frozen=True):
    """All that a process says, on both of its channels. `name` is what it is called in messages."""

    name: str
    path: Path

    def text(self) -> str:
        """So far; nothing if it has not said anything."""
        try:
            return self.path.read_text("utf-8", "replace")
        except OSError:
            return ""

    def last_line(self) -> str:
        """The last thing it said, cut off at `LINE_SIZE_MAX`."""
        lines = self.text().strip().splitlines()
        return lines[-1][:LINE_SIZE_MAX] if lines else ""

    def has(self, text: str, code: int | None) -> bool:
        """Whether it has said so; `code` is its exit code, None while it runs. Raises `ProcessDied`
        if it has ended without.
        """
        if text in self.text():
            return True
        if code is not None:
            raise self.died(code)
        return False

    def died(self, code: int | None, within_s: float = READY_S_MAX) -> ProcessDied:
        """What is to be said of it when it ended with that code, or (None) did not come up within
        so many seconds.
        """
        return ProcessDied(self.name, code, self.last_line(), within_s)
