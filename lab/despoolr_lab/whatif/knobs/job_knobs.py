"""Knobs of jobs: when an update is sent, when a job expires, what else tells of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from despoolr_core.rules.remedies import Cost
from despoolr_core.times import moment_s, span, span_s
from despoolr_lab.scenario.model import (
    AttributeExpectation,
    JobStep,
    NoIdMifStep,
    SourceStep,
    WorkstationsExpectation,
)
from despoolr_lab.scenario.reading.written import copy_of
from despoolr_lab.scenario.worlds import span_text
from despoolr_lab.whatif.knobs.case import Case, more_attempts
from despoolr_lab.whatif.knobs.change import ScenarioChange
from despoolr_lab.whatif.knobs.goal import EXPIRY, UPDATE
from despoolr_lab.whatif.knobs.names import WINDOW

WINDOW_HOURS: Final = (2, 22)
BEFORE_S: Final = 1800.0
"""How long before those who stood in the way came it is sent at the latest."""
DAY_S: Final = 86_400.0
EARLIER_S_MAX: Final = 12 * 3600.0
"""How much earlier it is sent at most, where the run ends before that hour comes again."""


def windows(case: Case, values: Sequence[str]) -> Iterator[ScenarioChange]:
    if case.goal.kind != UPDATE or not case.updates:
        return
    scenario = case.scenario
    jobs = [s for s in scenario.step if isinstance(s, JobStep) and s.name in case.goal.jobs]
    if not jobs:
        return
    sent_s = min(moment_s(job.at, scenario.start) for job in jobs) - scenario.start
    midnight_s = -(scenario.start % 86400.0)
    length_s = scenario.end - scenario.start
    for hour in [int(value) for value in values] or _hours(case):
        later_s = (midnight_s + hour * 3600.0 - sent_s) % DAY_S or DAY_S
        at_s = sent_s + later_s
        if at_s + 3600.0 >= length_s:
            at_s -= DAY_S
        if at_s == sent_s or at_s < max(_earliest_s(case, jobs), sent_s - EARLIER_S_MAX):
            continue
        moved_by = f"{span(abs(at_s - sent_s))} {'later' if at_s > sent_s else 'earlier'}"
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
            f"sending it at {hour:02}:00, {moved_by}",
            Cost.HABIT,
            moved,
            family=f"{WINDOW} {hour}",
            later_s=at_s - sent_s,
            bound=more_attempts(case, begun_at=scenario.start + at_s),
        )


def _hours(case: Case) -> list[int]:
    """The usual ones, and those before and after all that stood in the way, where it ended."""
    held = [one for update in case.updates for one in update.holdings]
    ends = [one.closed_at for one in held if one.closed_at is not None]
    found = list(WINDOW_HOURS)
    if held and len(ends) == len(held):
        begin = min(one.opened_at for one in held)
        found += [int((begin - BEFORE_S) // 3600.0 % 24), int((max(ends) // 3600.0 + 1) % 24)]
    return list(dict.fromkeys(found))


def _earliest_s(case: Case, jobs: Sequence[JobStep]) -> float:
    """From when on a package can be sent again: after the job before has had an hour."""
    start = case.scenario.start
    packages = {job.package for job in jobs}
    others = [
        moment_s(step.at, start) - start + 3600.0
        for step in case.scenario.step
        if isinstance(step, JobStep) and step.package in packages and step not in jobs
    ]
    return max(others, default=0.0)


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
