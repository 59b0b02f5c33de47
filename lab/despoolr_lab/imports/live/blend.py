"""One order of facts, out of samples and the lines of a log, while both come in.

The law: each fact waits until nothing older can come (`delay_s`; 0 where there is one source, which
has its own order), then goes by its time. An open
that both tell is told once, by the log, which has its close as well; the sample adds its share mode
and what else the log does not have. An open that only samples have is told by them: it is older
than the watch, or the log does not tell of it. If the log misses a close, the samples end it; one
that a sample lacks and the next has did not end.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_lab.imports.fold.names import Names
from despoolr_lab.imports.traces.seen import (
    Connected,
    HandleClosed,
    Opened,
    Seen,
    SessionOver,
    Who,
)

LOG: Final = 0
SAMPLES: Final = 1
WAITING_MAX: Final = 100_000
"""Facts that wait, as those of a clock that is ahead do; beyond, the oldest go."""
SAME_S: Final = 1.5
"""How far apart a log in whole seconds and a sample may tell the same open."""


class _Sampled:
    """An open in the samples; `told` is the log's handle of it, once that is known. `back_count`:
    how many of its ends, which wait still, were none.
    """

    __slots__ = ("at", "back_count", "fact", "is_kept", "told")

    def __init__(self, fact: Opened) -> None:
        self.at = fact.at
        self.fact = fact
        self.is_kept = False
        self.told = ""
        self.back_count = 0


class Blend:
    """The order of what is seen by one server's log and samples."""

    def __init__(self, names: Names, delay_s: float) -> None:
        self._names = names
        self.delay_s = delay_s
        self._waiting: list[tuple[float, int, int, Seen]] = []
        self._number = 0
        self._sampled: dict[str, list[_Sampled]] = {}
        self._by_key: dict[str, _Sampled] = {}
        self._coming: dict[str, list[Opened]] = {}
        """The log's opens that wait still, by path."""

    @property
    def first_at(self) -> float:
        """The time of the first fact that waits; infinite where none does."""
        return self._waiting[0][0] if self._waiting else float("inf")

    def push(self, source: int, fact: Seen) -> None:
        """Take in what a source has seen."""
        if isinstance(fact, Connected | Opened):
            self._names.learn(fact.who.address, fact.who.machine)
        if isinstance(fact, Opened):
            path = fold(fact.path)
            if source == LOG:
                self._coming.setdefault(path, []).append(fact)
            elif (known := self._by_key.get(fact.handle)) is not None:
                known.back_count += 1
                return
            else:
                entry = self._by_key[fact.handle] = _Sampled(fact)
                self._sampled.setdefault(path, []).append(entry)
        self._number += 1
        heapq.heappush(self._waiting, (fact.at, self._number, source, fact))

    def ready(self, now: float) -> Iterator[tuple[int, Seen]]:
        """What no older fact can come before any more, by its time."""
        until = now - self.delay_s if self.delay_s else float("inf")
        while self._waiting and (self._waiting[0][0] <= until or len(self._waiting) > WAITING_MAX):
            _, _, source, fact = heapq.heappop(self._waiting)
            kept = self._of_log(fact) if source == LOG else self._of_samples(fact)
            if kept is not None:
                yield kept

    def rest(self) -> Iterator[tuple[int, Seen]]:
        """All that waits still: nothing more comes."""
        yield from self.ready(float("inf"))

    def _of_log(self, fact: Seen) -> tuple[int, Seen] | None:
        if isinstance(fact, Opened):
            path = fold(fact.path)
            coming = self._coming[path]
            coming.remove(fact)
            if not coming:
                del self._coming[path]
            entry = self._match(path, fact)
            if entry is not None:
                entry.told = fact.handle
                _enrich(fact, entry.fact)
        return LOG, fact

    def _of_samples(self, fact: Seen) -> tuple[int, Seen] | None:
        if isinstance(fact, Opened):
            entry = self._by_key.get(fact.handle)
            if entry is None or entry.told or self._is_coming(fact):
                return None  # the log tells it
            entry.is_kept = True
        elif isinstance(fact, HandleClosed):
            entry = self._by_key.get(fact.handle)
            if entry is None:
                return None
            if entry.back_count:
                entry.back_count -= 1
                return None
            del self._by_key[fact.handle]
            self._forget(entry)
            if not entry.is_kept:
                # Whether the log has told its close, who keeps the opens knows.
                return (LOG, HandleClosed(fact.at, entry.told, fact.reason)) if entry.told else None
        elif isinstance(fact, SessionOver):
            return None
        return SAMPLES, fact

    def _match(self, path: str, fact: Opened) -> _Sampled | None:
        near = [
            entry
            for entry in self._sampled.get(path, ())
            if not entry.told
            and not entry.is_kept
            and abs(entry.at - fact.at) <= SAME_S
            and self._is_same(entry.fact.who, fact.who)
        ]
        return min(near, key=lambda entry: abs(entry.at - fact.at), default=None)

    def _is_coming(self, fact: Opened) -> bool:
        return any(
            abs(one.at - fact.at) <= SAME_S and self._is_same(one.who, fact.who)
            for one in self._coming.get(fold(fact.path), ())
        )

    def _is_same(self, one: Who, other: Who) -> bool:
        names = self._names
        first = names.machine(one.address, one.machine)
        second = names.machine(other.address, other.machine)
        return first == second or not first or not second

    def _forget(self, entry: _Sampled) -> None:
        path = fold(entry.fact.path)
        entries = self._sampled[path]
        entries.remove(entry)
        if not entries:
            del self._sampled[path]


def _enrich(fact: Opened, sampled: Opened) -> None:
    fact.share_mode, fact.known = sampled.share_mode, sampled.known
    if sampled.access >= 0:
        fact.access = sampled.access
    who = fact.who
    fact.who = Who(
        who.address or sampled.who.address,
        who.machine or sampled.who.machine,
        who.user or sampled.who.user,
        who.program,
        who.server,
    )
