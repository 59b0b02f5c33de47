"""One episode: a waiter's attempts at one update, and those who were in the way.

The law: the waiter is known by (machine, program, share server, purpose), or without a purpose by
(machine, program, share server, share, path). What it was refused by are its holds, one for each
open or lock that was in the way; one that is released and comes back is the same hold. The holds of
an episode that is over, none of whose opens stand, may lie on a shelf.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec.structs import replace

from despoolr_core.records.kinds.share import OpenRefused
from despoolr_core.rules.conflict import wants
from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import Access, parse_flags
from despoolr_core.share.wire import Blocker, EpisodeRow, Hold
from despoolr_core.shelf import Shelf

WAITING: Final = "waiting"
RESOLVED: Final = "resolved"
GIVEN_UP: Final = "given up"

WaiterKey = tuple[str, ...]


def waiter_key(
    machine: str, program: str, server: str, share: str, path: str, purpose: str
) -> WaiterKey:
    """What makes two refusals attempts of one waiter."""
    if purpose:
        return (machine, program, server, purpose)
    return (machine, program, server, fold(share), fold(path))


class EpisodeHold(msgspec.Struct, array_like=True, eq=False):
    """One blocker of one episode, growing."""

    blocker: Blocker
    first: float
    last: float
    path: str = ""
    released: float | None = None
    refusals: int = 0

    def row(self) -> Hold:
        """What is told of it."""
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
_DECODER: Final = msgspec.msgpack.Decoder(list[EpisodeHold])


class Episode:
    """One chain of attempts, growing. `standing_count`: its holds whose opens have not ended;
    `shelved_count`: those that lie on the shelf.
    """

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

    def __init__(self, name: str, key: WaiterKey, refused: OpenRefused, number: int) -> None:
        self.name = name
        self.key = key
        self.number = number
        self.server = refused.server
        self.machine = refused.machine
        self.program = refused.program
        self.purpose = refused.purpose
        self.attempt_count = 0
        self.holds: dict[str, EpisodeHold] = {}
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
            name = hold_name(blocker)
            hold = self.holds.get(name)
            if hold is None:
                hold = self.holds[name] = EpisodeHold(blocker, at, at)
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

    def row(self, now: float, holds: Iterable[EpisodeHold]) -> EpisodeRow:
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

    def is_about(self, share: str, path: str) -> bool:
        """Whether the file that it waits for is this one."""
        return fold(self.path) == fold(path) and fold(self.share) == fold(share)

    @property
    def may_reopen(self) -> bool:
        """Whether a new refusal of its waiter goes on with it, although it is over."""
        return bool(self.purpose) and self.state == RESOLVED

    # -- what is over

    def all_holds(self, shelf: Shelf | None) -> Iterable[EpisodeHold]:
        """Its holds, from the shelf if they lie there."""
        if shelf is None or not self.shelved_count:
            return self.holds.values()
        return _DECODER.decode(shelf.get(self.number))

    def lay_aside(self, shelf: Shelf | None) -> None:
        """Put its holds on the shelf, if only another refusal can change them."""
        if shelf is not None and not self.standing_count and self.state != WAITING and self.holds:
            shelf.put(self.number, _ENCODER.encode([*self.holds.values()]))
            self.shelved_count = len(self.holds)
            self.holds = {}

    def take_back(self, shelf: Shelf | None) -> None:
        """Have its holds in memory again, since it goes on."""
        self.holds = {hold_name(hold.blocker): hold for hold in self.all_holds(shelf)}
        self.shelved_count = 0


def hold_name(blocker: Blocker) -> str:
    """A blocker within an episode: an open, or one lock of it."""
    lock = blocker.lock
    return f"{blocker.open} {lock.kind} {lock.offset} {lock.length}" if lock else blocker.open


def open_of(name: str) -> str:
    """The open that a hold of this name is, or is a lock of."""
    return name.partition(" ")[0]


def is_enough(got: str, wanted: str) -> bool:
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
