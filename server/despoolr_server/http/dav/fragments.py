"""The responses of a PROPFIND about single files, kept for who asks the same again.

The law: a response is given out for the very facts that it was made of, and a store tells other
facts as soon as the file is another: so whatever lies on the disk has the last word. Kept are those
of files without dead properties and locks; what a directory has (its quota, for one) changes
without it. Bounded by bytes and by questions; when either is full, all of it goes.
"""

from __future__ import annotations

from typing import Final

from despoolr_server.engine.rows import FileFacts
from despoolr_server.http.dav.bodies import PropertyQuery

SIZE_MAX: Final = 16 * 1024 * 1024
"""Bytes of all responses, each with `OVERHEAD`."""

QUESTIONS_MAX: Final = 32
"""What was asked for, of how many shares (as they were spelled)."""

FRAGMENT_SIZE_MAX: Final = 4096
"""Bytes of a response that is kept; a longer one is made each time."""

OVERHEAD: Final = 256
"""Bytes of memory that a response takes beside its own, about."""

Fragments = dict[str, tuple[FileFacts, bytes]]
"""Stored path to a file's facts and the response that was made of them."""


class KeptFragments:
    """What is kept, by question. `size` is in bytes."""

    __slots__ = ("_questions", "size")

    def __init__(self) -> None:
        self._questions: dict[tuple[str, PropertyQuery], Fragments] = {}
        self.size = 0

    def of(self, share: str, asked: PropertyQuery) -> Fragments:
        """What is kept for one question: for reading, until something is kept."""
        question = (share, asked)
        if len(self._questions) >= QUESTIONS_MAX and question not in self._questions:
            self._forget_all()
        return self._questions.setdefault(question, {})

    def keep(self, share: str, asked: PropertyQuery, facts: FileFacts, fragment: bytes) -> None:
        """Remember the response about a file, unless it is a long one."""
        if len(fragment) > FRAGMENT_SIZE_MAX:
            return
        if self.size + len(fragment) + OVERHEAD > SIZE_MAX:
            self._forget_all()
        fragments = self.of(share, asked)
        before = fragments.get(facts.path)
        self.size += len(fragment) + OVERHEAD
        if before is not None:
            self.size -= len(before[1]) + OVERHEAD
        fragments[facts.path] = (facts, fragment)

    def _forget_all(self) -> None:
        self._questions.clear()
        self.size = 0
