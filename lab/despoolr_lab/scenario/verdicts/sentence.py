"""The one sentence of a run: who, what, how long, and what would fix it, read from what happened.

The law: facts decide, not the label of a scenario. A run about an article is asked about that
first; else about what the articles know of (a forgotten refresh, a lost status, rows that an expiry
rewrote); then the update that was blocked longest speaks; then whatever else failed. A run with
nothing of the kind says that nobody was in the way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from despoolr_core.formats.nt_event import without_lines
from despoolr_core.formats.nt_event_texts import EVENTS
from despoolr_core.phrases import counted, named
from despoolr_core.records.kinds.client import ResultReported
from despoolr_core.records.kinds.site import (
    DetailStatusChanged,
    InstructionExecuted,
    InstructionWritten,
    JobStatusChanged,
    PackageReported,
    PackageStatusChanged,
    PackageUnknown,
)
from despoolr_core.records.stream import Record, is_owners
from despoolr_core.records.verdicts import verdict
from despoolr_core.rules.fold import fold
from despoolr_core.times import span
from despoolr_lab.scenario.verdicts.articles import ARTICLE_SENTENCES
from despoolr_lab.scenario.verdicts.blocked_update import blocked
from despoolr_lab.scenario.verdicts.verdict_run import VerdictRun, site_of
from despoolr_server.site.jobs.model import NOT_INSTALLED

EVENT_STORE_FAILED: Final = 206
EVENT_INSTALL_FAILED: Final = 374


def verdict_of(run: VerdictRun) -> str:
    """The sentence of a run."""
    own = _SENTENCES.get(run.article)
    tells = [own] if own else []
    tells += [
        _forgotten_refresh,
        _lost_package_status,
        _rewritten_rows,
        blocked,
        _failed_mifs,
        _failed_jobs,
        _about_refresh,
        _understood,
        _expired,
    ]
    return next(
        (sentence for tell in tells if (sentence := tell(run))),
        "Nobody was in the way: no update was refused a file.",
    )


# -- Q152229


def _expired(run: VerdictRun) -> str:
    """That expiry notifications came and did no harm."""
    notices = _notices(run)
    if not notices:
        return ""
    version = run.profile(notices[0][0]).version
    return (
        f"The Despooler of SMS {version} took in {_told(run, notices)} and changed no row: "
        "every workstation keeps its last reported status."
    )


def _rewritten_rows(run: VerdictRun) -> str:
    """What expiry notifications did to the rows of Job Details, at the sites whose Despooler takes
    them for reports.
    """
    notices = [notice for notice in _notices(run) if run.profile(notice[0]).expiry_status]
    if not notices:
        return ""
    status = run.profile(notices[0][0]).expiry_status
    lost = _overwritten(run, notices)
    said = ", ".join(f"{machine} ({was})" for machine, was in lost) or "no workstation"
    within = span(notices[-1][0].at - notices[0][0].at)
    versions = named(sorted({run.profile(record).version for record, _ in notices}))
    words = named(sorted({run.profile(record).expiry_status for record, _ in notices})) or status
    return (
        f"The Despooler of SMS {versions} took {_told(run, notices)}, within {within}, for reports "
        "and set their rows to "
        f"{words}, so that what had been reported is lost for {said}; "
        "SMS 1.2, a later expiration date, or a NOIDMIF would have kept it (Q152229)."
    )


def _about_expiry(run: VerdictRun) -> str:
    return _rewritten_rows(run) or _expired(run)


_Notice = tuple[Record, InstructionExecuted]


def _notices(run: VerdictRun) -> list[_Notice]:
    return [pair for pair in run.of(InstructionExecuted) if pair[1].result.startswith("expired")]


def _told(run: VerdictRun, notices: list[_Notice]) -> str:
    names = named(sorted({run.view.name_of(notice.job) for _, notice in notices}))
    return f"{counted(len(notices), 'expiry notification')} of job {names}"


def _overwritten(run: VerdictRun, notices: list[_Notice]) -> list[tuple[str, str]]:
    """Workstations whose reported status an expiry replaced, with what it was."""
    found: dict[str, str] = {}
    faulty = {site_of(record): run.profile(record).expiry_status for record, _ in notices}
    first_at = notices[0][0].at
    for record, row in run.of(DetailStatusChanged):
        status = faulty.get(site_of(record))
        if record.at < first_at or row.detail != "Workstation" or status is None:
            continue
        if row.status == status and row.was not in ("", row.status):
            found.setdefault(row.machine, row.was)
    return sorted(found.items())


# -- Q166833


def _failed_mifs(run: VerdictRun) -> str:
    """What became of the workstations that reported a failure."""
    reports = [record for record, said in run.of(ResultReported) if said.result == "Failed"]
    rows = {
        row.machine: (record, row)
        for record, row in run.of(DetailStatusChanged)
        if row.detail == "Workstation" and is_owners(record.actor, row.job)
    }
    machines = sorted({record.actor for record in reports} & set(rows))
    if not machines:
        return ""
    shown = named([f"{machine} as {rows[machine][1].status}" for machine in machines])
    job = rows[machines[-1]][1].job
    first = rows[machines[0]][0]
    version = run.profile(first).version
    told = {event.machine for event in run.events(EVENT_INSTALL_FAILED)} & set(machines)
    event = (
        f"NT event 374 tells why ({len(told)} of {len(machines)})"
        if told
        else "no NT event 374 tells why"
    )
    start = (
        f"{named(machines)} reported a failed setup, and SMS {version} shows {shown}, "
        f"{span(run.end - reports[0].at)} later"
    )
    end = f"job {run.view.name_of(job)} is {_status_of(run, job)}; {event}"
    if run.profile(first).failed_mif_status == "Failed":
        return f"{start}; {end}."
    cure = "a Despooler that takes a Failed MIF at its word would fix it"
    return f"{start}, so that nobody sees a failure; {end}; {cure} (Q166833)."


def _status_of(run: VerdictRun, job: str) -> str:
    found = run.view.jobs.get(job)
    return found.status if found is not None else ""


# -- Q195936


def _forgotten_refresh(run: VerdictRun) -> str:
    """Which servers a retry left with the old version after the store of the master failed."""
    forgotten = [written for _, written in run.of(InstructionWritten) if written.forgotten]
    if not forgotten:
        return ""
    names = sorted({name for written in forgotten for name in written.forgotten})
    jobs = named(sorted({run.view.name_of(written.job) for written in forgotten}))
    why = _why_not_stored(run, {written.job for written in forgotten})
    return (
        f"{why}; but the retry of job {jobs} forgot to refresh {named(names)}, "
        f"which keep{'s' if len(names) == 1 else ''} the old version of the package while the "
        "job says Complete; the hotfix of Q195936 would have kept the refresh."
    )


def _about_refresh(run: VerdictRun) -> str:
    sentence = _forgotten_refresh(run)
    if sentence or not run.events(EVENT_STORE_FAILED):
        return sentence
    return f"{_why_not_stored(run, set())}; the retry refreshed the distribution servers."


def _why_not_stored(run: VerdictRun, jobs: set[str]) -> str:
    stored = [row for row in run.episodes if "DESPOOLR.BOX/STORE/" in fold(row.path)]
    about = [row for row in stored if any(job in row.purpose for job in jobs)] or stored
    if about:
        return verdict(about[0])[:-1]
    return "SMS_DESPOOLER could not store the master package because the disk was full"


# -- Q235805


def _lost_package_status(run: VerdictRun) -> str:
    """Which packages a parent does not know to be installed at a child that said so with a mark."""
    unknown = _unknown(run)
    says = {(said.package, said.site): said.status for _, said in run.of(PackageStatusChanged)}
    lost = [(r, said) for r, said in _marked(run) if (said.said, site_of(r)) in unknown]
    if not lost:
        return ""
    first, reported = lost[0]
    site, package = site_of(first), reported.package
    there, found = unknown[reported.said, site]
    version = run.profile(there).version
    until_then = span(run.end - first.at)
    start = (
        f"The Despooler of site {site} reported package {package} as {reported.said}, "
        "its mark for success, and "
    )
    if found.kept:
        return (
            f"{start}site {site_of(there)} (SMS {version}) cannot say which of several "
            "packages that is: the report is kept."
        )
    stands = says.get((package, site), NOT_INSTALLED)
    known = f"for {until_then}, to the end, it is not installed there to the parent"
    if stands != NOT_INSTALLED:
        known = f"what it was told before stands, {stands}"
    return (
        f"{start}Distribution Manager of SMS {version} at site {site_of(there)} knows no such "
        f"package: {known}; "
        "2.0 SP1 would have found it (Q235805)."
    )


def _understood(run: VerdictRun) -> str:
    """That marked IDs came and were understood."""
    unknown = _unknown(run)
    marked = [(r, said) for r, said in _marked(run) if (said.said, site_of(r)) not in unknown]
    taken = {(said.package, said.site): (r, said) for r, said in run.of(PackageStatusChanged)}
    arrived = [taken[key] for r, said in marked if (key := (said.package, site_of(r))) in taken]
    if not arrived:
        return ""
    ids = named(sorted({status.package for _, status in arrived}))
    parent = arrived[0][0]
    version = run.profile(parent).version
    return (
        f"Site {site_of(parent)} (SMS {version}) found {ids} behind the mark that its child "
        "puts on success: the status arrived."
    )


def _about_package_status(run: VerdictRun) -> str:
    return _lost_package_status(run) or _understood(run)


def _unknown(run: VerdictRun) -> dict[tuple[str, str], tuple[Record, PackageUnknown]]:
    return {(said.said, said.site): (r, said) for r, said in run.of(PackageUnknown)}


def _marked(run: VerdictRun) -> list[tuple[Record, PackageReported]]:
    return [(r, said) for r, said in run.of(PackageReported) if said.said != said.package]


# -- whatever else failed


def _failed_jobs(run: VerdictRun) -> str:
    """The jobs that failed with nobody in the way, and the event that says why."""
    failed = [
        job
        for record, job in run.of(JobStatusChanged)
        if job.status == "Failed" and is_owners(record.actor, job.job)
    ]
    if not failed:
        return ""
    first = failed[0]
    why = next((event for _, event in run.view.events if event.job == first.job), None)
    said = "."
    if why is not None and why.event in EVENTS:
        said = f": event {why.event}, {without_lines(why.text)}"
    more = f" {len(failed) - 1} more failed as well." if len(failed) > 1 else ""
    return f"Nobody was in the way, but job {run.view.name_of(first.job)} is Failed{said}{more}"


_SENTENCES: Final[dict[str, Callable[[VerdictRun], str]]] = {
    **ARTICLE_SENTENCES,
    "Q147819": blocked,
    "Q152229": _about_expiry,
    "Q166833": _failed_mifs,
    "Q195936": _about_refresh,
    "Q235805": _about_package_status,
}
"""What a run about an article is asked first."""
