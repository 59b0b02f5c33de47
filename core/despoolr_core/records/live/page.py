"""The page of a moment: the rows that matter, worst first, and how many there are besides.

The law: a page is a function of the fold, what was asked and the time; it is made in steps, for
there may be much to go through. What is waited for longest, by waiter-seconds, comes first; every
list has its maximum, and what it leaves out is counted. Who may see only what concerns one machine
asks with that machine as `only`: of jobs, shares and other machines such a page tells nothing.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.records.live.blocks import (
    BLOCKS_MAX,
    HOLDERS_MAX,
    block_row,
    blocks_of,
    files_of,
    holder_row,
    holders_of,
    remedy_of,
    waits_by_machine,
)
from despoolr_core.records.live.fold import LiveFold
from despoolr_core.records.live.lanes import lanes_of
from despoolr_core.records.live.later import later_of
from despoolr_core.records.live.model import LiveBlock, LiveMark, LiveOpen, LivePage, LiveTotals
from despoolr_core.records.live.page_query import PageQuery
from despoolr_core.records.live.sites import (
    clients_of,
    jobs_of,
    packages_of,
    retries_of,
)
from despoolr_core.records.live.steps import LOOKED_AT, WORD_COST, Steps
from despoolr_core.records.live.words import lets_others
from despoolr_core.rules.fold import fold

MARKS_MAX: Final = 30
FAULTS_MAX: Final = 12
"""Marks of what is broken now; what is over has the rest of `MARKS_MAX`."""
OPENS_MAX: Final = 12
"""Opens that are listed, the oldest."""


def page_steps(live: LiveFold, asked: PageQuery, now: float) -> Steps[LivePage]:
    """The page as of `now` (site seconds). A record that comes between two steps may be on it or
    not; `record` is the last one before the first step.
    """
    now, record, at = max(now, live.at), live.seq, live.at
    blocks = yield from blocks_of(live, asked, now)
    holders = yield from holders_of(blocks, now)
    waits = [row for block in blocks for row in block.episodes]
    waiting_in = yield from waits_by_machine(blocks)
    later = yield from later_of(live, [block.first for block in blocks if block.package])
    remedy = yield from remedy_of(blocks, later)
    lanes, more_lanes = lanes_of(live, asked, now, waits)
    shown: list[LiveBlock] = []
    for block in blocks[:BLOCKS_MAX]:
        shown.append(block_row(live, block, later))
        yield
    held = list(holders.items())[:HOLDERS_MAX]
    is_all = not asked.only
    jobs, more_jobs, retrying, untrue = (
        (yield from jobs_of(live, asked)) if is_all else ([], 0, 0, 0)
    )
    packages, more_packages = packages_of(live, asked) if is_all else ([], 0)
    clients, client_count, wrong_count = (
        (yield from clients_of(live, asked)) if is_all else ([], 0, 0)
    )
    retries, more_retries = retries_of(live, asked) if is_all else ([], 0)
    marks, more_faults = _marks(live, now - asked.span_s) if is_all else ([], 0)
    opens, open_count = yield from _opens(live, asked)
    files = yield from files_of(blocks)
    folders = [f for f in live.versions.folders.values() if asked.is_of(f.server, f.package)]
    totals = LiveTotals(
        files=files,
        blocks=len(blocks),
        waiters=len(waits),
        holders=len(holders),
        holding_machines=len({holder.hold.machine for holder in holders.values()}),
        refused=sum(row.attempt_count for row in waits),
        opens=open_count,
        jobs=len(jobs) + more_jobs,
        retrying=retrying,
        untrue=untrue,
        folders=len(folders) if is_all else 0,
        folders_broken=sum(f.state in ("missing", "mixed") for f in folders) if is_all else 0,
        clients=client_count,
        clients_wrong=wrong_count,
        updates=len({block.job for block in blocks if block.job}),
    )
    more = {
        "blocks": len(blocks) - len(shown),
        "holders": len(holders) - len(held),
        "opens": open_count - len(opens),
        "lanes": more_lanes,
        "jobs": more_jobs,
        "packages": more_packages,
        "retries": more_retries,
        "faults": more_faults,
    }
    return LivePage(
        scope=asked.server,
        servers=sorted(live.servers) if is_all else [],
        record=record,
        at=at,
        totals=totals,
        remedy=remedy,
        blocks={block.id: block for block in shown},
        block_order=[block.id for block in shown],
        holders={name: holder_row(holder, waiting_in) for name, holder in held},
        holder_order=[name for name, _ in held],
        opens=opens,
        lanes={lane.id: lane for lane in lanes},
        lane_order=[lane.id for lane in lanes],
        jobs={job.job: job for job in jobs},
        job_order=[job.job for job in jobs],
        packages={package.package: package for package in packages},
        clients=clients,
        retries=retries,
        marks=marks,
        silent={
            server: at
            for server, at in sorted(live.silent.items())
            if is_all and asked.is_of(server)
        },
        more={name: count for name, count in more.items() if count},
    )


def _opens(live: LiveFold, asked: PageQuery) -> Steps[tuple[list[LiveOpen], int]]:
    """The oldest opens that are asked for, and how many there are."""
    found: list[LiveOpen] = []
    count = 0
    step = LOOKED_AT // WORD_COST if asked.word else LOOKED_AT
    for number, held in enumerate(live.ledger.each_held()):
        if number % step == step - 1:
            yield
        if (
            not asked.is_of(held.server)
            or (asked.package and held.path.partition("/")[0] != asked.package)
            or (asked.only and fold(held.machine) != fold(asked.only))
            or not asked.has_word(held.path, held.machine, held.program, held.user, held.server)
        ):
            continue
        count += 1
        if len(found) < OPENS_MAX:
            found.append(
                LiveOpen(
                    held.open,
                    held.server,
                    held.share,
                    held.path,
                    held.machine,
                    held.program,
                    held.user,
                    lets_others(held.share_mode),
                    held.opened_at,
                )
            )
    return found, count


def _marks(live: LiveFold, since: float) -> tuple[list[LiveMark], int]:
    """What lasts, whenever it began, and the newest of the rest, in the order of their beginnings,
    at one moment faults first; how many faults that last are left out.
    """
    lasting = list(live.faults.values())
    shown = lasting[-FAULTS_MAX:]
    over = [mark for mark in live.marks if (mark.ended_at or mark.at) >= since]
    over = over[len(shown) - MARKS_MAX :]
    marks = sorted([*over, *shown], key=lambda mark: (mark.at, mark.kind != "fault"))
    return marks, len(lasting) - len(shown)
