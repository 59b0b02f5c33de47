"""Knobs of those who hold files: when they close them, what they share, where they work."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

import msgspec
from msgspec.structs import replace

from despoolr_core.records.view import Holding
from despoolr_core.records.whatif.bounds import Bound, together
from despoolr_core.rules.fold import fold
from despoolr_core.rules.remedies import Cost
from despoolr_core.share.modes import ShareMode, parse_flags
from despoolr_core.times import moment_s, span, span_s
from despoolr_lab.scenario.model import (
    HoldStep,
    ReleaseStep,
    Scenario,
    Step,
)
from despoolr_lab.scenario.reading.written import copy_of
from despoolr_lab.scenario.worlds import Variation, span_text
from despoolr_lab.whatif.knobs.case import Case
from despoolr_lab.whatif.knobs.change import ScenarioChange
from despoolr_lab.whatif.knobs.names import IDLE, REAPER
from despoolr_lab.whatif.knobs.program_knobs import (
    closing,
    commands_in_the_way,
    copying,
    sharing_more,
)

IDLE_MIN: Final = (30, 120, 480)
ASKED_AFTER_S: Final = 1800.0
REAPED_AFTER_H: Final = (2.0, 8.0)
FILES_TOLD_MAX: Final = 3
HOLDERS_MAX: Final = 4
"""Holders that get changes of their own, those that refused most first."""


class _Holder(msgspec.Struct, frozen=True):
    """A program on a machine that stood in the way, with all its holds, by their places among the
    steps: what it does otherwise it does each time.
    """

    holds: dict[int, HoldStep]
    refusals: int

    def says(self) -> str:
        files = list(dict.fromkeys(_file(step) for step in self.holds.values()))
        shown = files[:FILES_TOLD_MAX]
        more = [f"{len(files) - len(shown)} more"] if len(files) > len(shown) else []
        times = f", {len(self.holds)} times" if len(self.holds) > len(files) else ""
        first = next(iter(self.holds.values()))
        return f"{first.program} on {first.machine} (holding {' and '.join(shown + more)}{times})"

    def is_of(self, holding: Holding) -> bool:
        return any(_is_of(step, holding) for step in self.holds.values())


def _file(step: HoldStep) -> str:
    return (step.file or step.path).replace("\\", "/").rpartition("/")[2]


def _is_of(step: HoldStep, holding: Holding) -> bool:
    file = _file(step)
    return (
        fold(step.machine) == fold(holding.machine)
        and fold(step.program) == fold(holding.program)
        and ("{" in file or fold(holding.path).endswith(fold(file)))
    )


def _holders(case: Case) -> list[_Holder]:
    """Those who refused an update, those that refused most first."""
    found: dict[tuple[str, str], _Holder] = {}
    for number, step in enumerate(case.scenario.step):
        if not isinstance(step, HoldStep):
            continue
        who = (fold(step.machine), fold(step.program))
        refusals = sum(
            holding.refusal_count
            for update in case.updates
            for holding in update.holdings
            if _is_of(step, holding)
        )
        refusals += sum(
            hold.refusal_count
            for update in case.updates
            for hold in update.episode.holds
            if not refusals
            and fold(hold.machine) == fold(step.machine)
            and fold(hold.program) == fold(step.program)
        )
        before = found.get(who, _Holder({}, 0))
        found[who] = _Holder({**before.holds, number: step}, before.refusals + refusals)
    in_the_way = [one for one in found.values() if one.refusals]
    return sorted(in_the_way, key=lambda one: -one.refusals)


def _for_each(
    case: Case,
    change: Callable[[HoldStep], HoldStep | None],
    holding: Callable[[Holding], Holding | None],
) -> Iterator[tuple[str, Scenario, Bound | None, list[_Holder]]]:
    """Each holder alone, then all of them: who, the scenario, what the first pass says, and the
    holders. It says nothing of a world in which a hold may end earlier than is written.
    """
    is_sure = Variation.of(case.scenario, case.scenario.run.seed).is_as_written
    holders = _holders(case)
    groups = [[one] for one in holders[:HOLDERS_MAX]] + ([holders] if len(holders) > 1 else [])
    for group in groups:
        scenario = copy_of(case.scenario)
        steps: list[Step | None] = list(scenario.step)
        for number in _numbers(group):
            step = scenario.step[number]
            assert isinstance(step, HoldStep)
            steps[number] = change(step)
        scenario.step = _without_idle_releases(case.scenario, steps)
        who = group[0].says() if len(group) == 1 else f"each of the {len(group)} holders"

        def moved(found: Holding, among: Sequence[_Holder] = tuple(group)) -> Holding | None:
            return holding(found) if any(one.is_of(found) for one in among) else found

        bounds = [update.with_holdings(moved).as_it_asked() for update in case.updates]
        yield who, scenario, together(bounds) if bounds and is_sure else None, group


def _numbers(group: Sequence[_Holder]) -> list[int]:
    return [number for one in group for number in one.holds]


def _closing_from(case: Case, group: Sequence[_Holder], after_s: float, at_s: float) -> Scenario:
    """The scenario in which holders close what they have held for `after_s`, from `at_s` on (of the
    run).
    """
    scenario = copy_of(case.scenario)
    for number in _numbers(group):
        step = scenario.step[number]
        assert isinstance(step, HoldStep)
        held_s = max(after_s, scenario.start + at_s - moment_s(step.at, scenario.start))
        if held_s > 0 and (not step.for_ or span_s(step.for_) > held_s):
            step.for_ = span_text(round(held_s, 3))
    scenario.step = _without_idle_releases(case.scenario, scenario.step)
    return scenario


def _without_idle_releases(before: Scenario, steps: Sequence[Step | None]) -> list[Step]:
    """The steps without those releases that have nothing to close any more: nothing can be closed
    twice. `steps` are those of `before`, changed, or None for one that goes.
    """
    idle = _idle_releases(before, steps) - _idle_releases(before, before.step)
    return [step for number, step in enumerate(steps) if step is not None and number not in idle]


def _idle_releases(before: Scenario, steps: Sequence[Step | None]) -> set[int]:
    """The places of the releases that close no hold of the timeline."""
    start = before.start
    idle: set[int] = set()
    held: dict[str, list[tuple[str, float]]] = {}
    """Machine to the files that it holds, each with its end."""
    timeline = [(moment_s(step.at, start), n, step) for n, step in enumerate(steps) if step]
    for at, number, step in sorted(timeline, key=lambda one: one[:2]):
        if isinstance(step, HoldStep):
            ends = at + span_s(step.for_) if step.for_ else math.inf
            held.setdefault(fold(step.machine), []).append((fold(step.file or step.path), ends))
        elif isinstance(step, ReleaseStep):
            mine = held.get(fold(step.machine), [])
            closed = [one for one in mine if one[1] > at and one[0].endswith(fold(step.file))]
            if not closed:
                idle.add(number)
            held[fold(step.machine)] = [one for one in mine if one not in closed]
    return idle


def idle(case: Case, values: Sequence[str]) -> Iterator[ScenarioChange]:
    for minutes in [int(value) for value in values] or IDLE_MIN:
        after_s = minutes * 60.0

        def shorter(step: HoldStep, after_s: float = after_s) -> HoldStep:
            if not step.for_ or span_s(step.for_) > after_s:
                step.for_ = span_text(after_s)
            return step

        def closed(holding: Holding, after_s: float = after_s) -> Holding:
            at = holding.opened_at + after_s
            if holding.closed_at is not None and holding.closed_at <= at:
                return holding
            return replace(holding, closed_at=at)

        for who, scenario, bound, group in _for_each(case, shorter, closed):
            yield ScenarioChange(
                f"{who} closing it after {span(after_s)}",
                Cost.HABIT,
                scenario,
                family=f"{IDLE} {who}",
                strength=-minutes,
                bound=bound,
                made_at=partial(_closing_from, case, group, after_s),
            )
        if commands := commands_in_the_way(case):
            yield closing(case, minutes, commands)


def asked(case: Case, _values: Sequence[str]) -> Iterator[ScenarioChange]:
    if not case.updates:
        return
    at = min(one.episode.first_refused_at for one in case.updates) + ASKED_AFTER_S
    start = case.scenario.start

    def until(step: HoldStep) -> HoldStep:
        held_s = at - moment_s(step.at, start)
        if held_s > 0 and (not step.for_ or span_s(step.for_) > held_s):
            step.for_ = span_text(round(held_s, 3))
        return step

    def closed(holding: Holding) -> Holding:
        return replace(holding, closed_at=min(at, holding.closed_at or at))

    for who, scenario, bound, group in _for_each(case, until, closed):
        yield ScenarioChange(
            f"{who} closing it {span(ASKED_AFTER_S)} after the first refusal",
            Cost.HABIT,
            scenario,
            needs="somebody who asks",
            bound=bound,
            made_at=partial(_closing_from, case, group, 0.0),
        )


def sharing(case: Case, values: Sequence[str]) -> Iterator[ScenarioChange]:
    for mode in values or ("READ|DELETE", "READ|WRITE|DELETE"):

        def sharing(step: HoldStep, mode: str = mode) -> HoldStep:
            step.share_mode = mode
            return step

        def shared(holding: Holding, mode: str = mode) -> Holding:
            return replace(holding, share_mode=mode)

        for who, scenario, bound, group in _for_each(case, sharing, shared):
            yield ScenarioChange(
                f"{who} sharing {mode}",
                Cost.CLIENT,
                scenario,
                needs="another program",
                bound=None if _shares_less(case.scenario, group, mode) else bound,
            )
        yield from sharing_more(case, mode, commands_in_the_way(case))
    if not values:
        yield from _locking_nothing(case)


def _locking_nothing(case: Case) -> Iterator[ScenarioChange]:
    """Holders that lock ranges, without them."""

    def unlocked(step: HoldStep) -> HoldStep:
        step.locks = []
        return step

    def free(holding: Holding) -> Holding:
        return replace(holding, ranges=())

    for who, scenario, bound, _ in _for_each(case, unlocked, free):
        yield ScenarioChange(
            f"{who} locking no range", Cost.CLIENT, scenario, needs="another program", bound=bound
        )


def _shares_less(scenario: Scenario, group: Sequence[_Holder], mode: str) -> bool:
    """Whether somebody would no longer share what it shared: that keeps others out who held the
    file, so that what they held says nothing.
    """
    steps = (scenario.step[number] for number in _numbers(group))
    before = [parse_flags(ShareMode, one.share_mode) for one in steps if isinstance(one, HoldStep)]
    return any(shared & ~parse_flags(ShareMode, mode) for shared in before)


def local(case: Case, _values: Sequence[str]) -> Iterator[ScenarioChange]:
    for who, scenario, bound, _ in _for_each(case, lambda _step: None, lambda _holding: None):
        yield ScenarioChange(
            f"{who} working on a copy of its own",
            Cost.CLIENT,
            scenario,
            needs="disk; the copy is old after the update",
            bound=bound,
        )
    if commands := commands_in_the_way(case):
        yield copying(case, commands)


def reaper(case: Case, values: Sequence[str]) -> Iterator[ScenarioChange]:
    clients = {fold(name) for group in case.scenario.clients for name in group.expand()}
    for hours in [float(value) for value in values] or REAPED_AFTER_H:

        def closed(holding: Holding, after_s: float = hours * 3600.0) -> Holding:
            at = holding.opened_at + after_s
            is_before = holding.closed_at is not None and holding.closed_at <= at
            if is_before or fold(holding.machine) not in clients:
                return holding
            return replace(holding, closed_at=at)

        if not case.updates:
            return
        scenario = copy_of(case.scenario)
        for server in scenario.server:
            server.reaps_after = span_text(hours * 3600.0)
        yield ScenarioChange(
            f"servers closing what has been open for {span(hours * 3600.0)}",
            Cost.FORCE,
            scenario,
            needs="a program on each server",
            family=REAPER,
            strength=-hours,
            bound=together([one.with_holdings(closed).as_it_asked() for one in case.updates]),
        )
