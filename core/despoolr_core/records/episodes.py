"""Who waited for whom: the refusals of one update linked into an episode, without sampling.

The law: the ledger is a fold over the records of the share engine and nothing else; fed the same
records, live or from `records.jsonl`, it is the same ledger. The waiter is known by (machine,
program, share server, purpose), or without a purpose by (machine, program, share server, share,
path). The first refusal because of others' opens or locks begins one, further ones are its
attempts; when the same waiter gets the blocked path at last, it is `resolved`; a new refusal under
the same purpose opens the same episode again. `episode.ended` ends it otherwise (`given up`).

Bounded: at `episodes_max` the episode that ended first is dropped, at `history_max` the open that
was closed first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from despoolr_core.records.stream import Record
from despoolr_core.records.verdicts import verdict
from despoolr_core.rules.fold import fold
from despoolr_core.share.wire import EpisodeRow, Hold, LockedRange

WAITING: Final = "waiting"
RESOLVED: Final = "resolved"
GIVEN_UP: Final = "given up"

_Key = tuple[str, ...]


class HeldOpen(msgspec.Struct, frozen=True):
    """One open as the records tell it. `closed_at` is None while it is held; `kind` is empty for
    what is only an open.
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
    closed_at: float | None
    kind: str = ""


class Why(msgspec.Struct, frozen=True):
    """The answer to "who held it, who was refused, and why" at one time: opens, then episodes,
    oldest first.
    """

    at: float
    opens: list[HeldOpen]
    episodes: list[EpisodeRow]
    verdicts: list[str]


class _Hold:
    """One blocker of one episode, growing."""

    __slots__ = (
        "access",
        "first",
        "last",
        "lock",
        "machine",
        "open",
        "opened_at",
        "path",
        "program",
        "refusals",
        "released",
        "share_mode",
        "user",
    )

    def __init__(self, blocker: dict[str, Any], at: float) -> None:
        self.open: str = blocker["open"]
        self.machine: str = blocker["machine"]
        self.user: str = blocker["user"]
        self.program: str = blocker["program"]
        self.access: str = blocker["access"]
        self.share_mode: str = blocker["share_mode"]
        self.opened_at: float = blocker["opened_at"]
        self.lock = LockedRange(**blocker["lock"]) if "lock" in blocker else None
        self.path = ""
        self.first = self.last = at
        self.released: float | None = None
        self.refusals = 0

    def row(self) -> Hold:
        """The frozen view."""
        return Hold(
            machine=self.machine,
            user=self.user,
            program=self.program,
            access=self.access,
            share_mode=self.share_mode,
            opened_at=self.opened_at,
            first_blocked_at=self.first,
            last_blocked_at=self.last,
            released_at=self.released,
            refusal_count=self.refusals,
            open=self.open,
            lock=self.lock,
            path=self.path,
        )


class _Episode:
    """One chain of attempts, growing."""

    def __init__(self, name: str, key: _Key, record: Record) -> None:
        data = record.data
        self.name = name
        self.key = key
        self.server: str = data["server"]
        self.machine: str = data["machine"]
        self.program: str = data["program"]
        self.purpose: str = data["purpose"]
        self.first_at = record.at
        self.state = WAITING
        self.ended_at: float | None = None
        self.attempt_count = 0
        self.holds: dict[str, _Hold] = {}
        self.refuse(record)

    def refuse(self, record: Record) -> None:
        """One more attempt failed."""
        data = record.data
        self.share: str = data["share"]
        self.path: str = data["path"]
        self.access: str = data["access"]
        self.share_mode: str = data["share_mode"]
        self.nt_status: str = data["nt_status"]
        self.last_at = record.at
        self.attempt_count += 1
        self.state, self.ended_at = WAITING, None
        for blocker in data["blockers"]:
            name = _hold_name(blocker)
            hold = self.holds.get(name)
            if hold is None:
                hold = self.holds[name] = _Hold(blocker, record.at)
            hold.last = record.at
            hold.path = data["path"]
            hold.released = None  # a lock may come back under the same open
            hold.refusals += 1

    def end(self, state: str, at: float) -> None:
        """No more attempts are awaited."""
        self.state, self.ended_at = state, at

    def row(self, now: float) -> EpisodeRow:
        """The frozen view as of `now`."""
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
            holds=[hold.row() for hold in self.holds.values()],
            server=self.server,
            access=self.access,
            share_mode=self.share_mode,
        )


class EpisodeLedger:
    """Every episode and every open that the records tell of; `server` limits it to one share
    server's records.
    """

    def __init__(
        self, server: str = "", *, episodes_max: int = 10_000, history_max: int = 50_000
    ) -> None:
        self.episodes_max = episodes_max
        self._server = server
        self._episodes: dict[str, _Episode] = {}
        self._by_key: dict[_Key, _Episode] = {}
        self._ended: deque[_Episode] = deque()
        self._blocking: dict[tuple[str, str], list[_Hold]] = {}
        self._held: dict[tuple[str, str], Record] = {}
        self._past: deque[tuple[Record, float]] = deque(maxlen=history_max)
        self._waiting_count = 0
        self._last_at = 0.0
        self._steps: Final[dict[str, Callable[[Record], None]]] = {
            "share.started": self._server_started,
            "open.granted": self._granted,
            "open.refused": self._refused,
            "open.closed": self._closed,
            "lock.granted": self._got_through,
            "lock.released": self._unlocked,
            "file.written": self._got_through,
            "file.deleted": self._got_through,
            "file.renamed": self._got_through,
            "episode.ended": self._episode_ended,
        }

    def remembered(self) -> dict[str, int]:
        """How much is kept of what is over, up to the bounds: `opens` that were closed,
        `episodes`.
        """
        return {"opens": len(self._past), "episodes": len(self._episodes)}

    @property
    def waiting_count(self) -> int:
        """The number of episodes that are not over."""
        return self._waiting_count

    def apply(self, record: Record) -> None:
        """Take one record in. Kinds that are not the share engine's, and other servers' records,
        change nothing.
        """
        self._last_at = record.at
        step = self._steps.get(record.kind)
        if step is not None and (not self._server or record.data.get("server") == self._server):
            step(record)

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

    def row(self, episode: str, now: float | None = None) -> EpisodeRow | None:
        """One episode as of `now` (site seconds; None: the time of the last record)."""
        found = self._episodes.get(episode)
        return found.row(self._last_at if now is None else now) if found else None

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
                not machine or fold(machine) in _machines(episode)
            ):
                yield episode.row(at)
            else:
                yield None

    def opens(
        self, at: float | None = None, *, machine: str = "", path: str = ""
    ) -> list[HeldOpen]:
        """Who held what at a time (None: now), oldest first."""
        return [held for held in self.each_open(at, machine=machine, path=path) if held is not None]

    def each_open(
        self, at: float | None = None, *, machine: str = "", path: str = ""
    ) -> Iterator[HeldOpen | None]:
        """`opens` as they are known now, one by one (None: one left out)."""
        for record, closed_at in [*self._past, *((record, None) for record in self._held.values())]:
            held = (
                closed_at is None
                if at is None
                else record.at <= at and (closed_at is None or at < closed_at)
            )
            data = record.data
            if (
                held
                and (not machine or fold(machine) == fold(data["machine"]))
                and (not path or fold(path) == fold(data["path"]))
            ):
                yield _held_open(record, closed_at)
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
                yield row
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

    def waiter_seconds_by_share(self, now: float) -> dict[tuple[str, str], float]:
        """How long each (share, program) made others wait: seconds from first blocking to release
        or end.
        """
        total: dict[tuple[str, str], float] = {}
        for episode in self._episodes.values():
            end = now if episode.ended_at is None else episode.ended_at
            for hold in episode.holds.values():
                until = end if hold.released is None else min(hold.released, end)
                key = (episode.share, hold.program)
                total[key] = total.get(key, 0.0) + max(0.0, until - hold.first)
        return total

    # -- one step for each kind

    def _server_started(self, record: Record) -> None:
        server = record.data["server"]
        for key in [key for key in self._held if key[0] == server]:
            self._release(key, record.at)

    def _granted(self, record: Record) -> None:
        self._held[record.data["server"], record.data["open"]] = record
        self._got_through(record)

    def _closed(self, record: Record) -> None:
        self._release((record.data["server"], record.data["open"]), record.at)

    def _release(self, key: tuple[str, str], at: float) -> None:
        granted = self._held.pop(key, None)
        if granted is not None:
            self._past.append((granted, at))
        for hold in self._blocking.pop(key, ()):
            if hold.released is None:
                hold.released = at

    def _unlocked(self, record: Record) -> None:
        data = record.data
        for hold in self._blocking.get((data["server"], data["open"]), ()):
            lock = hold.lock
            if lock is not None and (lock.kind, lock.offset, lock.length) == (
                data["lock"],
                data["offset"],
                data["length"],
            ):
                hold.released = record.at

    def _refused(self, record: Record) -> None:
        data = record.data
        if not data["blockers"] or not data["episode"]:
            return
        key = _key(
            data["machine"],
            data["program"],
            data["server"],
            data["share"],
            data["path"],
            data["purpose"],
        )
        episode = self._episodes.get(data["episode"])
        if episode is None:
            episode = _Episode(data["episode"], key, record)
            self._episodes[episode.name] = self._by_key[key] = episode
            self._waiting_count += 1
            known = 0
            self._drop()
        else:
            known = len(episode.holds)
            if episode.state != WAITING:
                self._ended.remove(episode)
                self._waiting_count += 1
            episode.refuse(record)
        for name in list(episode.holds)[known:]:
            self._blocking.setdefault((data["server"], _open_of(name)), []).append(
                episode.holds[name]
            )

    def _got_through(self, record: Record) -> None:
        if not self._waiting_count:
            return
        data = record.data
        purpose = data.get("purpose", "")
        episode = self._by_key.get(
            _key(
                data["machine"],
                data["program"],
                data["server"],
                data["share"],
                data["path"],
                purpose,
            )
        )
        if (
            episode is not None
            and episode.state == WAITING
            and _same(episode, data["share"], data["path"])
        ):
            self._end(episode, RESOLVED, record.at)

    def _episode_ended(self, record: Record) -> None:
        episode = self._episodes.get(record.data["episode"])
        if episode is not None and episode.state == WAITING:
            self._end(episode, record.data["state"], record.at)

    def _end(self, episode: _Episode, state: str, at: float) -> None:
        episode.end(state, at)
        self._waiting_count -= 1
        self._ended.append(episode)

    def _drop(self) -> None:
        while len(self._episodes) > self.episodes_max:
            if self._ended:
                episode = self._ended.popleft()
            else:
                episode = next(iter(self._episodes.values()))
                self._waiting_count -= 1
            del self._episodes[episode.name]
            if self._by_key.get(episode.key) is episode:
                del self._by_key[episode.key]
            for name, hold in episode.holds.items():
                key = (episode.server, _open_of(name))
                holds = self._blocking.get(key)
                if holds and hold in holds:
                    holds.remove(hold)
                    if not holds:
                        del self._blocking[key]


def _held_open(record: Record, closed_at: float | None) -> HeldOpen:
    data = record.data
    return HeldOpen(
        server=data["server"],
        open=data["open"],
        machine=data["machine"],
        user=data["user"],
        program=data["program"],
        share=data["share"],
        path=data["path"],
        access=data["access"],
        share_mode=data["share_mode"],
        opened_at=record.at,
        closed_at=closed_at,
        kind=data.get("lock", ""),
    )


def _hold_name(blocker: dict[str, Any]) -> str:
    """A blocker within an episode: an open, or one lock of it."""
    lock = blocker.get("lock")
    return (
        f"{blocker['open']} {lock['kind']} {lock['offset']} {lock['length']}"
        if lock
        else str(blocker["open"])
    )


def _open_of(hold_name: str) -> str:
    return hold_name.partition(" ")[0]


def _key(machine: str, program: str, server: str, share: str, path: str, purpose: str) -> _Key:
    if purpose:
        return (machine, program, server, purpose)
    return (machine, program, server, fold(share), fold(path))


def _may_reopen(episode: _Episode) -> bool:
    return bool(episode.purpose) and episode.state == RESOLVED


def _same(episode: _Episode, share: str, path: str) -> bool:
    return fold(episode.path) == fold(path) and fold(episode.share) == fold(share)


def _machines(episode: _Episode) -> set[str]:
    return {fold(episode.machine), *(fold(hold.machine) for hold in episode.holds.values())}
