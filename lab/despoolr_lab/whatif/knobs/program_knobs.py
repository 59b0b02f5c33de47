"""Knobs of programs that PCM starts, where what they have open stands in the way: when they close
it, what they share, where they work.

The law: how a machine treats files is a key of its `[[clients]]`, so a change is made to all of
them; what a program shares is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from despoolr_client.agent.machine.programs import first_word
from despoolr_core.records.view import Holding
from despoolr_core.records.whatif.bounds import Bound, together
from despoolr_core.rules.fold import fold
from despoolr_core.rules.remedies import Cost
from despoolr_core.share.modes import ShareMode, parse_flags
from despoolr_core.times import span
from despoolr_lab.scenario.model import HoldStep, JobStep
from despoolr_lab.scenario.reading.written import copy_of
from despoolr_lab.scenario.worlds import Variation, span_text
from despoolr_lab.whatif.knobs.case import Case
from despoolr_lab.whatif.knobs.change import ScenarioChange
from despoolr_lab.whatif.knobs.names import IDLE

PROGRAMS_TOLD_MAX: Final = 3


def commands_in_the_way(case: Case) -> list[str]:
    """The programs that jobs start and that stood in the way, those that refused most first."""
    started = {first_word(step.command) for step in case.scenario.step if isinstance(step, JobStep)}
    held = {
        (fold(step.machine), fold(step.program))
        for step in case.scenario.step
        if isinstance(step, HoldStep)
    }
    found: dict[str, int] = {}
    for update in case.updates:
        for one in update.holdings:
            name = fold(one.program)
            if name in started - {""} and (fold(one.machine), name) not in held:
                found[name] = found.get(name, 0) + one.refusal_count
    return sorted((name for name, count in found.items() if count), key=lambda one: -found[one])


def closing(case: Case, minutes: float, commands: Sequence[str]) -> ScenarioChange:
    """Clients whose programs close a file that nobody has used for so long."""
    after_s = minutes * 60.0
    scenario = copy_of(case.scenario)
    for group in scenario.clients:
        group.closes_idle_after = span_text(after_s)

    def closed(holding: Holding) -> Holding:
        at = holding.opened_at + after_s
        is_before = holding.closed_at is not None and holding.closed_at <= at
        return holding if is_before else replace(holding, closed_at=at)

    return ScenarioChange(
        f"{_told(commands)} on any client closing a file after {span(after_s)}",
        Cost.HABIT,
        scenario,
        family=f"{IDLE} clients",
        strength=-minutes,
        bound=_bound(case, closed),
    )


def copying(case: Case, commands: Sequence[str]) -> ScenarioChange:
    """Clients that copy a package's files first and use the copies."""
    scenario = copy_of(case.scenario)
    for group in scenario.clients:
        group.copies_first = True
    return ScenarioChange(
        f"{_told(commands)} on any client working on a copy of its own",
        Cost.CLIENT,
        scenario,
        needs="disk; the copy is old after the update",
        bound=_bound(case, lambda _holding: None),
    )


def sharing_more(case: Case, mode: str, commands: Sequence[str]) -> Iterator[ScenarioChange]:
    """A program that shares more, or as the case may be other things."""
    wanted = parse_flags(ShareMode, mode)
    for name in commands[:PROGRAMS_TOLD_MAX]:
        scenario = copy_of(case.scenario)
        mine = [program for program in scenario.program if fold(program.command) == name]
        shares_less = any(parse_flags(ShareMode, one.share_mode) & ~wanted for one in mine)
        for program in mine:
            program.share_mode = mode

        def shared(holding: Holding, name: str = name) -> Holding:
            return replace(holding, share_mode=mode) if fold(holding.program) == name else holding

        yield ScenarioChange(
            f"{_told([name])} on any client sharing {mode}",
            Cost.CLIENT,
            scenario,
            needs="another program",
            bound=None if shares_less else _bound(case, shared),
        )


def _bound(case: Case, change: Callable[[Holding], Holding | None]) -> Bound | None:
    """What the first pass says where what clients hold is another thing; nothing of a world in
    which a hold may end earlier than is written.
    """
    if not Variation.of(case.scenario, case.scenario.run.seed).is_as_written:
        return None
    clients = {fold(name) for group in case.scenario.clients for name in group.expand()}

    def changed(holding: Holding) -> Holding | None:
        return change(holding) if fold(holding.machine) in clients else holding

    return together([one.with_holdings(changed).as_it_asked() for one in case.updates])


def _told(commands: Sequence[str]) -> str:
    shown = [*commands[:PROGRAMS_TOLD_MAX]]
    if len(commands) > len(shown):
        shown.append(f"{len(commands) - len(shown)} more")
    return " and ".join(shown)
