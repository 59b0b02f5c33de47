"""Knobs of jobs: when an update is sent, when a job expires, what else tells of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from despoolr_core.rules.remedies import Cost
from despoolr_core.times import moment_s, span_s
from despoolr_lab.scenario.model import (
    AttributeExpectation,
    JobStep,
    NoIdMifStep,
    SourceStep,
    WorkstationsExpectation,
)
from despoolr_lab.scenario.reading.written import copy_of
from despoolr_lab.scenario.worlds import span_text
from despoolr_lab.whatif.case import Case, more_attempts
from despoolr_lab.whatif.change import ScenarioChange
from despoolr_lab.whatif.goal import EXPIRY, UPDATE
from despoolr_lab.whatif.knob_names import WINDOW

WINDOW_HOURS: Final = (2, 22)


def windows(case: Case, values: Sequence[str]) -> Iterator[ScenarioChange]:
    if case.goal.kind != UPDATE or not case.updates:
        return
    scenario = case.scenario
    jobs = [s for s in scenario.step if isinstance(s, JobStep) and s.name in case.goal.jobs]
    if not jobs:
        return
    sent_s = min(moment_s(job.at, scenario.start) for job in jobs) - scenario.start
    midnight_s = -(scenario.start % 86400.0)
    for hour in [int(value) for value in values] or WINDOW_HOURS:
        at_s = midnight_s + hour * 3600.0
        while at_s <= sent_s:
            at_s += 86400.0
        if at_s + 3600.0 >= scenario.end - scenario.start:
            continue
        moved = copy_of(scenario)
        for step in moved.step:
            is_job = isinstance(step, JobStep) and step.name in case.goal.jobs
            is_source = (
                isinstance(step, SourceStep)
                and step.package in {job.package for job in jobs}
                and moment_s(step.at, scenario.start) - scenario.start <= sent_s
            )
            if is_job or is_source:
                step.at = span_text(at_s)
        yield ScenarioChange(
            f"sending it at {hour:02}:00",
            Cost.HABIT,
            moved,
            family=f"{WINDOW} {hour}",
            bound=more_attempts(case, begun_at=scenario.start + at_s),
        )


def expires(case: Case, values: Sequence[str]) -> Iterator[ScenarioChange]:
    if case.goal.kind != EXPIRY:
        return
    length_s = case.scenario.end - case.scenario.start
    for text in values or ("never", "twice as late"):
        scenario = copy_of(case.scenario)
        is_other = False
        for step in scenario.step:
            if not isinstance(step, JobStep) or step.name not in case.goal.jobs:
                continue
            if not step.expires_after:
                continue
            if text == "never":
                step.expires_after = ""
            else:
                later_s = (
                    2 * moment_s(step.expires_after, 0.0)
                    if text.startswith("twice")
                    else (span_s(text))
                )
                if later_s > length_s:
                    continue
                step.expires_after = span_text(later_s)
            is_other = True
        if is_other:
            yield ScenarioChange(
                f"job {' and '.join(case.goal.jobs)} expiring {text}",
                Cost.SETTING,
                scenario,
                strength=-1 if text == "never" else 0,
            )


def noidmif(case: Case, _values: Sequence[str]) -> Iterator[ScenarioChange]:
    """The workaround of Q152229: what a workstation reported is told by its inventory as well."""
    if case.goal.kind != EXPIRY:
        return
    rows = {
        machine: status
        for one in case.goal.expectations
        if isinstance(one, WorkstationsExpectation)
        for machine, status in one.rows.items()
        if isinstance(status, str) and status != "None"
    }
    start = case.scenario.start
    expires = [
        moment_s(step.expires_after, moment_s(step.at, start)) - start
        for step in case.scenario.step
        if isinstance(step, JobStep) and step.name in case.goal.jobs and step.expires_after
    ]
    if not rows or not expires:
        return
    scenario = copy_of(case.scenario)
    at = span_text(max(0.0, min(expires) - 6 * 3600.0))
    (job,) = case.goal.jobs[:1]
    group = "Reported Status"
    scenario.step = [
        *scenario.step,
        *(
            NoIdMifStep(
                at=at, machine=machine, group=group, attributes={job: status}, file="WHATIF.MIF"
            )
            for machine, status in rows.items()
        ),
    ]
    told: list[AttributeExpectation] = [
        AttributeExpectation(machine=machine, group=group, attribute=job, value=status)
        for machine, status in rows.items()
    ]
    yield ScenarioChange(
        "a NOIDMIF from each workstation that reported",
        Cost.CLIENT,
        scenario,
        needs="a script on each workstation; the inventory tells it, not the job",
        instead=tuple(told),
    )
