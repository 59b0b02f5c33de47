"""What an article says of a run: who had the trouble it tells of, for how long, and what would cure
it. Each is asked first in a run about its article, and says nothing (`""`) where there was no such
trouble.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from despoolr_core.phrases import counted, how_often, named
from despoolr_core.records.kinds.client import ResultReported
from despoolr_core.records.kinds.share import FileDeleted, FileWritten
from despoolr_core.records.kinds.site import (
    CopyEnded,
    InstructionWritten,
    LineLogged,
    MifRefused,
)
from despoolr_core.records.verdicts import verdict
from despoolr_core.records.view import DetailHistory
from despoolr_core.rules.fold import fold
from despoolr_core.times import moment, moment_s, span, span_s
from despoolr_lab.scenario.verdicts.blocked_update import EVENT_NO_SERVER, blocked
from despoolr_lab.scenario.verdicts.verdict_run import ScenarioJob, VerdictRun

EVENT_NO_SPACE: Final = 109
UNREACHABLE: Final = 53


# -- the Despooler


def _emptied(run: VerdictRun) -> str:
    """Q184489: what was missing from a directory while somebody was in the way."""
    gone: dict[str, float] = {}
    missing: dict[str, float] = {}
    for record in run.records:
        match record.data:
            case FileDeleted(share="SMS_PKGD") as file:
                gone[f"{file.server} {file.path}"] = record.at
            case FileWritten(share="SMS_PKGD") as file:
                key = f"{file.server} {file.path}"
                if key in gone:
                    missing[key] = record.at - gone.pop(key)
    lasting = {key: run.end - at for key, at in gone.items()}
    long = {key: s for key, s in {**missing, **lasting}.items() if s > span_s("1m")}
    if not long:
        return blocked(run)
    worst = max(long, key=long.__getitem__)
    server, _, path = worst.partition(" ")
    return _and_also(
        blocked(run),
        f"meanwhile {counted(len(long), 'file')} of packages were missing, {path} on {server} "
        f"for {span(long[worst])} (Q184489)",
    )


def _restarted(run: VerdictRun) -> str:
    """Q140374: how often a restart set the retry count to zero."""
    counts: dict[str, int] = {}
    resets = []
    for _, written in run.of(InstructionWritten):
        before = counts.get(written.job, 0)
        if written.retries < before:
            resets.append(before)
        counts[written.job] = written.retries
    if not resets:
        return blocked(run)
    return _and_also(
        blocked(run),
        f"the Despooler was started anew after {counted(resets[0], 'attempt')} and counted from "
        "zero: SMS 1.2 SP4 would have gone on counting (Q140374)",
    )


def _counted_by_two(run: VerdictRun) -> str:
    """Q191360: that a retry moved the count by two."""
    profile = run.main_profile
    if profile.retry_count_step != 2:
        return blocked(run)
    return _and_also(
        blocked(run),
        f"every retry counted for two, so that {profile.attempts_max // 2} attempts used up the "
        f"{profile.attempts_max} (Q191360)",
    )


def _no_disk_was_full(run: VerdictRun) -> str:
    """Q193766: that an event told of a full disk where a file was in use."""
    events = run.events(EVENT_NO_SPACE)
    if not events or not run.episodes:
        return blocked(run)
    return _and_also(
        blocked(run),
        f"event {EVENT_NO_SPACE} called that a full disk, {how_often(len(events))}, where the log "
        "of the Despooler has Win32 error 32 (Q193766)",
    )


def _restricted(run: VerdictRun) -> str:
    """Q182414: whose rights were not given back after a forced disconnect."""
    stays = next(
        (at for at, line in _lines(run, "stay restricted to the service account")), run.end
    )
    if stays == run.end:
        return blocked(run)
    failed = sorted({r.actor for r, said in run.of(ResultReported) if said.result == "Failed"})
    who = f" ({named(failed)} tried)" if failed else ""
    return _and_also(
        blocked(run),
        f"but the rights were not given back: for {span(run.end - stays)}, to the end, nobody but "
        f"the service account could use the package{who}; SMS 1.2 SP4 gives them back (Q182414)",
    )


def _in_use_and_unchanged(run: VerdictRun) -> str:
    """Q184512: who was in the way with a file that had not changed."""
    idle = [row for row in run.episodes if fold(row.path.partition("/")[2]) not in run.changed]
    if not idle:
        return blocked(run)
    return _and_also(
        verdict(idle[0]),
        "that file had not changed, and SMS 1.2 SP4 leaves such a file alone (Q184512)",
    )


def _retry_without_servers(run: VerdictRun) -> str:
    """Q153576: which server could not be reached, and whether a retry ever came to it."""
    failed = [(r, copy) for r, copy in run.of(CopyEnded) if copy.win32 == UNREACHABLE]
    if not failed:
        return blocked(run)
    first, copy = failed[0]
    done = next(
        (
            r.at
            for r, other in run.of(CopyEnded)
            if other.server == copy.server and other.result == "complete" and r.at > first.at
        ),
        None,
    )
    name = run.view.name_of(copy.job)
    start = f"{copy.server} could not be reached at {moment(first.at)} (Win32 error {UNREACHABLE})"
    if done is not None:
        return (
            f"{start}; job {name} retried it until it had the package, "
            f"{span(done - first.at)} later."
        )
    if not run.events(EVENT_NO_SERVER):
        return f"{start} and does not have the package {span(run.end - first.at)} later."
    return (
        f"{start}, and the retry instruction of job {name} listed no server, so "
        f"SMS {run.main_profile.version} never tried again: the job says Complete, and "
        f"{copy.server} does not have the package {span(run.end - first.at)} later; SMS 1.2 would "
        "have retried (Q153576)."
    )


def _left_alone(run: VerdictRun) -> str:
    """Q140051: which of its servers a Run Command job left as they were, and for how long."""
    for step in run.jobs:
        job = run.job(step)
        if job is None or not step.command or not step.put_on or step.refresh_existing:
            continue
        rows = {row.machine for row in run.view.details_of(job.job) if row.kind == "Server"}
        old = [name for name in step.put_on if name not in rows]
        if not old or job.status != "Complete":
            continue
        done = job.changes[-1].at
        later = (r.at for r, copy in run.of(CopyEnded) if copy.server == old[0] and r.at > done)
        return (
            f"Job {step.name} did not refresh {named(old)}, which had the package already, and "
            f"said Complete: a Run Command job of SMS {run.main_profile.version} skips such "
            f"servers, and they kept the old version for {span(next(later, run.end) - done)}; "
            "Refresh Existing Distribution Servers copies to all that have it (Q140051)."
        )
    return ""


def _never_removed(run: VerdictRun) -> str:
    """Q153637: where a package stays because the name of its directory was lost."""
    lost = _lines(run, "Failed to deltree")
    if not lost:
        return ""
    for step in run.jobs:
        job = run.job(step)
        rows = run.view.details_of(job.job) if job is not None and step.type == "remove" else []
        left = [row for row in rows if row.kind == "Server" and row.status == "Retrying"]
        if left:
            first = min(row.changes[0].at for row in left)
            return (
                f"{named([row.machine for row in left])} could not be rid of the package of job "
                f"{step.name} while files were in use; the Despooler of SMS "
                f"{run.main_profile.version} remembers a garbled name on a NetWare server, failed "
                f"to delete that {how_often(len(lost))}, and the package is there "
                f"{span(run.end - first)} later; SMS 1.2 removes it (Q153637)."
            )
    return ""


def _held_back(run: VerdictRun) -> str:
    """Q172899: whose reports waited for a date."""
    late = _late_reports(run)
    if not late:
        return ""
    return (
        f"{named(late)}: the Despooler of SMS {run.main_profile.version} leaves a report "
        "until the date that its client's clock gave it; right clocks, or SMS 1.2 SP4, would have "
        "it in at once (Q172899)."
    )


def _late_reports(run: VerdictRun) -> list[str]:
    """Who reported what no row said an hour later."""
    found = []
    for record, said in run.of(ResultReported):
        if said.result == "Expired":
            continue
        row = _row(run, record.actor)
        if row is None:
            after = span(run.end - record.at)
            found.append(f"{record.actor}'s report is not in after {after}")
        elif row.changes[0].at - record.at > span_s("1h"):
            after = span(row.changes[0].at - record.at)
            found.append(f"{record.actor}'s report was in after {after}")
    return found


# -- job status


def _unseen_failures(run: VerdictRun) -> str:
    """Q138241: whose failure counts as a success."""
    told = [(r, said) for r, said in run.of(ResultReported) if said.result == "Failed"]
    lost = [
        (r, row)
        for r, _ in told
        if (row := _row(run, r.actor)) is not None and row.status == "Complete"
    ]
    if not lost:
        return ""
    names = named(sorted({r.actor for r, _ in lost}))
    return (
        f"{names} reported a failed setup, and for {span(run.end - lost[0][1].changes[0].at)}, to "
        f"the end, SMS {run.main_profile.version} shows Complete: the Despooler found the .SNI "
        "before the .PCK and took a missing MIF for success (Q138241)."
    )


def _bad_mifs(run: VerdictRun) -> str:
    """Q190135: which status MIF could not be read and counts as a success."""
    refused = run.of(MifRefused)
    if not refused or not run.main_profile.malformed_mif_is_success:
        return ""
    record, mif = refused[0]
    return (
        f"The Despooler could not compile the status MIF {mif.file} ({mif.reason}), and for "
        f"{span(run.end - record.at)}, to the end, SMS {run.main_profile.version} counts it as a "
        "success, whatever it said; the hotfix of July 1998 does not (Q190135)."
    )


def _lost_by_a_quote(run: VerdictRun) -> str:
    """Q140810: whose reports were not loaded."""
    late = _late_reports(run)
    if not late:
        return ""
    return (
        f"{named(late)}: the Data Loader of SMS {run.main_profile.version} does not load "
        "a status MIF with a quotation mark in its description; SMS 1.2 does (Q140810)."
    )


def _never_complete(run: VerdictRun) -> str:
    """Q185649: which job stays Active though all it was to do is done."""
    for step in run.jobs:
        job = run.job(step)
        if job is None or step.distribute or step.command or job.status == "Complete":
            continue
        for row in run.view.details_of(job.job):
            if row.kind == "Site Arrival" and row.status == "Complete":
                return (
                    f"Job {step.name} only sends, its package arrived at site {row.site} at "
                    f"{moment(row.changes[-1].at)}, and {span(run.end - row.changes[-1].at)} later "
                    f"it is {job.status}; SMS 1.2 SP4 ends it on arrival (Q185649)."
                )
    return ""


def _too_early(run: VerdictRun) -> str:
    """Q221945: which job was Complete before its servers had the package."""
    early = []
    for step in run.jobs:
        job = run.job(step)
        if job is None or not step.distribute:
            continue
        done = next((c.at for c in job.changes if c.status == "Complete"), None)
        if done is None:
            continue
        rows = [row for row in run.view.details_of(job.job) if row.kind == "Server"]
        filled = max((row.changes[-1].at for row in rows), default=None)
        if filled is None:
            early.append(f"{step.name}, whose servers are not filled {span(run.end - done)} later")
        elif filled > done:
            early.append(f"{step.name}, {span(filled - done)} before its servers were filled")
    if not early:
        return ""
    return (
        f"SMS {run.main_profile.version} called jobs Complete too early: {named(early)}; the "
        "hotfix of March 1999 waits for the servers (Q221945)."
    )


def _not_sent_again(run: VerdictRun) -> str:
    """Q185179: which removal could not be sent and is never tried again."""
    for step in run.jobs:
        job = run.job(step)
        if step.type == "remove" and job is not None and job.status == "Retrying":
            at = job.changes[-1].at
            return (
                f"Job {step.name} could not be sent to {named(step.sites)}, and "
                f"{span(run.end - at)} later it is Retrying: SMS {run.main_profile.version} never "
                "sends a removal again; the hotfix of April 1998 does (Q185179)."
            )
    return ""


def _never_reported(run: VerdictRun) -> str:
    """Q156250: which job for a whole site waits for a machine that can never report."""
    for step in run.jobs:
        job = run.job(step)
        if job is None or not step.command or "*" not in step.machines or job.status != "Active":
            continue
        rows = run.view.details_of(job.job)
        if run.without_pcm and all(row.status == "Complete" for row in rows):
            return (
                f"Job {step.name} is Active {span(run.end - job.changes[0].at)} after it was made: "
                f"it went to the entire site, and {named(list(run.without_pcm))}, on which no "
                "Package Command Manager runs, never reports; jobs for machine groups or single "
                "clients end (Q156250)."
            )
    return ""


# -- the Package Command Manager


def _unnoticed(run: VerdictRun) -> str:
    """Q163488: who ran a job how long after its date, and who has not run it."""
    late: list[str] = []
    for step in run.jobs:
        job = run.job(step)
        if job is None or not step.mandatory_after or step.machines != ["*"]:
            continue
        due = moment_s(step.mandatory_after, run.start) + _offset(step)
        if due <= job.changes[0].at + span_s("1h"):
            continue
        for machine in run.machines:
            row = _row(run, machine, job.job)
            if row is None:
                late.append(
                    f"{machine} has not run {step.name} {span(run.end - due)} after its date"
                )
            elif row.changes[0].at - due > span_s("2h"):
                late.append(
                    f"{machine} ran {step.name} {span(row.changes[0].at - due)} after its date"
                )
    if not late:
        return ""
    return (
        f"{named(late)}: the Package Command Manager of SMS {run.main_profile.version} looks into "
        "an instruction file only when it has changed; SMS 1.2 SP2 looks at every poll (Q163488)."
    )


def _ran_expired(run: VerdictRun) -> str:
    """Q255284: who ran a job after it had expired."""
    for step in run.jobs:
        job = run.job(step)
        if job is None or not step.expires_after:
            continue
        expired = moment_s(step.expires_after, run.start) + _offset(step)
        ran = [
            f"{row.machine} {span(row.changes[0].at - expired)}"
            for row in run.view.details_of(job.job)
            if row.kind == "Workstation" and row.changes[0].at > expired
        ]
        if ran and run.main_profile.runs_newly_found_expired:
            return (
                f"Job {step.name} was reported as run after it had expired, by {named(ran)} later: "
                f"the Package Command Manager of SMS {run.main_profile.version} runs what it first "
                "hears of; the hotfix of April 2000 skips it (Q255284)."
            )
    return ""


def _flood(run: VerdictRun) -> str:
    """Q188042: how often an expiry was reported."""
    told = [r for r, said in run.of(ResultReported) if said.result == "Expired"]
    machines = {r.actor for r in told}
    if len(told) <= len(machines):
        return ""
    return (
        f"{counted(len(machines), 'workstation')} reported expiries {how_often(len(told))} over "
        f"{span(told[-1].at - told[0].at)}, while nobody collected their reports; SMS 1.2 SP4 "
        "reports each once (Q188042)."
    )


# -- helpers


def _offset(step: ScenarioJob) -> float:
    """A job's spans count from its making."""
    return span_s(step.at)


def _row(run: VerdictRun, machine: str, job: str = "") -> DetailHistory | None:
    """The row of a workstation that a report has set."""
    return next(
        (
            row
            for row in run.view.details.values()
            if row.kind == "Workstation" and row.machine == machine and job in ("", row.job)
        ),
        None,
    )


def _lines(run: VerdictRun, text: str) -> list[tuple[float, str]]:
    return [(r.at, line.text) for r, line in run.of(LineLogged) if text in line.text]


def _and_also(sentence: str, more: str) -> str:
    return f"{sentence[:-1]}; {more}." if sentence else ""


ARTICLE_SENTENCES: Final[dict[str, Callable[[VerdictRun], str]]] = {
    "Q128458": blocked,
    "Q138241": _unseen_failures,
    "Q140051": _left_alone,
    "Q140374": _restarted,
    "Q140810": _lost_by_a_quote,
    "Q153576": _retry_without_servers,
    "Q153637": _never_removed,
    "Q156250": _never_reported,
    "Q163488": _unnoticed,
    "Q172899": _held_back,
    "Q182414": _restricted,
    "Q184489": _emptied,
    "Q184512": _in_use_and_unchanged,
    "Q185179": _not_sent_again,
    "Q185649": _never_complete,
    "Q188042": _flood,
    "Q190135": _bad_mifs,
    "Q191360": _counted_by_two,
    "Q193766": _no_disk_was_full,
    "Q221945": _too_early,
    "Q255284": _ran_expired,
}
"""By article, what its run is asked first."""
