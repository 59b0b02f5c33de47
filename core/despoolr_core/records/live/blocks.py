"""What is blocked now: waits put together by the update that waits on a server, or by the file
where no update is named; and who is in the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import nsmallest
from itertools import islice
from typing import Final

import msgspec
from msgspec.structs import replace

from despoolr_core.records.live.fold import LiveFold
from despoolr_core.records.live.later import LaterOpens, Modes, modes_of
from despoolr_core.records.live.model import (
    LiveBlock,
    LiveHold,
    LiveHolder,
    LiveRemedy,
    LiveWaiter,
)
from despoolr_core.records.live.page_query import PageQuery
from despoolr_core.records.live.steps import LOOKED_AT, STEP, WORD_COST, Steps
from despoolr_core.records.live.words import lets_others, why_refused, wishes
from despoolr_core.records.verdicts import verdict
from despoolr_core.records.whatif.bounds import job_of
from despoolr_core.rules.fold import fold
from despoolr_core.rules.remedies import COPY_STRATEGIES, CopyStrategy
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


class UpdateBlock(msgspec.Struct):
    """Waits for one thing: growing, then a row. `waited_from` is the sum of the first refusals (see
    `model`); `in_the_way` is each open once, with a wait that it blocks.
    """

    id: str
    episodes: list[EpisodeRow] = msgspec.field(default_factory=list)
    waited_from: float = 0.0
    in_the_way: dict[tuple[str, str], tuple[EpisodeRow, Hold]] = msgspec.field(default_factory=dict)

    def add(self, row: EpisodeRow) -> None:
        """One more wait for it."""
        self.episodes.append(row)
        self.waited_from += row.first_refused_at
        path = folded = ""
        for hold in row.holds:
            if hold.released_at is None:
                if hold.path != path:
                    path, folded = hold.path, fold(hold.path)
                self.in_the_way.setdefault((hold.open, folded), (row, hold))

    @property
    def first(self) -> EpisodeRow:
        return self.episodes[0]

    @property
    def job(self) -> str:
        return job_of(self.first.purpose)

    @property
    def package(self) -> str:
        return package_of(self.first.purpose)

    def waited_s(self, now: float) -> float:
        """How long its waiters have waited together, in seconds."""
        return len(self.episodes) * now - self.waited_from

    def later(self, later: LaterOpens) -> tuple[int, set[Modes]]:
        """How many opens of other files of its package would refuse it next, and the modes of all
        that would.
        """
        if not self.package:
            return 0, set()
        clashing = later.of(self.first)
        met = (hold.open for _, hold in self.in_the_way.values())
        return clashing.count_for(self.first, met), clashing.modes

    def holds(self) -> list[tuple[EpisodeRow, Hold]]:
        """Who is in the way now, each open once."""
        return list(self.in_the_way.values())


def blocks_of(fold_: LiveFold, asked: PageQuery, now: float) -> Steps[list[UpdateBlock]]:
    """All that is blocked and asked for, most waiter-seconds first."""
    found: dict[str, UpdateBlock] = {}
    step = STEP // WORD_COST if asked.word else STEP
    for number, row in enumerate(fold_.ledger.each_waiting(now, machine=asked.only)):
        if number % step == step - 1:
            yield
        if not asked.is_of(row.server, package_of(row.purpose)) or not _is_wanted(
            fold_, asked, row
        ):
            continue
        name = block_id(row)
        block = found.get(name)
        if block is None:
            block = found[name] = UpdateBlock(name)
        block.add(row)
    return sorted(found.values(), key=lambda block: (-block.waited_s(now), block.id))


def block_id(row: EpisodeRow) -> str:
    """The block that a wait is part of."""
    about = row.purpose or f"{row.share}/{fold(row.path)}"
    return f"{row.server}:{about}"


def _is_wanted(fold_: LiveFold, asked: PageQuery, row: EpisodeRow) -> bool:
    if not asked.word:
        return True
    job = job_of(row.purpose)
    package = package_of(row.purpose)
    texts = [row.server, row.path, row.machine, row.program, job, fold_.name_of(job), package]
    for hold in row.holds:
        texts += (hold.machine, hold.program, hold.user, hold.path)
    return asked.has_word(*texts)


def block_row(fold_: LiveFold, block: UpdateBlock, later: LaterOpens) -> LiveBlock:
    """A block as the page has it."""
    holds = block.holds()
    shown = nsmallest(
        HOLDS_MAX, holds, key=lambda pair: (pair[1].path, pair[1].opened_at, pair[1].open)
    )
    files = sorted({hold.path or row.path for row, hold in holds}) or list(
        dict.fromkeys(row.path for row in block.episodes)
    )
    first = block.first
    later_count, _ = block.later(later)
    is_alone = len(holds) == 1 and not later_count
    by_wait = nsmallest(WAITERS_MAX, block.episodes, key=lambda row: row.first_refused_at)
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
        later_count=later_count,
        first_at=by_wait[0].first_refused_at,
        last_at=max(row.last_refused_at for row in block.episodes),
        files=files[:FILES_MAX],
        holds=[hold_row(row, hold, is_alone=is_alone) for row, hold in shown],
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
            for row in by_wait
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


class InTheWay(msgspec.Struct):
    """A program on a machine of a server that keeps others out, growing. `waiters` and
    `waited_from` are sums over its blocks.
    """

    hold: Hold
    server: str
    opened_at: float
    files: dict[str, None] = msgspec.field(default_factory=dict)
    blocks: dict[str, None] = msgspec.field(default_factory=dict)
    waiters: int = 0
    waited_from: float = 0.0

    def add(self, block: UpdateBlock) -> None:
        """A block that it is in the way of; once for each is enough."""
        if block.id not in self.blocks:
            self.blocks[block.id] = None
            self.waiters += len(block.episodes)
            self.waited_from += block.waited_from

    def waited_s(self, now: float) -> float:
        """Waiter-seconds of all that it keeps out."""
        return self.waiters * now - self.waited_from


def holders_of(blocks: Iterable[UpdateBlock], now: float) -> Steps[dict[str, InTheWay]]:
    """Who is in the way, by machine, program and server; most waiter-seconds first."""
    found: dict[str, InTheWay] = {}
    for number, (block, row, hold) in enumerate(_each_hold(blocks)):
        if number % LOOKED_AT == LOOKED_AT - 1:
            yield
        key = holder_id(hold, row.server)
        holder = found.get(key)
        if holder is None:
            holder = found[key] = InTheWay(hold, row.server, hold.opened_at)
        holder.opened_at = min(holder.opened_at, hold.opened_at)
        holder.files[hold.path or row.path] = None
        holder.add(block)
    order = sorted(found.items(), key=lambda item: (-item[1].waited_s(now), item[0]))
    return dict(order)


def files_of(blocks: Iterable[UpdateBlock]) -> Steps[int]:
    """How many files are held against them."""
    found: set[tuple[str, str, str]] = set()
    for number, (_, row, hold) in enumerate(_each_hold(blocks)):
        if number % LOOKED_AT == LOOKED_AT - 1:
            yield
        found.add((row.server, row.share, hold.path or row.path))
    return len(found)


def _each_hold(blocks: Iterable[UpdateBlock]) -> Iterator[tuple[UpdateBlock, EpisodeRow, Hold]]:
    return ((block, row, hold) for block in blocks for row, hold in block.holds())


def holder_id(hold: Hold, server: str) -> str:
    """How a holder is known on a page."""
    return f"{server}:{hold.machine}:{hold.program}"


def holder_row(holder: InTheWay, waits: dict[str, dict[str, None]]) -> LiveHolder:
    """A holder as the page has it; `waits` are the blocks in which a machine waits itself."""
    return LiveHolder(
        machine=holder.hold.machine,
        program=holder.hold.program,
        user=holder.hold.user,
        server=holder.server,
        files=list(holder.files)[:FILES_MAX],
        file_count=len(holder.files),
        opened_at=holder.opened_at,
        waiters=holder.waiters,
        waited_from=holder.waited_from,
        keeps_out=list(islice(holder.blocks, KEEPS_MAX)),
        keeps_out_count=len(holder.blocks),
        waits_for=list(islice(waits.get(fold(holder.hold.machine), ()), KEEPS_MAX)),
    )


def waits_by_machine(blocks: Iterable[UpdateBlock]) -> Steps[dict[str, dict[str, None]]]:
    """The blocks in which each machine waits."""
    found: dict[str, dict[str, None]] = {}
    waits = ((row, block) for block in blocks for row in block.episodes)
    for number, (row, block) in enumerate(waits):
        if number % LOOKED_AT == LOOKED_AT - 1:
            yield
        found.setdefault(fold(row.machine), {})[block.id] = None
    return found


def remedy_of(blocks: list[UpdateBlock], later: LaterOpens) -> Steps[LiveRemedy]:
    """What would let them through: see `LiveRemedy`."""
    by_one: list[tuple[str, str]] = []
    others: set[Modes] = set()
    are_others = False
    for number, block in enumerate(blocks):
        if number % STEP == STEP - 1:
            yield
        holds = [hold for _, hold in block.holds()]
        later_count, modes = block.later(later)
        if len(holds) == 1 and not later_count:
            by_one.append((block.id, holds[0].open))
        elif holds or later_count:
            are_others = True
            others |= modes if later_count else set()
            others.update(
                modes_of(hold.access, hold.share_mode) for hold in holds if hold.lock is None
            )
    strategy = next(_passing(others), None) if are_others else None
    return LiveRemedy(
        by_one[:BY_ONE_MAX],
        len(by_one),
        len(blocks),
        strategy.name if strategy else "",
        strategy.says if strategy else "",
    )


def _passing(modes: set[tuple[int, int]]) -> Iterator[CopyStrategy]:
    """The ways to copy that get past every one of these, the first one first."""
    for strategy in COPY_STRATEGIES.values():
        if not strategy.waits_for_restart and all(strategy.could_pass(*mode) for mode in modes):
            yield strategy
