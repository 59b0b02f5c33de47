"""The goals that a run can be asked for, found in what it was told to do and what it says.

The law: one kind of trouble at a time: that of its article, else the first there is of updates,
removals, programs that cannot be run, expired jobs, package status, results that nobody heard of,
failures that nobody sees.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from despoolr_core.formats.sms_id import request_id
from despoolr_core.phrases import named
from despoolr_core.records.kinds.client import ProgramStarted, ResultReported
from despoolr_core.records.kinds.share import OpenRefused
from despoolr_core.records.kinds.site import (
    CopyEnded,
    CopyStarted,
    DetailStatusChanged,
    InstructionExecuted,
    InstructionWritten,
    JobStatusChanged,
    PackageReported,
)
from despoolr_core.records.stream import Record, is_owners, of
from despoolr_core.times import moment_s
from despoolr_lab.scenario.model import (
    CancelStep,
    Expectation,
    FilesExpectation,
    JobExpectation,
    JobStep,
    PackageStatusExpectation,
    Scenario,
    ServersExpectation,
    SourceStep,
    WorkstationsExpectation,
)
from despoolr_lab.scenario.run import RunOptions, profiles_of
from despoolr_lab.whatif.knobs.goal import (
    EXPIRY,
    FAILURE,
    REMOVAL,
    RESULT,
    RUN,
    STATUS,
    UPDATE,
    Goal,
    job_names,
)

_KINDS: Final = (UPDATE, REMOVAL, RUN, EXPIRY, STATUS, RESULT, FAILURE)
_KIND_OF: Final = {
    "Q152229": EXPIRY,
    "Q153637": REMOVAL,
    "Q166833": FAILURE,
    "Q172899": RESULT,
    "Q182414": RUN,
    "Q185179": REMOVAL,
    "Q235805": STATUS,
}
_AS_THE_VERSION_TELLS: Final = ("Q138241", "Q190135")
AT_ONCE_S: Final = 60.0
"""Seconds between a refusal and the start of a program that has failed because of it."""
MACHINES_TOLD_MAX: Final = 4
MACHINES_MAX: Final = 1000
"""Workstations of a job that a goal names."""


def goals(scenario: Scenario, records: Sequence[Record]) -> list[Goal]:
    """Every goal that a run can be asked for, whether it was met or not; those of its article
    first.
    """
    names = job_names(records)
    found = [
        *_updates(scenario, records, names),
        *_removals(scenario, records, names),
        *_expiries(records, names),
        *_package_status(scenario, records, names),
        *_results(records, names, _told_as(scenario)),
    ]
    first = _KIND_OF.get(scenario.article, UPDATE)
    order = [first, *(kind for kind in _KINDS if kind != first)]
    return sorted(found, key=lambda goal: order.index(goal.kind))


# -- updates


def _updates(
    scenario: Scenario, records: Sequence[Record], names: dict[str, str]
) -> Iterable[Goal]:
    """The newest files of each package that jobs put on servers, and that the jobs say so."""
    cancelled = {step.job for step in scenario.step if isinstance(step, CancelStep)}
    begun = _begun(records)
    last: dict[str, JobStep] = {}
    removed: dict[str, set[str]] = {}
    for step in sorted(
        (step for step in scenario.step if isinstance(step, JobStep)),
        key=lambda step: moment_s(step.at, scenario.start),
    ):
        if step.name in cancelled and not any(begun.get(step.name, ())):
            continue
        if step.name in cancelled or (step.type == "remove" and not step.put_on):
            last.pop(step.package, None)
        elif step.type == "remove":
            removed.setdefault(step.package, set()).update(step.put_on)
        elif step.distribute:
            last[step.package] = step
            removed.pop(step.package, None)
    tried, complete = _servers(records, names)
    for package, step in last.items():
        before = {
            name
            for one in scenario.step
            if isinstance(one, JobStep) and one.package == package and one.name != step.name
            for name in complete.get(one.name, ())
        }
        wanted_of = tried.get(step.name, set()) | (before if step.refresh_existing else set())
        wanted = sorted((wanted_of | (set(step.put_on) - before)) - removed.get(package, set()))
        if not wanted:
            continue
        name, at = _last_begun(step, begun.get(step.name, []), scenario.start)
        files = _files_at(scenario, package, at)
        told: Expectation
        if step.command:
            told = ServersExpectation(
                job=name, rows={**dict.fromkeys(wanted, "Complete")}, site=step.site
            )
        else:
            told = JobExpectation(job=name, status="Complete", site=step.site)
        yield Goal(
            UPDATE,
            f"{package} is new on {named(wanted)} and job {name} says so",
            (
                *(
                    FilesExpectation(package=package, server=server, files=files)
                    for server in wanted
                    if files
                ),
                told,
            ),
            (step.name,),
        )


def _removals(
    scenario: Scenario, records: Sequence[Record], names: dict[str, str]
) -> Iterable[Goal]:
    """What was removed last is gone from the servers that it was removed from, and the job says
    so.
    """
    cancelled = {step.job for step in scenario.step if isinstance(step, CancelStep)}
    there = {*names.values()} - cancelled
    jobs = sorted(
        (step for step in scenario.step if isinstance(step, JobStep) and step.name in there),
        key=lambda step: moment_s(step.at, scenario.start),
    )
    last = {step.package: step for step in jobs if step.distribute}
    begun = _begun(records)
    _, complete = _servers(records, names)
    for package, step in last.items():
        if step.type != "remove":
            continue
        had = {
            server
            for one in jobs
            if one.package == package and one.name != step.name
            for server in complete.get(one.name, ())
        }
        servers = sorted(had & (set(step.put_on) or _servers_of(scenario, step)))
        if servers:
            gone = [FilesExpectation(package=package, server=one, only=True) for one in servers]
            name, _ = _last_begun(step, begun.get(step.name, []), scenario.start)
            told = JobExpectation(job=name, status="Complete", site=step.site)
            says = f"{package} is gone from {named(servers)} and job {name} says so"
            yield Goal(REMOVAL, says, (*gone, told), (step.name,))


def _servers_of(scenario: Scenario, step: JobStep) -> set[str]:
    """The servers of the sites that a job goes to."""
    main = scenario.site[0].code
    return {
        one.name for one in scenario.server if not step.sites or (one.site or main) in step.sites
    }


def _begun(records: Sequence[Record]) -> dict[str, list[float]]:
    """When each job took its package's source: of a repeating one all, in the order in which they
    were made; 0 for one that was Pending to its end. By their names.
    """
    begun: dict[str, dict[str, float]] = {}
    for record, job in of(records, JobStatusChanged):
        if job.name and is_owners(record.actor, job.job):
            times = begun.setdefault(job.name, {})
            times.setdefault(job.job, 0.0)
            if not times[job.job] and job.status not in ("Pending", "Cancelled"):
                times[job.job] = record.at
    return {name: list(times.values()) for name, times in begun.items()}


def _last_begun(step: JobStep, begun: Sequence[float], start: float) -> tuple[str, float]:
    """The last of a job's repetitions that was not left Pending, by its name, and when it took the
    package's source.
    """
    number = max((number for number, at in enumerate(begun, 1) if at), default=0)
    if not number:
        made_at = moment_s(step.at, start)
        return step.name, moment_s(step.activate_after, made_at) if step.activate_after else made_at
    return f"{step.name}#{number}" if step.repeat_every else step.name, begun[number - 1]


def _servers(
    records: Sequence[Record], names: dict[str, str]
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """The servers that each job was to bring its package to, and those to which it did, by the
    job's name.
    """
    tried: dict[str, set[str]] = {}
    complete: dict[str, set[str]] = {}
    for record in records:
        fact = record.data
        if isinstance(fact, CopyStarted):
            tried.setdefault(names.get(fact.job, fact.job), set()).add(fact.server)
        elif isinstance(fact, InstructionWritten):
            tried.setdefault(names.get(fact.job, fact.job), set()).update(fact.forgotten)
        elif isinstance(fact, CopyEnded) and fact.result == "complete":
            complete.setdefault(names.get(fact.job, fact.job), set()).add(fact.server)
    return tried, complete


def _files_at(scenario: Scenario, package: str, at: float) -> dict[str, str | bool]:
    """What a package's source directory has at a time; false for what was deleted from it."""
    (found,) = [one for one in scenario.package if one.name == package]
    files: dict[str, str | bool] = dict(found.files)
    for step in scenario.step:
        if (
            isinstance(step, SourceStep)
            and step.package == package
            and (moment_s(step.at, scenario.start) <= at)
        ):
            files |= step.files
            files |= dict.fromkeys(step.delete, False)
    return files


# -- expired jobs, failures


def _expiries(records: Sequence[Record], names: dict[str, str]) -> Iterable[Goal]:
    """What each workstation had reported stands, for each job of which an expiry was told."""
    expired = {
        said.job: record.at
        for record, said in reversed(list(of(records, InstructionExecuted)))
        if said.result.startswith("expired")
    }
    for job, at in expired.items():
        rows = _rows(records, job, before=at)
        if rows:
            name = _instance(job, names)
            yield Goal(
                EXPIRY,
                f"what the workstations of job {name} reported stands",
                (WorkstationsExpectation(job=name, rows={**rows}),),
                (names.get(job, job),),
            )


def _told_as(scenario: Scenario) -> str:
    """What a failure is to be told as: Failed (Q166833); where only whether it is told is asked,
    as the version tells it.
    """
    profile = profiles_of(scenario, RunOptions())[scenario.site[0].code]
    return profile.failed_mif_status if scenario.article in _AS_THE_VERSION_TELLS else "Failed"


def _results(records: Sequence[Record], names: dict[str, str], failed: str) -> Iterable[Goal]:
    """Of each job: who was refused its package is to run it, and what others handed in last is to
    stand. A job and its request have one number.
    """
    last = {
        (said.request, record.actor): said.result
        for record, said in of(records, ResultReported)
        if said.result != "Expired"
    }
    kept_out = _kept_out(records)
    for job in names:
        request = request_id(job[:3], int(job[3:], 16))
        mine = {machine: result for (asked, machine), result in last.items() if asked == request}
        well = {machine for machine, result in mine.items() if result == "Success"}
        out = {machine for machine in set(mine) - well if (request, machine) in kept_out}
        name = _instance(job, names)
        for kind, machines, says, status in (
            (RUN, out, "{} can run job {}", "Complete"),
            (RESULT, well, "what {} reported of job {} has arrived", "Complete"),
            (FAILURE, set(mine) - well - out, "the failure of {} stands in job {}", failed),
        ):
            some = sorted(machines)[:MACHINES_MAX]
            if some:
                yield Goal(
                    kind,
                    says.format(_some_of(some), name),
                    (WorkstationsExpectation(job=name, rows={**dict.fromkeys(some, status)}),),
                    (names[job],),
                )


def _kept_out(records: Sequence[Record]) -> set[tuple[str, str]]:
    """Requests and the machines that a share refused what their program needs of the package, when
    it was started last.
    """
    refused_at: dict[str, float] = {}
    found: set[tuple[str, str]] = set()
    for record in records:
        fact = record.data
        if isinstance(fact, OpenRefused):
            refused_at[fact.machine] = record.at
        elif isinstance(fact, ProgramStarted):
            key = (fact.request, record.actor)
            is_refused = record.at - refused_at.get(record.actor, -math.inf) <= AT_ONCE_S
            (found.add if is_refused else found.discard)(key)
    return found


def _some_of(machines: Sequence[str]) -> str:
    more = len(machines) - MACHINES_TOLD_MAX
    return named(machines) if more <= 0 else f"{len(machines)} workstations"


def _rows(records: Sequence[Record], job: str, before: float = float("inf")) -> dict[str, str]:
    """The workstation rows of a job as they stood before a time."""
    rows: dict[str, str] = {}
    for record, row in of(records, DetailStatusChanged):
        if record.at >= before:
            break
        if row.job == job and row.detail == "Workstation" and is_owners(record.actor, job):
            rows[row.machine] = row.status
    return dict(list(rows.items())[:MACHINES_MAX])


# -- package status


def _package_status(
    scenario: Scenario, records: Sequence[Record], names: dict[str, str]
) -> Iterable[Goal]:
    """What a child reported of a package is what its parent says."""
    packages = {step.name: step.package for step in scenario.step if isinstance(step, JobStep)}
    top = [site.code for site in scenario.site if not site.parent]
    said: dict[tuple[str, str], tuple[str, str]] = {}
    for record, reported in of(records, PackageReported):
        job = names.get(reported.job, "")
        if job in packages:
            said[packages[job], record.actor.partition("/")[0]] = (job, reported.result)
    for (package, site), (job, result) in said.items():
        if site in top:
            continue
        yield Goal(
            STATUS,
            f"site {top[0]} says of {package} at {site} what {site} reported: {result}",
            (PackageStatusExpectation(package=package, of_site=site, status=result, site=top[0]),),
            (job,),
        )


def _instance(job: str, names: dict[str, str]) -> str:
    """The name of a job, with its place among those of a repeating one."""
    name = names.get(job, job)
    same = [number for number, other in names.items() if other == name]
    return f"{name}#{same.index(job) + 1}" if len(same) > 1 else name
