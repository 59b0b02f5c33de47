"""Requests of a capture that wait for their responses.

The law: however many a capture leaves unanswered, no more wait than stated, nor more of their
characters; the oldest is forgotten, and counted.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from despoolr_lab.imports.capture.frames import Command
from despoolr_lab.imports.capture.streams import ID_SIZE_MAX
from despoolr_lab.imports.traces.seen import Who

REQUESTS_MAX: Final = 65_536
WAITING_SIZE_MAX: Final = 64 * 1024 * 1024
"""Characters of the requests that wait."""

Key = tuple[str, str]
"""A stream and a message id."""


class Request:
    """A request that waits for its response."""

    __slots__ = ("asked_at", "chain", "command", "is_pended", "size", "who")

    def __init__(self, command: Command, who: Who, chain: list[str], asked_at: float) -> None:
        self.command = command
        self.who = who
        self.chain = chain
        self.asked_at = asked_at
        self.is_pended = False
        ranges = len(command.offsets) + len(command.lengths) + len(command.lock_flags)
        self.size = (
            len(command.filename)
            + len(command.tree_name)
            + len(command.tags)
            + ID_SIZE_MAX * (1 + ranges)
        )

    @property
    def fid(self) -> str:
        """The file that it is about: within a compound, that of the CREATE in front."""
        return self.command.fid or self.chain[0]

    def waited_s(self, at: float) -> float:
        """How long it was held back (STATUS_PENDING) until it was answered then."""
        return at - self.asked_at if self.is_pended else 0.0


class Requests:
    """The requests of a capture that no response has come to yet."""

    def __init__(self) -> None:
        self.forgotten_count = 0
        self._waiting: OrderedDict[Key, Request] = OrderedDict()
        self._size = 0

    def add(self, key: Key, request: Request) -> None:
        """Let it wait, in the place of one that was sent under the same id."""
        self._size += request.size
        while self._waiting and (
            len(self._waiting) >= REQUESTS_MAX or self._size > WAITING_SIZE_MAX
        ):
            self._size -= self._waiting.popitem(last=False)[1].size
            self.forgotten_count += 1
        if (before := self._waiting.get(key)) is not None:
            self._size -= before.size
        self._waiting[key] = request

    def find(self, key: Key) -> Request | None:
        """The one that a response is to."""
        return self._waiting.get(key)

    def answered(self, key: Key) -> None:
        """Take out the one that a response has come to."""
        self._size -= self._waiting.pop(key).size
