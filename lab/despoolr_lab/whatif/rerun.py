"""One rerun of a what-if, in a process of its own: whether the goal held, when, and at whose cost.

The law: a rerun is a run of a scenario file whose only expectations are the goal's. It ends a while
after the goal stands, where nothing later can undo it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from despoolr_core.records.kinds.run import ExpectationChecked, StepTaken
from despoolr_core.records.kinds.site import JobStatusChanged
from despoolr_core.records.stream import Record, encode, is_owners
from despoolr_core.records.whatif.ladder import Divergence, Effects
from despoolr_lab.scenario.model import (
    DeleteStep,
    Expectation,
    HoldStep,
    JobExpectation,
    JobStep,
    PutStep,
    Scenario,
    SourceStep,
)
from despoolr_lab.scenario.reading.written import copy_of
from despoolr_lab.scenario.run import RunOptions, run_scenario
from despoolr_lab.scenario.steps import StepError
from despoolr_lab.whatif.harm import effects_of
from despoolr_lab.whatif.knobs.goal import Goal, first_attempt, reached_at

GRACE_S: Final = 4 * 3600.0
"""How long a rerun goes on after its goal stands: what a change does to others shows until then."""
MARK_SIZE: Final = 8
LINE_MAX: Final = 200
"""Characters of a record that a divergence shows."""


@dataclass(frozen=True, slots=True)
class Task:
    """A rerun to make: the row it is for, the scenario with its change and with the goal as its
    expectations, the world. `marks` are those of the run as it was, to find where this one differs.
    """

    row: int
    scenario: Scenario
    goal: Goal
    seed: int
    marks: bytes = b""

    def __str__(self) -> str:
        return f"{self.scenario.name} in world {self.seed}"


@dataclass(frozen=True, slots=True)
class RerunOutcome:
    """What a rerun came to. `refused` is why it could not be made; `goal_at` and `began_at` (of the
    first attempt) are site seconds.
    """

    is_met: bool
    effects: Effects = field(default_factory=Effects)
    goal_at: float | None = None
    began_at: float | None = None
    index: int = -1
    """The first record that differs, among those that are compared."""
    became: str = ""
    became_at: float = 0.0
    found: str = ""
    """What was found in place of the goal."""
    refused: str = ""

    @property
    def goal_after_s(self) -> float | None:
        """From the first attempt to the goal."""
        if self.goal_at is None or self.began_at is None:
            return None
        return max(0.0, self.goal_at - self.began_at)


def with_goal(scenario: Scenario, expectations: Sequence[Expectation]) -> Scenario:
    """The scenario with the goal in place of its expectations: it passes if the goal holds, and an
    open that is refused is no matter of the goal.
    """
    found = copy_of(scenario)
    for step in found.step:
        if isinstance(step, HoldStep | PutStep | DeleteStep):
            step.may_fail = True
    found.expect = [
        msgspec.structs.replace(one, exact_only=False, versions=[], when={}) for one in expectations
    ]
    found.versions = []
    return found


def rerun(task: Task) -> RerunOutcome:
    """Make it. What a bug of ours raises is raised."""
    watch = _Watch(task.goal) if task.goal.ends_early else None
    try:
        result = run_scenario(
            copy_of(task.scenario),
            RunOptions(seed=task.seed),
            listeners=[watch] if watch else None,
            until=watch.is_over if watch else None,
        )
    except StepError as error:
        return RerunOutcome(False, refused=str(error))
    records = result.records
    index, other = _first_difference(records, task.marks)
    is_met = bool(result.findings) and result.passed
    return RerunOutcome(
        is_met=is_met,
        effects=effects_of(records, files_of(task.scenario)),
        goal_at=reached_at(task.goal, records) if is_met else None,
        began_at=first_attempt(task.goal, records),
        index=index,
        became=told(other) if other else "",
        became_at=other.at if other else 0.0,
        found="; ".join(f"{f.name}: {f.actual}" for f in result.findings if not f.ok)[:LINE_MAX],
    )


class _Watch:
    """Whether the jobs of a goal say that they are done, and since when."""

    def __init__(self, goal: Goal) -> None:
        self._waiting = {one.job for one in goal.expectations if isinstance(one, JobExpectation)}
        self._is_watching = bool(self._waiting)
        self._since: float | None = None
        self._done: set[str] = set()

    def __call__(self, record: Record) -> None:
        fact = record.data
        if not isinstance(fact, JobStatusChanged) or fact.name not in self._waiting:
            return
        if not is_owners(record.actor, fact.job):
            return
        if fact.status == "Complete":
            self._done.add(fact.name)
        else:
            self._done.discard(fact.name)
        self._since = record.at if self._done == self._waiting else None

    def is_over(self, now: float) -> bool:
        return self._is_watching and self._since is not None and now >= self._since + GRACE_S


def files_of(scenario: Scenario) -> set[str]:
    """The paths of its packages' files, of all versions; none of a package that is to go."""
    removed = {
        step.package
        for step in scenario.step
        if isinstance(step, JobStep) and step.type == "remove"
    }
    packages = [(package.name, package.files) for package in scenario.package]
    sources = [(s.package, s.files) for s in scenario.step if isinstance(s, SourceStep)]
    return {name for one, files in (*packages, *sources) if one not in removed for name in files}


# -- where two runs part


def marks_of(records: Sequence[Record]) -> bytes:
    """A short mark of each record that is compared, `MARK_SIZE` bytes each."""
    return b"".join(_mark(record) for record in compared(records))


def compared(records: Sequence[Record]) -> list[Record]:
    """The records that tell of the world, and not of the scenario file."""
    return [
        record for record in records if not isinstance(record.data, ExpectationChecked | StepTaken)
    ]


def _mark(record: Record) -> bytes:
    line = encode(msgspec.structs.replace(record, seq=0, cause=0))
    return hashlib.blake2b(line, digest_size=MARK_SIZE).digest()


def _first_difference(records: Sequence[Record], marks: bytes) -> tuple[int, Record | None]:
    if not marks:
        return -1, None
    for index, record in enumerate(compared(records)):
        if _mark(record) != marks[index * MARK_SIZE : (index + 1) * MARK_SIZE]:
            return index, record
    return -1, None


def divergence(before: Sequence[Record], outcome: RerunOutcome) -> Divergence | None:
    """The first record in which a rerun parted from the run as it was (`before`, compared)."""
    if outcome.index < 0:
        return None
    was = before[outcome.index] if outcome.index < len(before) else None
    at = min(outcome.became_at, was.at) if was else outcome.became_at
    return Divergence(at, told(was) if was else "the end of the run", outcome.became)


def told(record: Record) -> str:
    """A record in one line: who, what, about what."""
    data = msgspec.to_builtins(record.data)
    words = [
        f"{key} {value}"
        for key, value in data.items()
        if isinstance(value, str | int) and (value not in ("", 0))
    ]
    return f"{record.actor} {record.kind}: {', '.join(words)}"[:LINE_MAX]
