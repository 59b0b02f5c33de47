"""Samples of what is open, taken one after the other: what changed between two of them.

The law: an open that is in a sample and not in the one before began at the time that the source
tells, else some time before the sample; one that is no longer there ended between the two. What was
shorter than the time between two samples was never seen, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from despoolr_core.phrases import counted
from despoolr_core.times import moment, span
from despoolr_lab.imports.traces.seen import HandleClosed, Noted, Opened, Seen, Who

ROWS_MAX: Final = 1_000_000
NOTED_MAX: Final = 20
LATE_MAX: Final = 3
"""So many samples in a row are not late by chance."""


class SampledOpen(msgspec.Struct, gc=False):
    """One open in a sample; `key` is its identity over samples. `opened_at` is None where the
    source does not tell.
    """

    key: str
    who: Who
    share: str
    path: str
    access: int
    share_mode: int
    known: int
    opened_at: float | None = None


class OpenSample(msgspec.Struct):
    """What was open at a time. `is_pending` are paths whose file is deleted and still open."""

    at: float
    rows: list[SampledOpen]
    is_pending: tuple[str, ...] = ()


class Sampler:
    """The difference of samples, in the order of their times."""

    def __init__(self, gap: str = "", *, is_live: bool = False) -> None:
        """`is_live`: samples come in as they are taken, so several in a row that are late, each
        after the other, are of a clock that was set back.
        """
        self._gap = gap
        self._is_live = is_live
        self._late: list[float] = []
        self._open: set[str] = set()
        self._first = self._last = 0.0
        self._count = 0
        self._pending: set[str] = set()

    def read(self, samples: Iterable[OpenSample]) -> Iterator[Seen]:
        """What the samples show, and at the end what they cannot."""
        for sample in samples:
            yield from self.take(sample)
        if self._count:
            for text in self._gaps():
                yield Noted(self._last, "gap", text)

    def take(self, sample: OpenSample) -> Iterator[Seen]:
        """What one sample shows beside those before it."""
        if not self._count or sample.at >= self._last:
            self._late.clear()
        elif self._is_set_back(sample.at):
            yield Noted(
                self._last,
                "clock",
                f"the clock of whoever takes the samples was set back by "
                f"{span(self._last - sample.at)}: those from {moment(sample.at, seconds=True)} on "
                "are told by it",
            )
            self._last = sample.at
        else:
            yield Noted(
                self._last, "gap", f"a sample of {moment(sample.at, seconds=True)} came late"
            )
            return
        yield from self._take(sample)

    def _is_set_back(self, at: float) -> bool:
        if self._late and at <= self._late[-1]:
            self._late.clear()
        self._late.append(at)
        return self._is_live and len(self._late) >= LATE_MAX

    def _take(self, sample: OpenSample) -> Iterator[Seen]:
        before, at = self._last, sample.at
        if not self._count:
            self._first = before = at
        opened: list[Opened] = []
        now: set[str] = set()
        for row in sample.rows[:ROWS_MAX]:
            now.add(row.key)
            if row.key in self._open:
                continue
            is_exact = row.opened_at is not None and row.opened_at <= at
            opened.append(
                Opened(
                    at=row.opened_at if is_exact and row.opened_at is not None else at,
                    handle=row.key,
                    who=row.who,
                    share=row.share,
                    path=row.path,
                    access=row.access,
                    share_mode=row.share_mode,
                    known=row.known,
                    is_older=not is_exact,
                )
            )
        reason = (
            f"gone from the samples between {moment(before, seconds=True)} and "
            f"{moment(at, seconds=True)}"
        )
        gone = [HandleClosed(at, key, reason) for key in self._open - now]
        yield from sorted(opened, key=lambda one: one.at)
        yield from sorted(gone, key=lambda one: one.handle)
        for path in sample.is_pending:
            if path not in self._pending and len(self._pending) < NOTED_MAX:
                self._pending.add(path)
                yield Noted(
                    at,
                    "gap",
                    f"a deleted file is still open at {moment(at, seconds=True)}: until its last "
                    "holder closes it, every open of it is refused",
                    f": {path}",
                )
        self._open = now
        self._last = at
        self._count += 1

    def _gaps(self) -> Iterator[str]:
        if self._count == 1:
            yield (
                f"one sample, of {moment(self._first, seconds=True)}: what was open then, and "
                "nothing of before or after"
            )
        else:
            every = span((self._last - self._first) / (self._count - 1))
            yield (
                f"sampled every {every} ({counted(self._count, 'sample')}): what was open for a "
                "shorter time may be missing, and an end is known as between two samples"
            )
        yield "refusals are not in samples: nobody who waits is in this run"
        if self._gap:
            yield self._gap
