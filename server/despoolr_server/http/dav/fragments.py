"""The responses of a PROPFIND about files, kept for who asks the same again: each by itself, and
those of a run of files together.

The law: a response is given out for the very facts that it was made of, and a store tells other
facts as soon as the file is another: so whatever lies on the disk has the last word. Kept are those
of files without dead properties and locks; what a directory has (its quota, for one) changes
without it. Bounded by bytes and by questions; when either is full, all of it goes.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.rules.memory import text_size
from despoolr_server.engine.rows import FileFacts
from despoolr_server.http.dav.bodies import PropertyQuery

SIZE_MAX: Final = 16 * 1024 * 1024
"""Bytes of all responses, each with `OVERHEAD`."""

QUESTIONS_MAX: Final = 32
"""What was asked for, of how many shares (as they were spelled)."""

FRAGMENT_SIZE_MAX: Final = 4096
"""Bytes of a response that is kept; a longer one is made each time."""

OVERHEAD: Final = 256
"""Bytes of memory that a response takes beside its own and those of its file's path, about."""

_FACT_SIZE: Final = 8
"""Bytes of memory that each file of a run takes."""


class Fragments:
    """The responses to one question: of each file by its stored path, of a run of files by the path
    of the first. Each with the facts that it was made of.
    """

    __slots__ = ("files", "runs")

    def __init__(self) -> None:
        self.files: dict[str, tuple[FileFacts, bytes]] = {}
        self.runs: dict[str, tuple[list[FileFacts], bytes]] = {}


class KeptFragments:
    """What is kept, by question. `size` is in bytes."""

    __slots__ = ("_questions", "size")

    def __init__(self) -> None:
        self._questions: dict[tuple[str, PropertyQuery], Fragments] = {}
        self.size = 0

    def of(self, share: str, asked: PropertyQuery) -> Fragments:
        """What is kept for one question: for reading, until something is kept."""
        question = (share, asked)
        found = self._questions.get(question)
        if found is None:
            if len(self._questions) >= QUESTIONS_MAX:
                self._forget_all()
            found = self._questions[question] = Fragments()
        return found

    def keep(self, share: str, asked: PropertyQuery, facts: FileFacts, fragment: bytes) -> None:
        """Remember the response about a file, unless it is a long one."""
        if len(fragment) > FRAGMENT_SIZE_MAX:
            return
        around = OVERHEAD + text_size(facts.path)
        files = self._room_for(share, asked, len(fragment) + around).files
        before = files.get(facts.path)
        if before is not None:
            self.size -= len(before[1]) + around
        files[facts.path] = (facts, fragment)

    def keep_run(
        self, share: str, asked: PropertyQuery, files: list[FileFacts], together: bytes
    ) -> None:
        """Remember the responses about files that a listing tells one after the other."""
        runs = self._room_for(share, asked, _size_of(files, together)).runs
        before = runs.get(files[0].path)
        if before is not None:
            self.size -= _size_of(*before)
        runs[files[0].path] = (files, together)

    def _room_for(self, share: str, asked: PropertyQuery, size: int) -> Fragments:
        if self.size + size > SIZE_MAX:
            self._forget_all()
        fragments = self.of(share, asked)
        self.size += size
        return fragments

    def _forget_all(self) -> None:
        self._questions.clear()
        self.size = 0


def _size_of(files: list[FileFacts], together: bytes) -> int:
    return len(together) + OVERHEAD + _FACT_SIZE * len(files)
