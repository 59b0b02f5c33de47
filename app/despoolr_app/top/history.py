"""What happened to a block so far, in lines: opens and closes, refusals, marks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from despoolr_app.top.answer import TopAnswer, TopTarget
from despoolr_core.phrases import how_often
from despoolr_core.records.live.model import LiveBlock, LiveLane, LivePage
from despoolr_core.rules.text import escaped
from despoolr_core.times import short_moment

EVENTS_MAX: Final = 16
"""The newest events that are told."""
Event = tuple[float, str]


def history_lines(answer: TopAnswer, target: TopTarget) -> list[str]:
    """The history of a block as far back as the page goes, oldest first."""
    block = answer.page.blocks.get(target.block)
    if block is None:
        return ["It waits no more."]
    events = sorted({event for event in _events(answer.page, block) if event[0] <= answer.now})
    newest = events[-EVENTS_MAX:]
    told = [f"{short_moment(at, seconds=True)}  {escaped(text)}" for at, text in newest]
    earlier = len(events) - len(told)
    head = [f"{earlier:,} earlier; the live page has them."] if earlier else []
    return ["\n".join([*head, *told])]


def _events(page: LivePage, block: LiveBlock) -> Iterator[Event]:
    for waiter in block.waiting:
        lane = page.lanes.get(waiter.episode)
        if lane is not None:
            yield from _of_lane(lane)
            continue
        who = _who(waiter.program, waiter.machine)
        yield waiter.first_at, f"{who} was refused for the first time"
        yield waiter.last_at, f"{who} was refused {how_often(waiter.refused)} by now"
    for mark in page.marks:
        yield mark.at, mark.text


def _of_lane(lane: LiveLane) -> Iterator[Event]:
    who = _who(lane.program, lane.machine)
    for at, count in lane.ticks:
        yield at, f"{who} was refused {how_often(count)}"
    for bar in lane.bars:
        name, holder = bar.path.rpartition("/")[2], _who(bar.program, bar.machine)
        yield bar.opened_at, f"{holder} {'had opened' if bar.since else 'opened'} {name}"
        if bar.closed_at is not None:
            yield bar.closed_at, f"{holder} let go of {name}"


def _who(program: str, machine: str) -> str:
    return f"{program} on {machine}" if program and machine else machine or program or "somebody"
