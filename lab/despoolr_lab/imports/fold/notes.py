"""What is said about an imported run in sentences: gaps, silences, what sources tell, how it ends.

The law: so much is said, and the rest is counted: nobody reads more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from despoolr_core.phrases import counted
from despoolr_core.records.episodes import EpisodeLedger
from despoolr_core.records.kinds.import_note import ImportNote
from despoolr_core.times import moment, span

NOTES_MAX: Final = 200
"""Notes of single opens, and notes that sources tell; more of each are counted."""
WAITING_MAX: Final = 20
"""Who never came back is told by name, of so many."""


class Notes:
    """Gives notes to `record`, as many as are read."""

    def __init__(self, record: Callable[[ImportNote], object]) -> None:
        self._record = record
        self._counts = Counter[bool]()
        self._told: set[str] = set()

    def add(self, about: str, text: str, *, is_told: bool = False) -> None:
        """Say something about the run, unless so much was said already that nobody reads it. What
        a source tells (`is_told`) has room of its own. What several sources tell is said once.
        """
        if text in self._told:
            return
        self._counts[is_told] += 1
        if self._counts[is_told] <= NOTES_MAX:
            self._told.add(text)
            self._record(ImportNote(about=about, text=text))

    def end(self, ledger: EpisodeLedger, last_at: float, held: int, unseen: int) -> None:
        """How the run ends: `held` opens are open still, `unseen` refusals had nobody in the way
        that the sources show.
        """
        for text in self._endings(ledger, last_at, held, unseen):
            self._record(ImportNote(about="end", text=text))

    def _endings(
        self, ledger: EpisodeLedger, last_at: float, held: int, unseen: int
    ) -> Iterator[str]:
        if held:
            yield (
                f"{held:,} {'open is' if held == 1 else 'opens are'} held still when the recording "
                "ends; nobody knows how long it was after that"
            )
        if unseen:
            yield (
                f"{counted(unseen, 'refusal has', 'refusals have')} nobody in the way that the "
                "sources show: whoever it was opened the file before the recording began, or is "
                "not in it"
            )
        waiting = [row for row in ledger.rows(last_at) if row.state == "waiting"]
        for row in waiting[:WAITING_MAX]:
            if row.attempt_count == 1:
                yield (
                    f"{row.machine} was refused {row.path} once, at "
                    f"{clock(row.first_refused_at)}, and did not ask again before the recording "
                    "ends"
                )
            else:
                yield (
                    f"{row.machine} made no further attempt on {row.path} after "
                    f"{clock(row.last_refused_at)} ({span(last_at - row.last_refused_at)} before "
                    "the recording ends); whether it gave up is in no trace"
                )
        if len(waiting) > WAITING_MAX:
            yield f"{len(waiting) - WAITING_MAX:,} more were refused and never seen to get through"
        if left := sum(max(0, count - NOTES_MAX) for count in self._counts.values()):
            yield f"{left:,} more notes were left out"


def clock(at: float) -> str:
    """A moment to the second."""
    return moment(at, seconds=True)
