"""What had to come true in a run and did not, in the words of a scenario file, so that any run can
be asked for it; and when it came true.

The law: a goal is about what lies on the shares and what the job database says at the end, never
about an episode: a way round a held file ends no waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from despoolr_core.records.kinds.site import (
    CopyEnded,
    CopyStarted,
    DetailStatusChanged,
    InstructionExecuted,
    JobStatusChanged,
    PackageStatusChanged,
)
from despoolr_core.records.stream import Record, of
from despoolr_core.rules.fold import fold
from despoolr_lab.scenario.model import (
    Expectation,
    JobExpectation,
    PackageStatusExpectation,
    Scenario,
    ServersExpectation,
    WorkstationsExpectation,
)

UPDATE: Final = "update"
REMOVAL: Final = "removal"
EXPIRY: Final = "expiry"
STATUS: Final = "package status"
RUN: Final = "run"
RESULT: Final = "result"
FAILURE: Final = "failure"
ASKED: Final = "asked"


class GoalError(ValueError):
    """A goal that the scenario has not; the message names those it has."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What has to hold at the end. `jobs` are the names of the jobs that it is about."""

    kind: str
    says: str
    expectations: tuple[Expectation, ...]
    jobs: tuple[str, ...] = ()

    @property
    def ends_early(self) -> bool:
        """Whether it stands once its jobs say so: nothing that comes later can undo it."""
        return self.kind == UPDATE


def asked_goal(scenario: Scenario, wanted: Sequence[str]) -> Goal:
    """The goal that consists of expectations of the scenario, by their names. Raises
    `GoalError`.
    """
    named = {one.label: one for one in scenario.expect}
    chosen = []
    for word in wanted:
        matches = [name for name in named if fold(word) in fold(name)]
        exact = [name for name in matches if fold(name) == fold(word)]
        if len(exact or matches) != 1:
            there_are = "; ".join(list(named)[:12]) or "none at all"
            found = "several have" if matches else "none has"
            raise GoalError(f"{found} {word!r} in its name; the expectations are: {there_are}")
        chosen.append(named[(exact or matches)[0]])
    says = " and ".join(one.label for one in chosen)
    return Goal(ASKED, says, tuple(chosen))


def reached_at(goal: Goal, records: Sequence[Record]) -> float | None:
    """When a goal that holds at the end came true: the last record that it waited for; None where
    records do not tell it.
    """
    jobs = job_numbers(goal, records)
    at = [
        record.at
        for record in records
        if (
            isinstance(
                record.data,
                JobStatusChanged | CopyEnded | DetailStatusChanged | PackageStatusChanged,
            )
            and record.data.job in jobs
            and _is_success(record, goal)
        )
    ]
    return max(at, default=None)


def _is_success(record: Record, goal: Goal) -> bool:
    fact = record.data
    if isinstance(fact, JobStatusChanged):
        return (
            goal.kind in (UPDATE, REMOVAL)
            and fact.status == "Complete"
            and any(isinstance(one, JobExpectation) for one in goal.expectations)
        )
    if isinstance(fact, CopyEnded):
        return goal.kind == UPDATE and fact.result == "complete"
    if isinstance(fact, PackageStatusChanged):
        return (record.actor.partition("/")[0], fact.site, fact.status) in [
            (one.site, one.of_site, one.status)
            for one in goal.expectations
            if isinstance(one, PackageStatusExpectation)
        ]
    assert isinstance(fact, DetailStatusChanged)
    kind = "Server" if goal.kind == UPDATE else "Workstation"
    if fact.detail != kind:
        return False
    wanted = [
        one.rows.get(fact.machine)
        for one in goal.expectations
        if isinstance(one, ServersExpectation | WorkstationsExpectation)
    ]
    return fact.status in wanted


def first_attempt(goal: Goal, records: Sequence[Record]) -> float | None:
    """When the first attempt of the goal's jobs began; None where there was none. One to remove a
    package is told when it is over, in the same moment or little later.
    """
    names = job_names(records)
    begins = InstructionExecuted if goal.kind == REMOVAL else CopyStarted
    return min(
        (
            record.at
            for record in records
            if isinstance(record.data, begins) and names.get(record.data.job or "") in goal.jobs
        ),
        default=None,
    )


def job_numbers(goal: Goal, records: Sequence[Record]) -> set[str]:
    """The numbers of the goal's jobs."""
    return {job for job, name in job_names(records).items() if name in goal.jobs}


def job_names(records: Sequence[Record]) -> dict[str, str]:
    """The names of jobs by their numbers, in the order in which they were made."""
    return {job.job: job.name for _, job in of(records, JobStatusChanged) if job.name}
