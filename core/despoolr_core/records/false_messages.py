"""Messages of a run that were false, and are so on purpose: an article says that SMS told it so.

The law: a message is called false only where the records of the same run say otherwise: an event
that blames the disk after a copy that a share mode stopped, a machine's row of Job Details that is
replaced because a job expired or because a program failed. What is merely odd is not told.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from despoolr_core.articles import ARTICLES
from despoolr_core.records.kinds.client import ResultReported
from despoolr_core.records.kinds.site import CopyEnded, DetailStatusChanged, EventLogged
from despoolr_core.records.stream import Record

IN_USE: Final = {32: "a share mode forbade it", 33: "a range of it was locked"}
"""Win32 errors of a file in use, in words."""
FALSE_MAX: Final = 200
"""Messages that are told apart; the rest is counted with the last of its kind."""
_BLAMED: Final = "disk space"
_DISK: Final = "Q193766"
_DISK_ASKED: Final = "Q147819"
_EXPIRED: Final = "Q152229"
_FAILED: Final = "Q166833"


class FalseMessage(msgspec.Struct):
    """What was said, by whom, and what is true; `event` is 0 for what is no event. `count` is how
    often, from `first_at` to `last_at` (site seconds).
    """

    article: str
    event: int
    says: str
    truth: str
    first_at: float
    last_at: float
    count: int = 1

    @property
    def title(self) -> str:
        """What the Knowledge Base calls the fault."""
        return ARTICLES[self.article].title


class FalseMessages:
    """The fold; `found` are the messages by first mention."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._found: dict[tuple[object, ...], FalseMessage] = {}
        self._refused: dict[str, CopyEnded] = {}
        """Job to how its last attempt ended, where it was refused."""
        self._result: dict[str, str] = {}
        """Machine to the last result it reported."""
        for record in records:
            self.apply(record)

    @property
    def found(self) -> list[FalseMessage]:
        """The messages, in the order in which each was first told."""
        return list(self._found.values())

    def apply(self, record: Record) -> None:
        """Take the next record in."""
        fact = record.data
        if isinstance(fact, CopyEnded):
            if fact.win32 in IN_USE:
                self._refused[fact.job] = fact
            else:
                self._refused.pop(fact.job, None)
        elif isinstance(fact, ResultReported):
            self._result[record.actor] = fact.result
        elif isinstance(fact, EventLogged):
            self._event(fact, record.at)
        elif isinstance(fact, DetailStatusChanged) and fact.detail == "Workstation":
            self._row(fact, record.at)

    def _event(self, fact: EventLogged, at: float) -> None:
        refused = self._refused.get(fact.job)
        if refused is None or _BLAMED not in fact.text:
            return
        says = fact.text.partition("\n")[0]
        truth = (
            f"The disk had room. {refused.file} of {refused.package} on {refused.server} was in "
            f"use: {IN_USE[refused.win32]} (Win32 error {refused.win32})."
        )
        article = _DISK_ASKED if says.startswith("Failed to install package to") else _DISK
        self._say((fact.event, refused.job, refused.file), article, fact.event, says, truth, at)

    def _row(self, fact: DetailStatusChanged, at: float) -> None:
        result = self._result.get(fact.machine, "")
        if result == "Expired" and fact.was == "Complete" and fact.status != fact.was:
            truth = "Its program had run and said so; the job only expired afterwards."
            self._say((_EXPIRED, fact.job), _EXPIRED, 0, _replaced(fact), truth, at)
        elif result == "Failed" and fact.status == "Retrying":
            truth = "Its program failed, and nothing tries it again."
            self._say((_FAILED, fact.job), _FAILED, 0, _replaced(fact), truth, at)

    def _say(
        self, key: tuple[object, ...], article: str, event: int, says: str, truth: str, at: float
    ) -> None:
        known = self._found.get(key)
        if known is None and len(self._found) >= FALSE_MAX:
            known = next(reversed(self._found.values()))
        if known is None:
            self._found[key] = FalseMessage(article, event, says, truth, at, at)
        else:
            known.count += 1
            known.last_at = at


def _replaced(fact: DetailStatusChanged) -> str:
    return f"Job Details says {fact.status} of {fact.machine}, which was {fact.was or 'None'}"
