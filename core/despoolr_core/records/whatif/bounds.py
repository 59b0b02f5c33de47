"""What could have let a blocked update through, by the sharing rule over the opens that are known:
the first pass of a what-if, on the records alone.

The law: what is said here is sure for the opens that had begun when the update was first refused,
and says nothing of later ones. So `cannot_help` is a fact of those records, and `free_at` a bound:
no rerun with that change gets through earlier. What does get through only a rerun shows. Times are
site seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec
from msgspec.structs import replace

from despoolr_core.records.kinds.site import CopyStarted
from despoolr_core.records.stream import Record, of
from despoolr_core.records.view import Holding, RunView
from despoolr_core.rules.conflict import conflicts, wants
from despoolr_core.rules.fold import fold
from despoolr_core.rules.remedies import CopyStrategy
from despoolr_core.share.modes import Access, ShareMode, parse_flags
from despoolr_core.share.wire import EpisodeRow
from despoolr_core.times import moment

Blocks = Callable[[Holding], bool]


class Bound(msgspec.Struct, frozen=True):
    """What the first pass says of one change: `free_at` is the earliest moment at which the update
    can get through (None: never, and `why` says so).
    """

    free_at: float | None
    why: str = ""

    @property
    def cannot_help(self) -> bool:
        """Whether no rerun with the change gets through before the records end."""
        return self.free_at is None


class BlockedUpdate(msgspec.Struct, frozen=True):
    """One update that others' opens refused: its `episode`, the first moment of its first attempt,
    and the opens in its way that had begun by its first refusal, on each file that stopped it.
    """

    episode: EpisodeRow
    since: float
    end: float
    holdings: tuple[Holding, ...]

    @property
    def wished(self) -> tuple[int, int]:
        """What the refused open wanted and shared, in the letters of `rules.conflict`."""
        return _modes(self.episode.access, self.episode.share_mode)

    def free_at(self, blocks: Blocks) -> tuple[float | None, Holding | None]:
        """The earliest moment at which each file has had one without an open that `blocks`, and the
        open that lasts longest; None where one lasts to the end.
        """
        moment_at, last = self.since, None
        for holding in self.holdings:
            if not blocks(holding):
                continue
            if holding.closed_at is None or holding.closed_at >= self.end:
                return None, holding
            if holding.closed_at > moment_at:
                moment_at, last = holding.closed_at, holding
        return moment_at, last

    def as_it_asked(self) -> Bound:
        """With more attempts, of the kind that were made."""
        wanted, shared = self.wished
        return self._bound(lambda h: conflicts(wanted, shared, *_modes(h.access, h.share_mode)))

    def by(self, strategy: CopyStrategy) -> Bound:
        """With another way to copy."""

        def blocks(one: Holding) -> bool:
            return not strategy.could_pass(*_modes(one.access, one.share_mode)) or (
                strategy.writes_in_place and self._is_locked_by(one)
            )

        bound = self._bound(blocks)
        if bound.free_at is not None or not strategy.needs:
            return bound
        _, holding = self.free_at(blocks)
        assert holding is not None
        if strategy.could_pass(*_modes(holding.access, holding.share_mode)):
            return Bound(None, f"{told(holding)} has bytes of it locked, and shares what is needed")
        return Bound(None, f"{told(holding)} {_sharing(holding)}; it needs: {strategy.needs}")

    def with_holdings(self, change: Callable[[Holding], Holding | None]) -> BlockedUpdate:
        """The same, had the opens been others: None for one that would not have been there."""
        kept = [changed for one in self.holdings if (changed := change(one)) is not None]
        return replace(self, holdings=tuple(kept))

    def begun_at(self, at: float) -> BlockedUpdate:
        """The same, had its first attempt been as early as `at`: opens that began later are not
        sure then.
        """
        kept = tuple(one for one in self.holdings if one.opened_at <= at)
        return replace(self, since=min(self.since, at), holdings=kept)

    def _is_locked_by(self, holding: Holding) -> bool:
        """Whether an open has locked bytes that whoever writes the whole file meets for sure: the
        first one, or those that refused this update.
        """
        met = {(one.lock.offset, one.lock.length) for one in self.episode.holds if one.lock}
        return any(
            lock.length
            and lock.locked_at <= self.episode.first_refused_at
            and (not lock.offset or (lock.offset, lock.length) in met)
            for lock in holding.ranges
        )

    def _bound(self, blocks: Blocks) -> Bound:
        free_at, holding = self.free_at(blocks)
        if free_at is None:
            assert holding is not None
            return Bound(None, f"{told(holding)} keeps {_last(holding.path)} open to the end")
        until = f"{told(holding)} closes it at {moment(free_at)}" if holding else ""
        return Bound(free_at, until)


def blocked_updates(records: Iterable[Record], view: RunView) -> list[BlockedUpdate]:
    """The updates of a run that were refused because of others' opens, by their first refusal,
    those that got through at last among them.
    """
    started = _first_attempts(records)
    found = []
    for episode in view.ledger.rows(view.end):
        files = {fold(hold.path) for hold in episode.holds if hold.path} or {fold(episode.path)}
        first = episode.first_refused_at
        holdings = tuple(
            one
            for one in (*view.holdings, *view.unseen)
            if (one.server, one.share) == (episode.server, episode.share)
            and fold(one.path) in files
            and one.opened_at <= first
            and (one.closed_at is None or one.closed_at > first)
        )
        since = started.get(job_of(episode.purpose), first)
        found.append(BlockedUpdate(episode, min(since, first), view.end, holdings))
    return found


def job_of(purpose: str) -> str:
    """The job that an open was for, by its number; empty for one that was for none."""
    words = purpose.split()
    return words[1] if len(words) > 1 and words[0] == "job" else ""


def told(holding: Holding) -> str:
    """The program and the machine of a holder, as far as they are known."""
    who = holding.machine or "somebody"
    return f"{holding.program} on {who}" if holding.program else who


def together(bounds: Sequence[Bound]) -> Bound:
    """What a change is worth that all of several updates need."""
    for bound in bounds:
        if bound.cannot_help:
            return bound
    times = [bound.free_at for bound in bounds if bound.free_at is not None]
    latest = max(bounds, key=lambda bound: bound.free_at or 0.0, default=Bound(0.0))
    return Bound(max(times, default=0.0), latest.why)


def _first_attempts(records: Iterable[Record]) -> dict[str, float]:
    started: dict[str, float] = {}
    for record, copy in of(records, CopyStarted):
        started.setdefault(copy.job, record.at)
    return started


def _modes(access: str, share_mode: str) -> tuple[int, int]:
    """What is not in a source is taken for nothing wanted and everything shared: a bound promises
    no trouble that nobody saw.
    """
    wanted = wants(parse_flags(Access, access)) if access else 0
    return wanted, int(parse_flags(ShareMode, share_mode)) if share_mode else 7


def _sharing(holding: Holding) -> str:
    shares = holding.share_mode or "nothing that is known"
    return "shares nothing" if shares in ("", "NONE") else f"shares {shares} only"


def _last(path: str) -> str:
    return path.replace("/", "\\").rpartition("\\")[2]
