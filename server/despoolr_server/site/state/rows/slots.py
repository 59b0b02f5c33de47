"""Client slots: which fleet runs which of a site's clients. Every number belongs to one fleet at
most.

The law: ranges never meet. The order of times is

    a holder asks  ->  its own clock ends the lease (`hold_s` after it asked), it stops its clients
                   ->  the site gives the numbers away (`lease_s` after it heard the holder)

and the site heard the holder no earlier than the holder asked, so nobody gets numbers that another
still runs. A fleet that asks again gets its own range back for as long as nobody else took it; one
whose lease ran out is counted, because clients have then come and gone unasked. A site that did not
run for a while (`SLEEP_SHARE`) heard nobody and takes nothing away. Where the site was told how
many clients are wanted, no number beyond that is ever given out; a fleet too many gets an empty
range and stands by.

Pure: `now` is an argument (this machine's seconds, not site time: a lost fleet is lost in real
time).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from despoolr_core.share.fleet_api import NUMBER_MAX

FLEETS_MAX: Final = 10_000
"""Leases one site keeps, and as many that ran out."""
LEASE_S: Final = 30.0
"""Seconds after which the site gives away what was not renewed."""
LEASE_S_MIN: Final = 3.0
LEASE_S_MAX: Final = 3600.0
HOLD_SHARE: Final = 2 / 3
"""Share of that time for which the holder's own clock lets it go on; in the rest it stops its
clients.
"""
BEATS: Final = 5
"""Renewals within the time that a holder may go on without one."""
MISSED_BEATS: Final = 2
"""A fleet that was not heard of for so many renewals may be replaced by another process of its
name.
"""
SLEEP_SHARE: Final = 1 / 3
"""A site that did not look at its leases for more than this share of `lease_s` did not run."""

Span = tuple[int, int]
"""Numbers that are somebody else's: the first, and the one after the last."""


class SlotConflict(Exception):
    """The numbers are another's. Who must act: whoever starts the fleet; the message says what to
    do.

    `wait_s`: seconds after which asking again may help, 0 if it will not.
    """

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class Lease(msgspec.Struct, frozen=True):
    """The clients `first` to `first + count - 1` are `holder`'s. `live`: how many of them it said
    exist.

    `instance` is the process that runs them, empty where nobody knows.
    """

    holder: str
    first: int
    count: int
    live: int = 0
    expires_at: float = 0.0
    instance: str = ""

    @property
    def end(self) -> int:
        """The number after the last."""
        return self.first + self.count

    def meets(self, first: int, end: int) -> bool:
        """Whether it has any of the numbers from `first` to before `end`."""
        return self.first < end and first < self.end


class Wish(msgspec.Struct, frozen=True):
    """What a fleet asks for: `count` numbers, from `first` on (0: any).

    `instance` is the process that asks, `has_stopped` whether its own clock had ended a lease.
    """

    holder: str
    count: int
    first: int = 0
    instance: str = ""
    has_stopped: bool = False


class Sum(msgspec.Struct, frozen=True):
    """All leases together. `wanted` is what was asked for, or the sum of the leases where nothing
    was.
    """

    wanted: int
    leased: int
    live: int
    lapsed_count: int

    @property
    def is_exact(self) -> bool:
        """Whether exactly the clients that were asked for exist now; `lapsed_count` says whether
        there was a gap before.
        """
        return self.live == self.wanted == self.leased


class SlotTable:
    """The leases of one site. `wanted` 0: as many as the fleets ask for."""

    def __init__(self, wanted: int = 0, lease_s: float = LEASE_S) -> None:
        self.wanted = wanted
        self.lease_s = lease_s
        self.lapsed_count = 0
        self._leases: dict[str, Lease] = {}
        self._lapsed: dict[str, Lease] = {}
        """Ranges that ran out and that nobody took: their holders get them back when they are heard
        of.
        """
        self._looked_at: float | None = None

    @property
    def hold_s(self) -> float:
        """Seconds for which a holder may go on, by its own clock, from the moment at which it
        asked.
        """
        return self.lease_s * HOLD_SHARE

    @property
    def beat_s(self) -> float:
        """How often a holder renews its lease, in seconds."""
        return self.hold_s / BEATS

    def restore(self, leases: Iterable[Lease], now: float) -> None:
        """What the site server knew when it stopped: everyone gets a whole lease to be heard of
        again.
        """
        for lease in leases:
            self._leases[lease.holder] = Lease(
                lease.holder, lease.first, lease.count, 0, now + self.lease_s
            )
        self._looked_at = now

    def lease(self, wish: Wish, now: float, others: Sequence[Span] = ()) -> Lease:
        """A range of numbers for a fleet: the one it has, or a free one; empty if there is none.

        `others` are numbers of machines with other names. Raises `SlotConflict` for numbers that
        are another's, or a name.
        """
        held = self._leases.get(wish.holder)
        self._check_name(wish, held, now)
        former = held or self._lapsed.get(wish.holder)
        if (
            held is None
            or held.count != wish.count
            or wish.first not in (0, held.first)
            or _meet(held, others)
        ):
            new = self._new(wish, former, now, others)
        else:
            new = held
        # Nothing can be refused from here on.
        self.lapsed_count += wish.has_stopped and held is not None  # the site had not noticed yet
        self._leases.pop(wish.holder, None)
        if not new.count:
            return new
        self._lapsed = {
            n: x
            for n, x in self._lapsed.items()
            if n != wish.holder and not x.meets(new.first, new.end)
        }
        return self._keep(replace(new, instance=wish.instance), 0, now)

    def renew(self, holder: str, live: int, now: float, instance: str = "") -> Lease | None:
        """Keep a lease, or take up again one that ran out and that nobody took; None if the holder
        has none, or no longer.

        Raises `SlotConflict` if another process of that name has it.
        """
        held = self._leases.get(holder) or self._lapsed.get(holder)
        if held is None:
            return None
        if instance and held.instance not in ("", instance):
            raise SlotConflict(
                f"Another process runs the clients of {holder} by now. Give each fleet a --holder "
                "of its own."
            )
        self._lapsed.pop(holder, None)
        return self._keep(
            replace(held, instance=instance or held.instance), min(live, held.count), now
        )

    def release(self, holder: str, instance: str = "") -> Lease | None:
        """Give a range back. Returns its lease; None if there was none, or another process of that
        name has it.
        """
        held = self._leases.get(holder)
        if held is not None and instance and held.instance not in ("", instance):
            return None
        self._lapsed.pop(holder, None)
        return self._leases.pop(holder, None)

    def has_lapsed(self, holder: str) -> bool:
        """Whether a holder's lease ran out, and nobody took its numbers."""
        return holder in self._lapsed

    def expire(self, now: float) -> list[Lease]:
        """Take back, and return, the leases that were not renewed in time. Look at least every
        `beat_s`: a site that slept takes nothing back.
        """
        slept_s = 0.0 if self._looked_at is None else now - self._looked_at
        self._looked_at = now
        if slept_s > self.lease_s * SLEEP_SHARE:
            self._leases = {
                n: replace(x, live=0, expires_at=now + self.lease_s)
                for n, x in self._leases.items()
            }
            return []
        lapsed = [lease for lease in self._leases.values() if lease.expires_at <= now]
        for lease in lapsed:
            self._lapsed[lease.holder] = self._leases.pop(lease.holder)
        for holder in list(self._lapsed)[: max(0, len(self._lapsed) - FLEETS_MAX)]:
            del self._lapsed[holder]
        self.lapsed_count += len(lapsed)
        return lapsed

    def leases(self) -> list[Lease]:
        """All of them, by number."""
        return sorted(self._leases.values(), key=lambda lease: lease.first)

    def sum(self, now: float) -> Sum:
        """All of them together. The clients of a fleet that was silent for half a lease do not
        count as live.
        """
        leased = sum(lease.count for lease in self._leases.values())
        live = sum(
            lease.live
            for lease in self._leases.values()
            if now < lease.expires_at - self.lease_s / 2
        )
        return Sum(self.wanted or leased, leased, live, self.lapsed_count)

    # -- parts

    def _check_name(self, wish: Wish, held: Lease | None, now: float) -> None:
        """A name belongs to one process for as long as that is heard of."""
        if held is None or not held.instance or held.instance == wish.instance:
            return
        silent_s = now - (held.expires_at - self.lease_s)
        left_s = MISSED_BEATS * self.beat_s - silent_s
        if left_s > 0:
            raise SlotConflict(
                f"A fleet named {wish.holder} runs clients {held.first} to {held.end - 1} already "
                f"({silent_s:.0f} s ago). "
                "Stop it, or give this one another --holder and other numbers (--first, "
                "or --lease).",
                wait_s=left_s,
            )

    def _new(self, wish: Wish, former: Lease | None, now: float, others: Sequence[Span]) -> Lease:
        """A range that nobody else has: exactly the numbers that are wished for, the former ones,
        or free ones.
        """
        leases = [lease for lease in self.leases() if lease.holder != wish.holder]
        if len(leases) >= FLEETS_MAX:
            return Lease(wish.holder, 0, 0)
        if wish.first:
            self._check_numbers(wish, leases, now, others)
            return Lease(wish.holder, wish.first, wish.count)
        taken = [*others, *((lease.first, lease.end) for lease in leases)]
        if (
            former is not None
            and former.count == wish.count
            and not any(former.meets(*span) for span in taken)
        ):
            return Lease(wish.holder, former.first, former.count)
        # Numbers that ran out are free, but their holders may come back: they are taken where there
        # are no others.
        lapsed = [
            (lease.first, lease.end)
            for lease in self._lapsed.values()
            if lease.holder != wish.holder
        ]
        first, granted = self._gap(wish.count, [*taken, *lapsed])
        if granted < wish.count:
            first, granted = self._gap(wish.count, taken)
        return Lease(wish.holder, first, granted)

    def _check_numbers(
        self, wish: Wish, leases: Sequence[Lease], now: float, others: Sequence[Span]
    ) -> None:
        """Whether exactly the numbers that are wished for can be had."""
        end = wish.first + wish.count
        last = self.wanted or NUMBER_MAX
        if end - 1 > last:
            raise SlotConflict(
                f"This site has clients 1 to {last}; {wish.first} to {end - 1} were asked for. "
                "Ask for fewer."
            )
        free = max([wish.first, *(x.end for x in leases), *(stop for _, stop in others)])
        for other in leases:
            if other.meets(wish.first, end):
                silent_s = now - (other.expires_at - self.lease_s)
                raise SlotConflict(
                    f"Clients {other.first} to {other.end - 1} are run by {other.holder} (heard "
                    f"of {silent_s:.0f} s ago). "
                    f"Give this fleet other numbers (--first {free}, or --lease), or stop that one."
                )
        for begin, stop in others:
            if begin < end and wish.first < stop:
                raise SlotConflict(
                    f"Numbers {begin} to {stop - 1} are machines of other names, which would "
                    "be replaced, "
                    "or would get names that other machines have. "
                    f"Give this fleet other numbers (--first {free}, or --lease), or the --prefix "
                    "of those machines."
                )

    def _keep(self, held: Lease, live: int, now: float) -> Lease:
        kept = replace(held, live=live, expires_at=now + self.lease_s)
        self._leases[held.holder] = kept
        return kept

    def _gap(self, count: int, taken: Iterable[Span]) -> tuple[int, int]:
        """The first free range that takes `count`, else the largest: where it begins, how many of
        `count` it takes.
        """
        best, begin = (0, 0), 1
        for first, end in [*sorted(taken), ((self.wanted or NUMBER_MAX) + 1, 0)]:
            free = min(first - begin, count)
            if free > best[1]:
                best = (begin, free)
            if free == count:
                break
            begin = max(begin, end)
        return best


def _meet(lease: Lease, others: Sequence[Span]) -> bool:
    return any(lease.meets(first, end) for first, end in others)
