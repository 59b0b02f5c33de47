"""Who waited for what in a recording: the first reading of its records, as a stream.

The law: of all waits the longest are kept, up to a bound, with the moments of their refusals.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from despoolr_core.records.episodes import EpisodeLedger
from despoolr_core.records.kinds.import_note import ImportNote
from despoolr_core.records.kinds.share import OpenRefused
from despoolr_core.records.stream import Record
from despoolr_core.records.whatif.hold_table import FileKey, key_of

WAITS_MAX: Final = 1_000
"""Waits that are looked at, the longest first."""
ATTEMPTS_MAX: Final = 10_000
"""RecordedWaits of a wait whose moments are remembered."""
EPISODES_MAX: Final = 100_000


class RecordedWaits:
    """The waits of a run, the longest first; `count` is how many there were, `end` the last
    moment.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self.ledger = EpisodeLedger(episodes_max=EPISODES_MAX, history_max=0)
        self.attempts: dict[str, list[float]] = {}
        self.grades: set[str] = set()
        self.is_of_samba = False
        self.end = 0.0
        for record in records:
            self.ledger.apply(record)
            self.end = max(self.end, record.at)
            fact = record.data
            if type(fact) is OpenRefused and fact.episode and fact.blockers:
                moments = self.attempts.setdefault(fact.episode, [])
                if len(moments) < ATTEMPTS_MAX:
                    moments.append(record.at)
            elif type(fact) is ImportNote and fact.grade:
                self.grades.add(fact.grade)
                self.is_of_samba = self.is_of_samba or fact.system == "samba"
        rows = self.ledger.rows(self.end)
        self.count = len(rows)
        self.waits = sorted(rows, key=lambda row: -row.blocked_s)[:WAITS_MAX]

    @property
    def files(self) -> set[FileKey]:
        """What was refused, and what stood in the way of it."""
        return {
            key_of(row.server, row.share, path)
            for row in self.waits
            for path in (row.path, *(hold.path for hold in row.holds if hold.path))
        }
