"""Who waited for whom: the refusals of one update linked into an episode, without sampling.

The law: the ledger is a fold over the records of the share engine and nothing else; fed the same
records, live or from `records.jsonl`, it is the same ledger. The waiter is known by (machine,
program, share server, purpose), or without a purpose by (machine, program, share server, share,
path). The first refusal because of others' opens or locks begins one, further ones are its
attempts; when the same waiter gets the blocked path at last, for what it wanted, it is `resolved`;
a new refusal under the same purpose opens the same episode again. `episode.ended` ends it otherwise
(`given up`).

Bounded: at `episodes_max`, and at `HOLDS_EACH` times as many holds, the episode that ended first is
dropped; at `HOLDS_MAX` of its holds an episode forgets the first that was released; at
`history_max` the open goes that was closed first.

With a shelf, the holds of an episode that is over, none of whose opens stand, lie there until it is
asked for.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import replace

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
from despoolr_core.rules.conflict import wants
from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import Access, parse_flags
from despoolr_core.share.wire import Blocker, EpisodeRow, Hold
from despoolr_core.shelf import Shelf

WAITING: Final = "waiting"
RESOLVED: Final = "resolved"
GIVEN_UP: Final = "given up"

HOLDS_MAX: Final = 4_096
"""Holds of one episode."""
HOLDS_EACH: Final = 20
"""Holds of all episodes, in the mean of `episodes_max`."""

_Key = tuple[str, ...]
_H = TypeVar("_H", bound="HeldOpen")
_GotThrough = OpenGranted | LockGranted | FileWritten | FileDeleted | FileRenamed


class HeldOpen(msgspec.Struct):
    """One open as the records tell it. `closed_at` is None while it is held; `kind` is empty for
    what is only an open; `since` as in `Blocker`.
    """

    server: str
    open: str
    machine: str
    user: str
    program: str
    share: str
    path: str
    access: str
    share_mode: str
    opened_at: float
    closed_at: float | None = None
    kind: str = ""
    since: str = ""


class Why(msgspec.Struct, frozen=True):
    """The answer to "who held it, who was refused, and why" at one time: opens, then episodes,
    oldest first.
    """

    at: float
    opens: list[HeldOpen]
    episodes: list[EpisodeRow]
    verdicts: list[str]


class _Hold(msgspec.Struct, array_like=True, eq=False):
    """One blocker of one episode, growing."""

    blocker: Blocker
    first: float
    last: float
    path: str = ""
    released: float | None = None
    refusals: int = 0

    def row(self) -> Hold:
        """The frozen view."""
        blocker = self.blocker
        return Hold(
            machine=blocker.machine,
            user=blocker.user,
            program=blocker.program,
            access=blocker.access,
            share_mode=blocker.share_mode,
            opened_at=blocker.opened_at,
            first_blocked_at=self.first,
            last_blocked_at=self.last,
            released_at=self.released,
            refusal_count=self.refusals,
            open=blocker.open,
            lock=blocker.lock,
            path=self.path,
            since=blocker.since,
        )


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(list[_Hold])


class _Episode:
    """One chain of attempts, growing. `standing_count`: its holds whose opens have not ended."""

    __slots__ = (
        "access",
        "attempt_count",
        "ended_at",
        "first_at",
        "holds",
        "key",
        "last_at",
        "machine",
        "name",
        "nt_status",
        "number",
        "path",
        "program",
        "purpose",
        "server",
        "share",
        "share_mode",
        "shelved_count",
        "standing_count",
        "state",
    )

    def __init__(self, name: str, key: _Key, refused: OpenRefused, number: int) -> None:
        self.name = name
        self.key = key
        self.number = number
        self.server = refused.server
        self.machine = refused.machine
        self.program = refused.program
        self.purpose = refused.purpose
        self.attempt_count = 0
        self.holds: dict[str, _Hold] = {}
        self.standing_count = self.shelved_count = 0

    def refuse(self, refused: OpenRefused, at: float) -> list[str]:
        """One more attempt failed; the names of holds that were not known."""
        if not self.attempt_count:
            self.first_at = at
        self.share = refused.share
        self.path = refused.path
        self.access = refused.access
        self.share_mode = refused.share_mode
        self.nt_status = refused.nt_status
        self.last_at = at
        self.attempt_count += 1
        self.state = WAITING
        self.ended_at: float | None = None
        new: list[str] = []
        for blocker in refused.blockers:
            name = _hold_name(blocker)
            hold = self.holds.get(name)
            if hold is None:
                hold = self.holds[name] = _Hold(blocker, at, at)
                new.append(name)
            hold.last = at
            hold.path = refused.path
            hold.released = None  # a lock may come back under the same open
            hold.refusals += 1
        return new

    def to_forget(self) -> str:
        """The hold of which least is lost: the first that was released, or the first."""
        over = (name for name, hold in self.holds.items() if hold.released is not None)
        return next(over, "") or next(iter(self.holds))

    def end(self, state: str, at: float) -> None:
        """No more attempts are awaited."""
        self.state, self.ended_at = state, at

    def row(self, now: float, holds: Iterable[_Hold]) -> EpisodeRow:
        """The frozen view as of `now`, with these of its holds."""
        end = now if self.ended_at is None else self.ended_at
        return EpisodeRow(
            episode=self.name,
            state=self.state,
            machine=self.machine,
            program=self.program,
            purpose=self.purpose,
            share=self.share,
            path=self.path,
            first_refused_at=self.first_at,
            last_refused_at=self.last_at,
            ended_at=self.ended_at,
            attempt_count=self.attempt_count,
            blocked_s=max(0.0, end - self.first_at),
            nt_status=self.nt_status,
            holds=[hold.row() for hold in holds],
            server=self.server,
            access=self.access,
            share_mode=self.share_mode,
        )


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
        shelf: Shelf | None = None,
    ) -> None:
        self.episodes_max = episodes_max
        self._server = server
        self._shelf = shelf
        self._begun_count = 0
        self._episodes: OrderedDict[str, _Episode] = OrderedDict()
        self._by_key: dict[_Key, _Episode] = {}
        self._ended: OrderedDict[str, _Episode] = OrderedDict()
        self._blocking: dict[tuple[str, str], list[tuple[_Episode, _Hold]]] = {}
        self._held: dict[tuple[str, str], tuple[OpenGranted, float]] = {}
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
        return len(self._held)

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

    # -- asking

    def find(
        self, machine: str, program: str, server: str, share: str, path: str, purpose: str = ""
    ) -> str | None:
        """The episode a refusal of this waiter would belong to; None if it would begin a new
        one.
        """
        episode = self._by_key.get(_key(machine, program, server, share, path, purpose))
        if episode is None or (episode.state != WAITING and not _may_reopen(episode)):
            return None
        return episode.name

    def waiting(
        self, machine: str, program: str, server: str, share: str, path: str, purpose: str = ""
    ) -> str | None:
        """The episode in which this waiter waits for this very path, if there is one."""
        episode = self._by_key.get(_key(machine, program, server, share, path, purpose))
        if episode is None or episode.state != WAITING or not _same(episode, share, path):
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
        """The opens that stand now, oldest first. Records may come while they are gone through."""
        return (
            held_open(HeldOpen, granted, opened_at) for granted, opened_at in [*self._held.values()]
        )

    def opens(
        self, at: float | None = None, *, machine: str = "", path: str = ""
    ) -> list[HeldOpen]:
        """Who held what at a time (None: now), oldest first."""
        return [held for held in self.each_open(at, machine=machine, path=path) if held is not None]

    def each_open(
        self, at: float | None = None, *, machine: str = "", path: str = ""
    ) -> Iterator[HeldOpen | None]:
        """`opens` as they are known now, one by one (None: one left out)."""
        held = [(granted, opened_at, None) for granted, opened_at in self._held.values()]
        for granted, opened_at, closed_at in [*self._past, *held]:
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
            for hold in [*self._holds_of(episode)]:
                until = end if hold.released is None else min(hold.released, end)
                yield (episode.share, hold.blocker.program), max(0.0, until - hold.first)

    def _row(self, episode: _Episode, now: float) -> EpisodeRow:
        return episode.row(now, self._holds_of(episode))

    def _machines(self, episode: _Episode) -> set[str]:
        holders = (fold(hold.blocker.machine) for hold in self._holds_of(episode))
        return {fold(episode.machine), *holders}

    # -- what is over

    def _holds_of(self, episode: _Episode) -> Iterable[_Hold]:
        if self._shelf is None or not episode.shelved_count:
            return episode.holds.values()
        return _DECODER.decode(self._shelf.get(episode.number))

    def _lay_aside(self, episode: _Episode) -> None:
        """Put the holds of an episode on the shelf, if only another refusal can change them."""
        if (
            self._shelf is not None
            and not episode.standing_count
            and episode.state != WAITING
            and episode.holds
        ):
            self._shelf.put(episode.number, _ENCODER.encode([*episode.holds.values()]))
            episode.shelved_count = len(episode.holds)
            episode.holds = {}

    def _take_back(self, episode: _Episode) -> None:
        holds = self._holds_of(episode)
        episode.holds = {_hold_name(hold.blocker): hold for hold in holds}
        episode.shelved_count = 0

    # -- one step for each kind

    def _server_started(self, started: ShareStarted, at: float) -> None:
        for key in [key for key in self._held if key[0] == started.server]:
            self._release(key, at)

    def _granted(self, granted: OpenGranted, at: float) -> None:
        if granted.since == "before" and (granted.server, granted.open) in self._held:
            return  # told again, since old records have gone
        self._held[granted.server, granted.open] = (granted, at)
        self._got_through(granted, at)

    def _closed(self, closed: OpenClosed, at: float) -> None:
        self._release((closed.server, closed.open), at)

    def _release(self, key: tuple[str, str], at: float) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self._past.append((*held, at))
        for episode, hold in self._blocking.pop(key, ()):
            if hold.released is None:
                hold.released = at
            episode.standing_count -= 1
            self._lay_aside(episode)

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
            episode = _Episode(refused.episode, key, refused, self._begun_count)
            self._episodes[episode.name] = self._by_key[key] = episode
            self._waiting_count += 1
        elif episode.state != WAITING:
            del self._ended[episode.name]
            self._take_back(episode)
            self._waiting_count += 1
        new = episode.refuse(refused, at)
        self._hold_count += len(new)
        episode.standing_count += len(new)
        for name in new:
            self._blocking.setdefault((refused.server, _open_of(name)), []).append(
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
            and _same(episode, got.share, got.path)
            and (not isinstance(got, OpenGranted) or _is_enough(got.access, episode.access))
        ):
            self._end(episode, RESOLVED, at)

    def _episode_ended(self, ended: EpisodeEnded, at: float) -> None:
        episode = self._episodes.get(ended.episode)
        if episode is not None and episode.state == WAITING:
            self._end(episode, ended.state, at)

    def _end(self, episode: _Episode, state: str, at: float) -> None:
        episode.end(state, at)
        self._waiting_count -= 1
        self._ended[episode.name] = episode
        self._lay_aside(episode)

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

    def _forget(self, episode: _Episode, name: str, hold: _Hold) -> None:
        self._hold_count -= 1
        key = (episode.server, _open_of(name))
        holds = self._blocking.get(key)
        if holds and (episode, hold) in holds:
            holds.remove((episode, hold))
            episode.standing_count -= 1
            if not holds:
                del self._blocking[key]


def held_open(
    kind: type[_H], granted: OpenGranted, opened_at: float, closed_at: float | None = None
) -> _H:
    """An open as its grant tells it, and its end, if it has one."""
    return kind(
        server=granted.server,
        open=granted.open,
        machine=granted.machine,
        user=granted.user,
        program=granted.program,
        share=granted.share,
        path=granted.path,
        access=granted.access,
        share_mode=granted.share_mode,
        opened_at=opened_at,
        closed_at=closed_at,
        kind=granted.lock or "",
        since=granted.since or "",
    )


def _hold_name(blocker: Blocker) -> str:
    """A blocker within an episode: an open, or one lock of it."""
    lock = blocker.lock
    return f"{blocker.open} {lock.kind} {lock.offset} {lock.length}" if lock else blocker.open


def _open_of(hold_name: str) -> str:
    return hold_name.partition(" ")[0]


def _key(machine: str, program: str, server: str, share: str, path: str, purpose: str) -> _Key:
    if purpose:
        return (machine, program, server, purpose)
    return (machine, program, server, fold(share), fold(path))


def _key_of(fact: OpenRefused | _GotThrough) -> _Key:
    return _key(fact.machine, fact.program, fact.server, fact.share, fact.path, fact.purpose)


def _is_enough(got: str, wanted: str) -> bool:
    """Whether an open with the first access is what was refused with the second: a look at the
    attributes of a file is not the write that somebody waits for.
    """
    if got == wanted or not got or not wanted:
        return True
    try:
        return not wants(parse_flags(Access, wanted)) & ~wants(parse_flags(Access, got))
    except ValueError:  # words of another version
        return True


def as_of(row: EpisodeRow, at: float) -> EpisodeRow:
    """An episode as it was at a moment, as far as its row tells. How often it was refused by then
    no row tells: counts stay those of the whole.
    """
    ended_at = row.ended_at if row.ended_at is not None and row.ended_at <= at else None
    holds = [
        replace(
            hold,
            last_blocked_at=min(hold.last_blocked_at, at),
            released_at=hold.released_at
            if hold.released_at is not None and hold.released_at <= at
            else None,
        )
        for hold in row.holds
        if hold.first_blocked_at <= at
    ]
    return replace(
        row,
        state=WAITING if ended_at is None else row.state,
        ended_at=ended_at,
        last_refused_at=min(row.last_refused_at, at),
        blocked_s=max(0.0, (at if ended_at is None else ended_at) - row.first_refused_at),
        holds=holds,
    )


def _may_reopen(episode: _Episode) -> bool:
    return bool(episode.purpose) and episode.state == RESOLVED


def _same(episode: _Episode, share: str, path: str) -> bool:
    return fold(episode.path) == fold(path) and fold(episode.share) == fold(share)
