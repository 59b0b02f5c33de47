"""Where waiting comes from: episodes added up by file, holder, waiter, program or share.

The law: a second in which one update waits is one waiter-second. It belongs to the update's waiter,
and to every file, share, holder and program that stood in its way at that time; so what two holders
of one file cause together is counted for each of them, and the sum over holders may be more than
was waited. Order: most waiter-seconds first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal

import msgspec

from despoolr_app.site_client.queries import LockRow
from despoolr_core.share.wire import EpisodeRow, Hold

By = Literal["file", "holder", "waiter", "program", "share"]


class Contention(msgspec.Struct, frozen=True):
    """What one file, holder, waiter, program or share has to do with waiting.

    `waited_s`: waiter-seconds. `episode_count`: updates that waited, `waiting_count` of which still
    do. `open_count`: opens that stand, the oldest since `opened_at`.
    """

    key: str
    waited_s: float
    episode_count: int
    waiting_count: int
    refusal_count: int
    open_count: int
    opened_at: float | None


def contentions(
    by: By, episodes: Iterable[EpisodeRow], locks: Iterable[LockRow], at: float
) -> list[Contention]:
    """One row for each key that waits or is waited for, as of `at` (site seconds)."""
    sums: dict[str, _Sum] = {}
    for episode in episodes:
        for key, holds in _keys(by, episode).items():
            sums.setdefault(key, _Sum()).add(episode, holds, at)
    key_of = _OPEN_KEYS.get(by)
    if key_of is not None:
        for lock in locks:
            if (found := sums.get(key_of(lock))) and (
                lock.closed_at is None or lock.closed_at > at
            ):
                found.opened_at.append(lock.opened_at)
    rows = [found.row(key) for key, found in sums.items()]
    return sorted(rows, key=lambda row: (-row.waited_s, row.key))


class _Sum:
    def __init__(self) -> None:
        self.waited_s = 0.0
        self.episode_count = 0
        self.waiting_count = 0
        self.refusal_count = 0
        self.opened_at: list[float] = []

    def add(self, episode: EpisodeRow, holds: list[Hold], at: float) -> None:
        self.episode_count += 1
        self.waiting_count += episode.ended_at is None
        self.refusal_count += sum(hold.refusal_count for hold in holds)
        self.waited_s += _covered_s(
            (hold.first_blocked_at, _end_of(hold, episode, at)) for hold in holds
        )

    def row(self, key: str) -> Contention:
        return Contention(
            key,
            self.waited_s,
            self.episode_count,
            self.waiting_count,
            self.refusal_count,
            len(self.opened_at),
            min(self.opened_at, default=None),
        )


def _keys(by: By, episode: EpisodeRow) -> dict[str, list[Hold]]:
    found: dict[str, list[Hold]] = {}
    for hold in episode.holds:
        found.setdefault(_HOLD_KEYS[by](episode, hold), []).append(hold)
    return found


def _end_of(hold: Hold, episode: EpisodeRow, at: float) -> float:
    end = at if episode.ended_at is None else min(at, episode.ended_at)
    return end if hold.released_at is None else min(end, hold.released_at)


def _covered_s(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds in which at least one of the spans runs."""
    covered, until = 0.0, float("-inf")
    for start, end in sorted(spans):
        covered += max(0.0, end - max(start, until))
        until = max(until, end)
    return covered


def _unc(server: str, share: str, path: str = "") -> str:
    return "\\\\" + "\\".join(part for part in (server, share, path) if part).replace("/", "\\")


def _who(program: str, machine: str) -> str:
    return f"{program or 'a program'} on {machine}"


_HOLD_KEYS: Final[dict[str, Callable[[EpisodeRow, Hold], str]]] = {
    "file": lambda episode, hold: _unc(episode.server, episode.share, hold.path or episode.path),
    "holder": lambda _, hold: _who(hold.program, hold.machine),
    "waiter": lambda episode, _: _who(episode.program, episode.machine),
    "program": lambda _, hold: hold.program or "a program",
    "share": lambda episode, _: _unc(episode.server, episode.share),
}
_OPEN_KEYS: Final[dict[str, Callable[[LockRow], str]]] = {
    "file": lambda lock: _unc(lock.server, lock.share, lock.path),
    "holder": lambda lock: _who(lock.program, lock.machine),
    "program": lambda lock: lock.program or "a program",
    "share": lambda lock: _unc(lock.server, lock.share),
}
