"""The four passes of a what-if, from a scenario to a ladder of changes.

| Pass | Does |
| --- | --- |
| bound | on the records alone: what the sharing rule forbids is no rerun |
| one change | every other change once, in the world of the run |
| confirm | the best, and those that shipped, in many worlds |
| minimal | gentler values of the best; pairs, where nothing holds alone |

The law: fewer reruns by better pruning, never fewer worlds. What is settled when the budget is used
up, or at Ctrl-C, is kept; the rest is told as not settled.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Final

import msgspec

from despoolr_core.records.episode import RESOLVED
from despoolr_core.records.stream import Record
from despoolr_core.records.view import RunView
from despoolr_core.records.whatif.bounds import BlockedUpdate, blocked_updates, job_of
from despoolr_core.records.whatif.ladder import (
    CANNOT_HELP,
    FIXES,
    HARMS,
    HELPS,
    NO_EFFECT,
    NOT_SETTLED,
    Ladder,
    LadderRow,
    told,
)
from despoolr_core.times import span
from despoolr_lab.pool import run_each
from despoolr_lab.scenario.model import Expectation, Scenario
from despoolr_lab.scenario.reading.written import copy_of, to_toml
from despoolr_lab.scenario.run import RunOptions, RunResult, run_scenario
from despoolr_lab.whatif.harm import effects_of
from despoolr_lab.whatif.knobs.case import Case
from despoolr_lab.whatif.knobs.change import ScenarioChange
from despoolr_lab.whatif.knobs.changes import changes
from despoolr_lab.whatif.knobs.goal import (
    ASKED,
    REMOVAL,
    UPDATE,
    Goal,
    asked_goal,
    first_attempt,
    job_numbers,
)
from despoolr_lab.whatif.knobs.run_goals import goals
from despoolr_lab.whatif.pairs import pairs
from despoolr_lab.whatif.rerun import (
    RerunOutcome,
    Task,
    compared,
    divergence,
    files_of,
    marks_of,
    rerun,
    with_goal,
)
from despoolr_lab.whatif.tried_change import Tried, one_of_each

WORLDS: Final = 20
BEST: Final = 3
"""Changes that are tried in many worlds, beside the best of those that shipped."""
CHANGES_MAX: Final = 500
"""Changes that are tried, those that aim at what happened first."""
TOLD_MAX: Final = 5
"""Goals of one kind, and jobs, that are told by their names."""
ROUNDS_MAX: Final = 4
"""Rounds of confirming."""
BEFORE_S: Final = 60.0
"""How long before an attempt a change is made, to find the last one that it helps."""
GRID: Final = 17
"""Parts of a run, where no attempt was refused."""

Progress = Callable[[int, int, str], None]
"""`progress(done, to do, what)`."""
Reruns = Callable[
    [Callable[[Task], RerunOutcome], Iterable[Task], int, float],
    Generator[tuple[Task, RerunOutcome], None, None],
]
"""What makes reruns: `run_each`, or a twin of it in one process."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a what-if is to find out. `budget_s` is wall seconds (0: any), `jobs` processes (0: one
    for each processor); `knobs` are names with values (none: its own).
    """

    goal: tuple[str, ...] = ()
    knobs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    worlds: int = WORLDS
    pairs: bool = False
    deadlines: bool = False
    budget_s: float = 0.0
    jobs: int = 0


@dataclass(frozen=True, slots=True)
class Base:
    """The run as it was, told once more: its scenario (options baked in), what had to come true,
    what was in the way.
    """

    scenario: Scenario
    result: RunResult
    goal: Goal | None
    updates: tuple[BlockedUpdate, ...]
    since: float
    is_asked: bool = True
    """Whether there was anything that could hold."""
    named: str = ""
    """The expectations that were named as the goal."""


class Climb:
    """One what-if, under way: `ladder()` tells what is settled so far."""

    def __init__(
        self,
        base: Base,
        asked: Question,
        progress: Progress,
        source: str = "",
        run: Reruns = run_each,
    ) -> None:
        self._base = base
        self._asked = asked
        self._progress = progress
        self._source = source
        self._run = run
        self._began = time.perf_counter()
        self._done = self._to_do = 0
        self._before = compared(base.result.records)
        self._marks = marks_of(base.result.records)
        self._lines = to_toml(base.scenario).splitlines()
        self._seed = base.scenario.run.seed
        self._harm = effects_of(base.result.records, files_of(base.scenario))
        self.tried: list[Tried] = []
        self.notes: list[str] = []

    def climb(self) -> Ladder:
        """All passes. `KeyboardInterrupt` and a used up budget end it early: the ladder says so."""
        goal = self._base.goal
        if goal is None:
            return self.ladder()
        case = Case.of(self._base.scenario, goal, self._base.updates)
        found = changes(case, self._asked.knobs)
        if len(found) > CHANGES_MAX:
            self.notes.append(
                f"{len(found)} changes are too many: the first {CHANGES_MAX} are told"
            )
        self.tried = [Tried(one) for one in found[:CHANGES_MAX]]
        for knob, values in self._asked.knobs.items():
            if not changes(case, {knob: values}):
                self.notes.append(f"the knob {knob} has no change to make in this run")
        try:
            self._try([one for one in self.tried if not _is_forbidden(one.change)], [self._seed])
            if self._asked.pairs or not any(one.held for one in self.tried):
                self._try_pairs()
            self._confirm()
            if not any(one.is_sound for one in self.tried) and self._try_pairs():
                self._confirm()
            if self._asked.deadlines:
                self._find_deadlines()
        except KeyboardInterrupt:
            self.notes.append("interrupted: what was settled until then is told")
        except (_BudgetUsed, TimeoutError):
            self.notes.append(
                f"the budget of {span(self._asked.budget_s)} was used up: what was settled until "
                "then is told; give more with --budget"
            )
        return self.ladder()

    # -- passes

    def _try(self, tried: Sequence[Tried], seeds: Iterable[int]) -> None:
        """Rerun each in each world that it was not in yet."""
        numbers = {id(one): number for number, one in enumerate(self.tried)}
        tasks = [
            self._task(numbers[id(one)], one.change, seed)
            for one in tried
            for seed in seeds
            if seed not in one.outcomes
        ]
        self._to_do += len(tasks)
        found = self._run(rerun, tasks, self._asked.jobs, self._until)
        try:
            for task, outcome in found:
                added = outcome.effects.beyond(self._harm)
                self.tried[task.row].outcomes[task.seed] = replace(outcome, effects=added)
                self._done += 1
                self._progress(self._done, self._to_do, self.tried[task.row].change.says)
                if self._is_used_up():
                    raise _BudgetUsed
        finally:
            found.close()

    def _task(self, number: int, change: ScenarioChange, seed: int) -> Task:
        goal = self._base.goal
        assert goal is not None
        scenario = with_goal(change.scenario, self.expectations(change))
        marks = self._marks if seed == self._seed else b""
        return Task(number, scenario, goal, seed, marks)

    def _is_used_up(self) -> bool:
        return time.perf_counter() > self._until

    @property
    def _until(self) -> float:
        budget_s = self._asked.budget_s
        return self._began + budget_s if budget_s else math.inf

    def _try_pairs(self) -> bool:
        """Two changes at once, of those that are no remedy alone. Returns whether there are any."""
        if any(one.change.parts for one in self.tried):
            return False
        found = [Tried(one) for one in pairs(self._base.scenario, self.tried)]
        self.tried += found
        self._try(found, [self._seed])
        return bool(found)

    def _confirm(self) -> None:
        """The best in many worlds, the best that shipped among them; then what is gentler than the
        winner.
        """
        holding = sorted((one for one in self.tried if one.held), key=self._rank)
        seeds = [self._seed, *(n for n in range(1, self._asked.worlds + 1) if n != self._seed)]
        seeds = seeds[: max(1, self._asked.worlds)]
        for _ in range(ROUNDS_MAX):  # one that does not hold everywhere makes room for the next
            chosen = self._chosen(holding)
            if all(len(one.outcomes) >= len(seeds) for one in chosen):
                break
            self._try(chosen, seeds)
        for winner in sorted(holding, key=self._rank)[:1]:
            gentler = [
                one
                for one in holding
                if one.change.family == winner.change.family
                and one.change.strength < winner.change.strength
            ]
            self._try(sorted(gentler, key=lambda one: one.change.strength)[:1], seeds)

    def _chosen(self, holding: Sequence[Tried]) -> list[Tried]:
        """The best of those that hold wherever they were tried, as if each were tried everywhere,
        and the best of them that shipped.
        """
        sound = [one for one in holding if one.is_sound]
        sound.sort(key=lambda one: self._rank(one)[1:])
        chosen = one_of_each(sound)[:BEST]
        return chosen + [one for one in sound if one.change.is_shipped and one not in chosen][:1]

    def _find_deadlines(self) -> None:
        """Of the best, the last moment at which making it still helps: bisected over the attempts
        that were refused, or a grid where there were none.
        """
        moments = self._moments()
        holding = sorted((one for one in self.tried if one.held), key=self._rank)
        for tried in one_of_each(holding)[:BEST]:
            made_at = tried.change.made_at
            low, high = 0, len(moments)  # it helps when made at moments[low - 1], if low
            while made_at is not None and low < high:
                middle = (low + high) // 2
                at_s = moments[middle] - self._base.scenario.start
                if self._holds(replace(tried.change, scenario=made_at(at_s))):
                    low = middle + 1
                else:
                    high = middle
            if low:
                tried.act_before = moments[low - 1]

    def _moments(self) -> list[float]:
        """A minute before each attempt that was refused, after the first."""
        view = RunView(self._base.result.records)
        found = sorted(
            at - BEFORE_S
            for update in self._base.updates
            for at in view.attempts.get(update.episode.episode, [])[1:]
        )
        if found:
            return found
        start, end = self._base.scenario.start, self._base.scenario.end
        return [start + (end - start) * number / GRID for number in range(1, GRID)]

    def _holds(self, change: ScenarioChange) -> bool:
        self._to_do += 1
        task = self._task(0, change, self._seed)
        ((_, outcome),) = self._run(rerun, [task], 1, self._until)
        self._done += 1
        self._progress(self._done, self._to_do, f"{change.says}, later")
        if self._is_used_up():
            raise _BudgetUsed
        return outcome.is_met

    def _rank(self, tried: Tried) -> tuple[object, ...]:
        return tried.rank(self._seed)

    # -- telling

    def ladder(self) -> Ladder:
        """What is settled, the best first."""
        base = self._base
        goal = base.goal
        is_met = goal is None and base.is_asked
        as_it_was = ("holds" if is_met else "-") if goal is None else _as_it_was(base)
        all_of_it = base.named or "every update came through and every status is true"
        whole = all_of_it if is_met else ""
        found = Ladder(
            source=self._source,
            goal=goal.says if goal else whole,
            as_it_was=as_it_was,
            rows=tuple(self._row(one) for one in self.in_order()),
            version=base.result.version,
            seed=self._seed,
            since=base.since,
            worlds=self._asked.worlds,
            reruns=self._done,
            wall_s=round(time.perf_counter() - self._began, 3),
            is_met=is_met,
            is_of_update=goal is None or goal.kind in (UPDATE, REMOVAL),
            notes=tuple(self.notes),
        )
        return msgspec.structs.replace(found, sentence=told(found))

    def in_order(self) -> list[Tried]:
        """Every change as the ladder has them, the best first."""
        order = {FIXES: 0, HELPS: 0, NO_EFFECT: 1, HARMS: 2, NOT_SETTLED: 3, CANNOT_HELP: 4}

        def place(one: Tried) -> tuple[object, ...]:
            return order[self._word(one)], one.rank(self._seed, gentlest_first=True)

        return sorted(self.tried, key=place)

    def expectations(self, change: ScenarioChange) -> tuple[Expectation, ...]:
        """What has to hold with a change."""
        assert self._base.goal is not None
        return change.instead or self._base.goal.expectations

    def _row(self, tried: Tried) -> LadderRow:
        change, base = tried.change, self._base
        own = tried.outcomes.get(self._seed)
        times = tried.times
        bound = change.bound.free_at if change.bound else None
        why = change.bound.why if change.bound and change.bound.cannot_help else ""
        if own is not None and own.refused:
            why = own.refused
        return LadderRow(
            change=change.says,
            cost=str(change.cost),
            word=self._word(tried),
            needs=change.needs,
            worlds=len(tried.outcomes),
            held=tried.held,
            goal_after_s=round(median(times), 3) if times else None,
            goal_after_least_s=round(min(times), 3) if times else None,
            goal_after_most_s=round(max(times), 3) if times else None,
            goal_at=own.goal_at if own else None,
            effects=tried.effects(self._seed),
            why=why,
            bound_after_s=None if bound is None else round(max(0.0, bound - base.since), 3),
            act_before=tried.act_before,
            divergence=divergence(self._before, own) if own else None,
            toml=change.difference(self._lines),
        )

    def _word(self, tried: Tried) -> str:
        if not tried.outcomes:
            return CANNOT_HELP if _is_forbidden(tried.change) else NOT_SETTLED
        if all(one.refused for one in tried.outcomes.values()):
            return NOT_SETTLED
        if tried.held == len(tried.outcomes) and len(tried.outcomes) >= self._asked.worlds:
            return FIXES
        if tried.held:
            return HELPS
        return HARMS if any(tried.effects(self._seed).rank) else NO_EFFECT


class _BudgetUsed(Exception):
    """The time that was given is over."""


def base_of(scenario: Scenario, wanted: Sequence[str] = ()) -> Base:
    """Run a scenario (with its options baked in) as it was, and find what had to come true and did
    not: `goal` None where all did. Raises `GoalError`, `StepError` and `ProfileError`.
    """
    first = run_scenario(copy_of(scenario), RunOptions())
    asked = [asked_goal(scenario, wanted)] if wanted else goals(scenario, first.records)
    candidates = [one for goal in asked for one in goal.expectations]
    result = first
    failing: list[Goal] = []
    if candidates:
        result = run_scenario(with_goal(scenario, candidates), RunOptions())
        number = 0
        for one in asked:
            findings = result.findings[number : number + len(one.expectations)]
            number += len(one.expectations)
            if not all(finding.ok for finding in findings):
                failing.append(one)
    goal = _joined([one for one in failing if one.kind == failing[0].kind]) if failing else None
    records = result.records
    updates = tuple(blocked_updates(records, RunView(records))) if goal else ()
    if goal is not None:
        updates = tuple(
            one
            for one in updates
            if one.episode.state != RESOLVED and _concerns(one, goal, records)
        )
    since = (first_attempt(goal, records) if goal else None) or (records[0].at if records else 0.0)
    named = asked[0].says if wanted else ""
    return Base(scenario, result, goal, updates, since, is_asked=bool(candidates), named=named)


def _joined(found: Sequence[Goal]) -> Goal:
    if len(found) == 1:
        return found[0]
    return Goal(
        found[0].kind,
        _some("; ", [one.says for one in found]),
        tuple(e for one in found for e in one.expectations),
        tuple(dict.fromkeys(job for one in found for job in one.jobs)),
    )


def _some(between: str, told: Sequence[str]) -> str:
    more = [f"and {len(told) - TOLD_MAX} more"] if len(told) > TOLD_MAX else []
    return between.join([*told[:TOLD_MAX], *more])


def _concerns(update: BlockedUpdate, goal: Goal, records: Sequence[Record]) -> bool:
    return goal.kind == ASKED or job_of(update.episode.purpose) in job_numbers(goal, records)


def _as_it_was(base: Base) -> str:
    jobs = [
        f"{one['name']} is {one['status']}"
        for one in base.result.jobs
        if base.goal and one.get("name") in base.goal.jobs
    ]
    job = _some(", ", jobs)
    return f"never ({job})" if job else "never"


def _is_forbidden(change: ScenarioChange) -> bool:
    return change.bound is not None and change.bound.cannot_help
