"""Client slots: which fleet runs which of a site's clients. Every number belongs to one fleet at most.

The law: ranges never meet. A fleet that asks again under its name gets its own range back; one that falls silent for
`lease_s` loses it, and that is counted, because clients have then come and gone unasked. Where the site was told how many
clients are wanted, no number beyond that is ever given out; a fleet too many gets an empty range and stands by.

Pure: `now` is an argument (this machine's seconds, not site time: a lost fleet is lost in real time).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

NUMBER_MAX: Final = 1_000_000
"""Clients one site can have."""
FLEETS_MAX: Final = 10_000
"""Leases one site keeps."""
LEASE_S: Final = 30.0
"""Seconds a lease lasts without being renewed."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The clients `first` to `first + count - 1` are `holder`'s. `live`: how many of them it said exist."""

    holder: str
    first: int
    count: int
    live: int = 0
    expires_at: float = 0.0

    @property
    def end(self) -> int:
        """The number after the last."""
        return self.first + self.count


@dataclass(frozen=True, slots=True)
class Sum:
    """All leases together. `wanted` is what was asked for, or the sum of the leases where nothing was."""

    wanted: int
    leased: int
    live: int
    lapsed_count: int

    @property
    def is_exact(self) -> bool:
        """Whether exactly the clients that were asked for exist, and have existed without a gap."""
        return self.live == self.wanted == self.leased and not self.lapsed_count


class SlotTable:
    """The leases of one site. `wanted` 0: as many as the fleets ask for."""

    def __init__(self, wanted: int = 0, lease_s: float = LEASE_S) -> None:
        self.wanted = wanted
        self.lease_s = lease_s
        self.lapsed_count = 0
        self._leases: dict[str, Lease] = {}

    def restore(self, leases: Iterable[Lease], now: float) -> None:
        """What the site server knew when it stopped: everyone gets a whole lease to be heard of again."""
        for lease in leases:
            self._leases[lease.holder] = Lease(lease.holder, lease.first, lease.count, 0, now + self.lease_s)

    def lease(self, holder: str, count: int, now: float) -> Lease:
        """A range of at most `count` numbers for `holder`: the one it has, or a free one; empty if there is none."""
        held = self._leases.get(holder)
        if held is None:
            first, granted = self._gap(count) if len(self._leases) < FLEETS_MAX else (0, 0)
            held = Lease(holder, first, granted)
        if not held.count:
            return held
        return self._keep(held, 0, now)

    def renew(self, holder: str, live: int, now: float) -> Lease | None:
        """Keep a lease; None if the holder has none (any more)."""
        held = self._leases.get(holder)
        return None if held is None else self._keep(held, min(live, held.count), now)

    def release(self, holder: str) -> Lease | None:
        """Give a range back; None if there was none."""
        return self._leases.pop(holder, None)

    def expire(self, now: float) -> list[Lease]:
        """Take back what was not renewed in time."""
        lapsed = [lease for lease in self._leases.values() if lease.expires_at <= now]
        for lease in lapsed:
            del self._leases[lease.holder]
        self.lapsed_count += len(lapsed)
        return lapsed

    def leases(self) -> list[Lease]:
        """All of them, by number."""
        return sorted(self._leases.values(), key=lambda lease: lease.first)

    def sum(self, now: float) -> Sum:
        """All of them together. The clients of a fleet that was silent for half a lease do not count as live."""
        leased = sum(lease.count for lease in self._leases.values())
        live = sum(lease.live for lease in self._leases.values() if now < lease.expires_at - self.lease_s / 2)
        return Sum(self.wanted or leased, leased, live, self.lapsed_count)

    def _keep(self, held: Lease, live: int, now: float) -> Lease:
        kept = Lease(held.holder, held.first, held.count, live, now + self.lease_s)
        self._leases[held.holder] = kept
        return kept

    def _gap(self, count: int) -> tuple[int, int]:
        """The first free range that takes `count`, else the largest: where it begins, how many of `count` it takes."""
        best = (0, 0)
        begin = 1
        for lease in [*self.leases(), Lease("", (self.wanted or NUMBER_MAX) + 1, 0)]:
            free = min(lease.first - begin, count)
            if free > best[1]:
                best = (begin, free)
            if free == count:
                break
            begin = max(begin, lease.end)
        return best
