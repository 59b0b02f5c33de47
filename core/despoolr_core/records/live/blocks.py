"""What is blocked now: waits put together by the update that waits on a server, or by the file
where no update is named; and who is in the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from despoolr_core.records.bounds import job_of
from despoolr_core.records.live.asked import PageQuery
from despoolr_core.records.live.fold import LiveFold
from despoolr_core.records.live.model import (
    LiveBlock,
    LiveHold,
    LiveHolder,
    LiveRemedy,
    LiveWaiter,
)
from despoolr_core.records.live.words import lets_others, why_refused, wishes
from despoolr_core.records.verdicts import verdict
from despoolr_core.rules.conflict import wants
from despoolr_core.rules.fold import fold
from despoolr_core.rules.remedies import COPY_STRATEGIES, CopyStrategy
from despoolr_core.share.modes import Access, ShareMode, parse_flags
from despoolr_core.share.wire import EpisodeRow, Hold

BLOCKS_MAX: Final = 40
"""Blocks on a page."""
HOLDS_MAX: Final = 12
"""Opens in the way that a block lists."""
FILES_MAX: Final = 8
"""Files that a block, or a holder, names."""
WAITERS_MAX: Final = 8
"""Waiters that a block lists."""
HOLDERS_MAX: Final = 40
KEEPS_MAX: Final = 8
"""Blocks that a holder lists."""
BY_ONE_MAX: Final = 3
"""Updates that the remedy names."""


def package_of(purpose: str) -> str:
    """The package that an open was for; empty for one that was for none."""
    words = purpose.split()
    return words[3] if len(words) > 3 and words[2] == "package" else ""


@dataclass(slots=True)
class UpdateBlock:
    """Waits for one thing: growing, then a row."""

    id: str
    episodes: list[EpisodeRow] = field(default_factory=list)

    @property
    def first(self) -> EpisodeRow:
        return self.episodes[0]

    @property
    def job(self) -> str:
        return job_of(self.first.purpose)

    @property
    def package(self) -> str:
        return package_of(self.first.purpose)

    @property
    def waited_from(self) -> float:
        """The sum of the first refusals: see `model`."""
        return sum(row.first_refused_at for row in self.episodes)

    def waited_s(self, now: float) -> float:
        """How long its waiters have waited together, in seconds."""
        return len(self.episodes) * now - self.waited_from

    def holds(self) -> list[tuple[EpisodeRow, Hold]]:
        """Who is in the way now, each open once."""
        seen: dict[tuple[str, str], tuple[EpisodeRow, Hold]] = {}
        for row in self.episodes:
            for hold in row.holds:
                if hold.released_at is None:
                    seen.setdefault((hold.open, fold(hold.path)), (row, hold))
        return list(seen.values())


def blocks_of(fold_: LiveFold, asked: PageQuery, now: float) -> list[UpdateBlock]:
    """All that is blocked and asked for, most waiter-seconds first."""
    found: dict[str, UpdateBlock] = {}
    for row in fold_.ledger.each_waiting(now):
        if not asked.is_of(row.server, package_of(row.purpose)) or not _is_wanted(
            fold_, asked, row
        ):
            continue
        name = block_id(row)
        block = found.get(name)
        if block is None:
            block = found[name] = UpdateBlock(name)
        block.episodes.append(row)
    return sorted(found.values(), key=lambda block: (-block.waited_s(now), block.id))


def block_id(row: EpisodeRow) -> str:
    """The block that a wait is part of."""
    about = row.purpose or f"{row.share}/{fold(row.path)}"
    return f"{row.server}:{about}"


def _is_wanted(fold_: LiveFold, asked: PageQuery, row: EpisodeRow) -> bool:
    if asked.only and fold(row.machine) != fold(asked.only):
        return False
    if not asked.word:
        return True
    job = job_of(row.purpose)
    package = package_of(row.purpose)
    texts = [row.server, row.path, row.machine, row.program, job, fold_.name_of(job), package]
    for hold in row.holds:
        texts += (hold.machine, hold.program, hold.user, hold.path)
    return asked.has_word(*texts)


def block_row(fold_: LiveFold, block: UpdateBlock) -> LiveBlock:
    """A block as the page has it."""
    holds = block.holds()
    holds.sort(key=lambda pair: (pair[1].path, pair[1].opened_at, pair[1].open))
    files = dict.fromkeys(hold.path or row.path for row, hold in holds) or dict.fromkeys(
        row.path for row in block.episodes
    )
    first = block.first
    is_alone = len(holds) == 1
    by_wait = sorted(block.episodes, key=lambda row: row.first_refused_at)
    return LiveBlock(
        id=block.id,
        server=first.server,
        share=first.share,
        wants=wishes(first.access),
        waiters=len(block.episodes),
        waited_from=block.waited_from,
        refused=sum(row.attempt_count for row in block.episodes),
        file_count=len(files),
        hold_count=len(holds),
        first_at=by_wait[0].first_refused_at,
        last_at=max(row.last_refused_at for row in block.episodes),
        files=list(files)[:FILES_MAX],
        holds=[hold_row(row, hold, is_alone=is_alone) for row, hold in holds[:HOLDS_MAX]],
        waiting=[
            LiveWaiter(
                row.episode,
                row.machine,
                row.program,
                row.first_refused_at,
                row.last_refused_at,
                row.attempt_count,
                _sentence(row),
            )
            for row in by_wait[:WAITERS_MAX]
        ],
        job=block.job,
        package=block.package,
        next_at=fold_.next_at(block.job, first.server),
        free=not holds,
    )


def _sentence(row: EpisodeRow) -> str:
    """What is so since the last refusal: a sentence that stays as it is until the next."""
    return verdict(replace(row, blocked_s=row.last_refused_at - row.first_refused_at))


def hold_row(row: EpisodeRow, hold: Hold, *, is_alone: bool) -> LiveHold:
    """One open in the way as the page has it."""
    return LiveHold(
        open=hold.open,
        machine=hold.machine,
        program=hold.program,
        user=hold.user,
        path=hold.path or row.path,
        lets=lets_others(hold.share_mode),
        why=why_refused(row.access, row.share_mode, hold),
        opened_at=hold.opened_at,
        refusals=hold.refusal_count,
        alone=is_alone,
        lock=hold.lock is not None,
        since=hold.since,
    )


@dataclass(slots=True)
class InTheWay:
    """A program on a machine of a server that keeps others out, growing."""

    hold: Hold
    server: str
    opened_at: float
    files: dict[str, None] = field(default_factory=dict)
    blocks: dict[str, UpdateBlock] = field(default_factory=dict)

    def waited_s(self, now: float) -> float:
        """Waiter-seconds of all that it keeps out."""
        return sum(block.waited_s(now) for block in self.blocks.values())


def holders_of(blocks: Iterable[UpdateBlock], now: float) -> dict[str, InTheWay]:
    """Who is in the way, by machine, program and server; most waiter-seconds first."""
    found: dict[str, InTheWay] = {}
    for block in blocks:
        for row, hold in block.holds():
            key = holder_id(hold, row.server)
            holder = found.get(key)
            if holder is None:
                holder = found[key] = InTheWay(hold, row.server, hold.opened_at)
            holder.opened_at = min(holder.opened_at, hold.opened_at)
            holder.files[hold.path or row.path] = None
            holder.blocks[block.id] = block
    order = sorted(found.items(), key=lambda item: (-item[1].waited_s(now), item[0]))
    return dict(order)


def holder_id(hold: Hold, server: str) -> str:
    """How a holder is known on a page."""
    return f"{server}:{hold.machine}:{hold.program}"


def holder_row(holder: InTheWay, waits: dict[str, list[str]]) -> LiveHolder:
    """A holder as the page has it; `waits` are the blocks in which a machine waits itself."""
    blocks = list(holder.blocks.values())
    return LiveHolder(
        machine=holder.hold.machine,
        program=holder.hold.program,
        user=holder.hold.user,
        server=holder.server,
        files=list(holder.files)[:FILES_MAX],
        file_count=len(holder.files),
        opened_at=holder.opened_at,
        waiters=sum(len(block.episodes) for block in blocks),
        waited_from=sum(block.waited_from for block in blocks),
        keeps_out=[block.id for block in blocks[:KEEPS_MAX]],
        keeps_out_count=len(blocks),
        waits_for=waits.get(fold(holder.hold.machine), [])[:KEEPS_MAX],
    )


def waits_by_machine(blocks: Iterable[UpdateBlock]) -> dict[str, list[str]]:
    """The blocks in which each machine waits."""
    found: dict[str, list[str]] = {}
    for block in blocks:
        for row in block.episodes:
            ids = found.setdefault(fold(row.machine), [])
            if block.id not in ids:
                ids.append(block.id)
    return found


def remedy_of(blocks: list[UpdateBlock]) -> LiveRemedy:
    """What would let them through: see `LiveRemedy`."""
    by_one: list[tuple[str, str]] = []
    others: list[Hold] = []
    for block in blocks:
        holds = [hold for _, hold in block.holds()]
        if len(holds) == 1:
            by_one.append((block.id, holds[0].open))
        else:
            others += holds
    strategy = _cheapest(others) if others else None
    return LiveRemedy(
        by_one[:BY_ONE_MAX],
        len(by_one),
        len(blocks),
        strategy.name if strategy else "",
        strategy.says if strategy else "",
    )


def _cheapest(holds: list[Hold]) -> CopyStrategy | None:
    """The first way to copy that gets past every one of these."""
    modes = {_modes(hold) for hold in holds if hold.lock is None}
    return next(_passing(modes), None)


def _passing(modes: set[tuple[int, int]]) -> Iterator[CopyStrategy]:
    for strategy in COPY_STRATEGIES.values():
        if not strategy.waits_for_restart and all(strategy.could_pass(*mode) for mode in modes):
            yield strategy


def _modes(hold: Hold) -> tuple[int, int]:
    """What is not known is taken for everything wanted and nothing shared: no promise."""
    try:
        wanted = wants(parse_flags(Access, hold.access)) if hold.access else 7
        shared = int(parse_flags(ShareMode, hold.share_mode)) if hold.share_mode else 0
    except ValueError:
        return 7, 0
    return wanted, shared
