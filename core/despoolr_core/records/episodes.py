"""Who waited for whom: the refusals of one update linked into an episode, without sampling.

The law: the ledger is a fold over the records of the share engine and nothing else; fed the same
records, live or from `records.jsonl`, it is the same ledger. The first refusal because of others'
opens or locks begins an episode, further ones are its attempts; when the same waiter gets the
blocked path at last, for what it wanted, it is `resolved`; a new refusal under the same purpose
opens the same episode again. `episode.ended` ends it otherwise (`given up`).

Bounded: at `episodes_max`, and at `HOLDS_EACH` times as many holds, the episode that ended first is
dropped; at `HOLDS_MAX` of its holds an episode forgets the first that was released; at
`history_max` the open goes that was closed first. While `opens_max` opens are held, further ones
are in nobody's list: a server in another process may tell of any number.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any, Final

import msgspec

from despoolr_core.records.episode import (
    RESOLVED,
    WAITING,
    Episode,
    EpisodeHold,
    WaiterKey,
    as_of,
    is_enough,
    open_of,
    waiter_key,
)
from despoolr_core.records.held_opens import HeldOpen, held_open
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.share import (
    EpisodeEnded,
    FileDeleted,
    FileRenamed,
    FileWritten,
    LockGranted,
    LockReleased,
    OpenClosed,
    OpenGranted,
    OpenRefused,
    ShareStarted,
)
from despoolr_core.records.stream import Record
from despoolr_core.records.verdicts import verdict
from despoolr_core.rules.fold import fold
from despoolr_core.share.wire import EpisodeRow
from despoolr_core.shelf import Shelf

HOLDS_MAX: Final = 4_096
"""Holds of one episode."""
PART_MAX: Final = 32_768
"""Opens that are gone through in one turn, at most: a millisecond of memory that is not at hand."""
ENDED_EACH: Final = 64
"""Opens that are looked at, or ended, before others may have a turn."""
OPENS_MAX: Final = 1_000_000
"""Opens that are held: as many as a server grants."""
HOLDS_EACH: Final = 20
"""Holds of all episodes, in the mean of `episodes_max`."""

_Held = dict[tuple[str, str], tuple[OpenGranted, float]]
_GotThrough = OpenGranted | LockGranted | FileWritten | FileDeleted | FileRenamed


class Why(msgspec.Struct, frozen=True):
    """The answer to "who held it, who was refused, and why" at one time: opens, then episodes,
    oldest first.
    """

    at: float
    opens: list[HeldOpen]
    episodes: list[EpisodeRow]
    verdicts: list[str]


class EpisodeLedger:
    """Every episode and every open that the records tell of; `server` limits it to one share
    server's records. `shelf` takes the holds of episodes that are over.
    """

    def __init__(
        self,
        server: str = "",
        *,
        episodes_max: int = 10_000,
        history_max: int = 50_000,
        opens_max: int = OPENS_MAX,
        shelf: Shelf | None = None,
    ) -> None:
        self.episodes_max = episodes_max
        self._opens_max = opens_max
        self._server = server
        self._shelf = shelf
        self._begun_count = 0
        self._episodes: OrderedDict[str, Episode] = OrderedDict()
        self._by_key: dict[WaiterKey, Episode] = {}
        self._ended: OrderedDict[str, Episode] = OrderedDict()
        self._blocking: dict[tuple[str, str], list[tuple[Episode, EpisodeHold]]] = {}
        self._held: _Held = {}
        self._held_before: list[_Held] = []
        """Held for longer: parts of at most `PART_MAX`, oldest first."""
        self._past: deque[tuple[OpenGranted, float, float]] = deque(maxlen=history_max)
        self._waiting_count = 0
        self._hold_count = 0
        self._last_at = 0.0
        self._steps: Final[dict[type[Fact], Callable[[Any, float], None]]] = {
            ShareStarted: self._server_started,
            OpenGranted: self._granted,
            OpenRefused: self._refused,
            OpenClosed: self._closed,
            LockGranted: self._got_through,
            LockReleased: self._unlocked,
            FileWritten: self._got_through,
            FileDeleted: self._got_through,
            FileRenamed: self._got_through,
            EpisodeEnded: self._episode_ended,
        }

    def remembered(self) -> dict[str, int]:
        """How much is kept of what is over, up to the bounds: `opens` that were closed,
        `episodes`.
        """
        return {"opens": len(self._past), "episodes": len(self._episodes)}

    @property
    def held_count(self) -> int:
        """How many opens are held."""
        return len(self._held) + sum(map(len, self._held_before))

    @property
    def waiting_count(self) -> int:
        """The number of episodes that are not over."""
        return self._waiting_count

    def apply(self, record: Record) -> None:
        """Take one record in. Kinds that are not the share engine's, and other servers' records,
        change nothing.
        """
        self._last_at = record.at
        fact: Any = record.data
        step = self._steps.get(type(fact))
        if step is not None and (not self._server or fact.server == self._server):
            step(fact, record.at)

    def ending(self, server: str, at: float) -> Iterator[None]:
        """End what a server has open, stopping after so many: what its `share.started` does in one,
        for who lets others have a turn before it takes that record in. No other record of that
        server may come meanwhile.
        """
        for part in self._parts():
            keys = [*reversed(part)]
            while keys:
                key = keys.pop()  # to free all keys of a part at once takes 5 ms
                if key[0] == server:
                    self._release(key, at)
                if len(keys) % ENDED_EACH == 0:
                    yield

    # -- asking

    def find(
        self, machine: str, program: str, server: str, share: str, path: str, purpose: str = ""
    ) -> str | None:
        """The episode a refusal of this waiter would belong to; None if it would begin a new
        one.
        """
        episode = self._by_key.get(waiter_key(machine, program, server, share, path, purpose))
        if episode is None or (episode.state != WAITING and not episode.may_reopen):
            return None
        return episode.name

    def waiting(
        self, machine: str, program: str, server: str, share: str, path: str, purpose: str = ""
    ) -> str | None:
        """The episode in which this waiter waits for this very path, if there is one."""
        episode = self._by_key.get(waiter_key(machine, program, server, share, path, purpose))
        if episode is None or episode.state != WAITING or not episode.is_about(share, path):
            return None
        return episode.name

    def knows(self, episode: str) -> bool:
        """Whether it tells of one."""
        return episode in self._episodes

    def row(self, episode: str, now: float | None = None) -> EpisodeRow | None:
        """One episode as of `now` (site seconds; None: the time of the last record)."""
        found = self._episodes.get(episode)
        return self._row(found, self._last_at if now is None else now) if found else None

    def rows(
        self, now: float | None = None, *, machine: str = "", path: str = ""
    ) -> list[EpisodeRow]:
        """Episodes by first refusal; `machine` is the waiter's or a blocker's, `path` matches
        case-insensitively.
        """
        return [row for row in self.each(now, machine=machine, path=path) if row is not None]

    def each(
        self, now: float | None = None, *, machine: str = "", path: str = ""
    ) -> Iterator[EpisodeRow | None]:
        """`rows` of the episodes that there are now, one by one (None: one left out), for who lets
        others have a turn.
        """
        at = self._last_at if now is None else now
        for episode in [*self._episodes.values()]:
            if (not path or fold(path) == fold(episode.path)) and (
                not machine or fold(machine) in self._machines(episode)
            ):
                yield self._row(episode, at)
            else:
                yield None

    def each_waiting(self, now: float, *, machine: str = "") -> Iterator[EpisodeRow]:
        """The episodes that are not over now, by first mention, as of `now`; `machine` is the
        waiter's. Records may come while they are gone through.
        """
        return (
            self._row(one, now)
            for one in [*self._episodes.values()]
            if one.state == WAITING and (not machine or fold(one.machine) == fold(machine))
        )

    def last_ended(self, now: float, count: int) -> list[EpisodeRow]:
        """The episodes that ended last, the last first: at most `count`."""
        last = islice(reversed(self._ended.values()), count)
        return [self._row(episode, now) for episode in last]

    def each_held(self) -> Iterator[HeldOpen]:
        """The opens that stand now, oldest first. Records may come while they are gone through:
        of those that are held for long, what has gone since may not be among them.
        """
        return (held_open(HeldOpen, granted, opened_at) for granted, opened_at in self._standing())

    def opens(
        self, at: float | None = None, *, machine: str = "", path: str = ""
    ) -> list[HeldOpen]:
        """Who held what at a time (None: now), oldest first."""
        return [held for held in self.each_open(at, machine=machine, path=path) if held is not None]

    def each_open(
        self, at: float | None = None, *, machine: str = "", path: str = ""
    ) -> Iterator[HeldOpen | None]:
        """`opens` as they are known now, one by one (None: one left out), as `each_held` does."""
        standing = ((granted, opened_at, None) for granted, opened_at in self._standing())
        for granted, opened_at, closed_at in chain([*self._past], standing):
            was_held = (
                closed_at is None
                if at is None
                else opened_at <= at and (closed_at is None or at < closed_at)
            )
            if (
                was_held
                and (not machine or fold(machine) == fold(granted.machine))
                and (not path or fold(path) == fold(granted.path))
            ):
                yield held_open(HeldOpen, granted, opened_at, closed_at)
            else:
                yield None

    def each_about(
        self, machine: str = "", path: str = "", at: float | None = None
    ) -> Iterator[EpisodeRow | None]:
        """The episodes of `why`, one by one (None: one left out)."""
        moment = self.moment(at)
        for row in self.each(moment if at is None else self._last_at, machine=machine, path=path):
            if (
                row is not None
                and row.first_refused_at <= moment
                and (at is None or row.ended_at is None or moment <= row.ended_at)
            ):
                yield row if at is None else as_of(row, at)
            else:
                yield None

    def moment(self, at: float | None = None) -> float:
        """The time of a question: `at`, or (None) that of the last record."""
        return self._last_at if at is None else at

    def why(self, machine: str = "", path: str = "", at: float | None = None) -> Why:
        """Who held it, and who was being refused, at a time (None: as of the last record), with a
        sentence for each refusal.
        """
        episodes = [row for row in self.each_about(machine, path, at) if row is not None]
        opens = self.opens(at, machine=machine, path=path)
        return Why(self.moment(at), opens, episodes, [verdict(row) for row in episodes])

    def each_waiter_seconds(self, now: float) -> Iterator[tuple[tuple[str, str], float]]:
        """How long a (share, program) made others wait, hold by hold: seconds from first blocking
        to release or end. Records may come while they are gone through.
        """
        for episode in [*self._episodes.values()]:
            end = now if episode.ended_at is None else episode.ended_at
            for hold in [*episode.all_holds(self._shelf)]:
                until = end if hold.released is None else min(hold.released, end)
                yield (episode.share, hold.blocker.program), max(0.0, until - hold.first)

    def _row(self, episode: Episode, now: float) -> EpisodeRow:
        return episode.row(now, episode.all_holds(self._shelf))

    def _machines(self, episode: Episode) -> set[str]:
        holders = (fold(hold.blocker.machine) for hold in episode.all_holds(self._shelf))
        return {fold(episode.machine), *holders}

    # -- one step for each kind

    def _server_started(self, started: ShareStarted, at: float) -> None:
        for _ in self.ending(started.server, at):
            pass

    def _granted(self, granted: OpenGranted, at: float) -> None:
        key = granted.server, granted.open
        if granted.since == "before" and any(key in part for part in self._parts()):
            return  # told again, since old records have gone
        if len(self._held) >= PART_MAX:
            self._begin_part()
        if (self.held_count if self._held_before else len(self._held)) < self._opens_max:
            self._held[key] = (granted, at)
        self._got_through(granted, at)

    def _closed(self, closed: OpenClosed, at: float) -> None:
        self._release((closed.server, closed.open), at)

    def _release(self, key: tuple[str, str], at: float) -> None:
        held = self._held.pop(key, None)
        for part in self._held_before if held is None else ():
            held = held or part.pop(key, None)
        if held is not None:
            self._past.append((*held, at))
        for episode, hold in self._blocking.pop(key, ()):
            if hold.released is None:
                hold.released = at
            episode.standing_count -= 1
            episode.lay_aside(self._shelf)

    def _parts(self) -> list[_Held]:
        return [*self._held_before, self._held]

    def _standing(self) -> Iterator[tuple[OpenGranted, float]]:
        """The newest as they are now; part by part, the others as they are when their turn has
        come.
        """
        newest = [*self._held.values()]
        parts = ([*part.values()] for part in [*self._held_before])
        return chain(chain.from_iterable(parts), newest)

    def _begin_part(self) -> None:
        """What is held now is held for long. Neighbours of which little is left become one."""
        parts: list[_Held] = []
        for part in self._parts():
            if parts and len(parts[-1]) + len(part) <= PART_MAX:
                parts[-1] = parts[-1] | part
            else:
                parts.append(part)
        self._held_before, self._held = parts, {}

    def _unlocked(self, released: LockReleased, at: float) -> None:
        for _, hold in self._blocking.get((released.server, released.open), ()):
            lock = hold.blocker.lock
            if lock is not None and released.is_of(lock):
                hold.released = at

    def _refused(self, refused: OpenRefused, at: float) -> None:
        if not refused.blockers or not refused.episode:
            return
        episode = self._episodes.get(refused.episode)
        if episode is None:
            key = _key_of(refused)
            self._begun_count += 1
            episode = Episode(refused.episode, key, refused, self._begun_count)
            self._episodes[episode.name] = self._by_key[key] = episode
            self._waiting_count += 1
        elif episode.state != WAITING:
            del self._ended[episode.name]
            episode.take_back(self._shelf)
            self._waiting_count += 1
        new = episode.refuse(refused, at)
        self._hold_count += len(new)
        episode.standing_count += len(new)
        for name in new:
            self._blocking.setdefault((refused.server, open_of(name)), []).append(
                (episode, episode.holds[name])
            )
        while len(episode.holds) > HOLDS_MAX:
            name = episode.to_forget()
            self._forget(episode, name, episode.holds.pop(name))
        self._drop()

    def _got_through(self, got: _GotThrough, at: float) -> None:
        if not self._waiting_count:
            return
        episode = self._by_key.get(_key_of(got))
        if (
            episode is not None
            and episode.state == WAITING
            and episode.is_about(got.share, got.path)
            and (not isinstance(got, OpenGranted) or is_enough(got.access, episode.access))
        ):
            self._end(episode, RESOLVED, at)

    def _episode_ended(self, ended: EpisodeEnded, at: float) -> None:
        episode = self._episodes.get(ended.episode)
        if episode is not None and episode.state == WAITING:
            self._end(episode, ended.state, at)

    def _end(self, episode: Episode, state: str, at: float) -> None:
        episode.end(state, at)
        self._waiting_count -= 1
        self._ended[episode.name] = episode
        episode.lay_aside(self._shelf)

    def _drop(self) -> None:
        while len(self._episodes) > self.episodes_max or (
            self._hold_count > HOLDS_EACH * self.episodes_max and len(self._episodes) > 1
        ):
            if self._ended:
                _, episode = self._ended.popitem(last=False)
            else:
                episode = next(iter(self._episodes.values()))
                self._waiting_count -= 1
            del self._episodes[episode.name]
            if self._by_key.get(episode.key) is episode:
                del self._by_key[episode.key]
            self._hold_count -= episode.shelved_count
            for name, hold in episode.holds.items():
                self._forget(episode, name, hold)

    def _forget(self, episode: Episode, name: str, hold: EpisodeHold) -> None:
        self._hold_count -= 1
        key = (episode.server, open_of(name))
        holds = self._blocking.get(key)
        if holds and (episode, hold) in holds:
            holds.remove((episode, hold))
            episode.standing_count -= 1
            if not holds:
                del self._blocking[key]


def _key_of(fact: OpenRefused | _GotThrough) -> WaiterKey:
    return waiter_key(fact.machine, fact.program, fact.server, fact.share, fact.path, fact.purpose)
