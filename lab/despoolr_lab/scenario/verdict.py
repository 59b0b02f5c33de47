"""The one sentence of a run: who, what, how long, and what would fix it, read from what happened.

A run about an article is asked about that first; then the episode that blocked longest speaks; then whatever else went wrong in a
way that an article knows. A run with nothing of the kind says that nobody was in the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from despoolr_core.profile import ARTICLES, Profile
from despoolr_core.records import Record
from despoolr_core.verdicts import duration, verdict
from despoolr_core.wire import EpisodeRow
from despoolr_lab.scenario.model import Scenario

EVENT_NO_SERVER: Final = 13
"""No server is specified in the registry or in the instruction."""
EVENT_INSTALL_FAILED: Final = 374
NAMED_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class Run:
    """What a sentence is made of. `jobs` are the first site's, each with its details."""

    scenario: Scenario
    profile: Profile
    episodes: list[EpisodeRow]
    jobs: list[Any]
    records: list[Record]

    @property
    def own(self) -> list[Record]:
        """What the first site's components say."""
        code = f"{self.scenario.site[0].code}/"
        return [r for r in self.records if r.actor.startswith(code)]

    def name_of(self, job: str) -> str:
        """A job's name; its ID if it is not the first site's."""
        return next((item["job"]["name"] for item in self.jobs if item["job"]["job"] == job), job)


def verdict_of(scenario: Scenario, profile: Profile, episodes: list[EpisodeRow], jobs: list[Any], records: list[Record]) -> str:
    """The sentence of a run."""
    run = Run(scenario, profile, episodes, jobs, records)
    own = _SENTENCES.get(scenario.article)
    sentence = own(run) if own else ""
    if sentence:
        return sentence
    if episodes:
        return _blocked(run)
    return next((found for tell in _SENTENCES.values() if (found := tell(run))), "Nobody was in the way: no open was refused.")


def _blocked(run: Run) -> str:
    """The episode that blocked longest, and what would have cured it."""
    records = run.records
    forgotten = any(r.kind == "event" and r.data["event"] == EVENT_NO_SERVER for r in records)
    longest = max(run.episodes, key=lambda row: (row.blocked_s, row.attempt_count))
    sentence = verdict(longest)
    if forgotten and longest.state == "given up":
        return (
            f"{sentence[:-1]}. The retry instruction listed no server, so SMS {run.profile.version} never tried again, and the "
            "job says Complete all the same (Q153576); SMS 1.2 would have retried."
        )
    article = ARTICLES.get(run.scenario.article)
    if longest.state == "resolved" or article is None or article.kb != "Q147819" or not article.has_fault(run.profile):
        return sentence
    cure = "turning on forced disconnect" if run.profile.forced_disconnect_available else "SMS 1.2 with forced disconnect"
    return f"{sentence[:-1]}, and so would {cure} (Q128458)."


def _expiries(run: Run) -> str:
    """What expiry notifications did to the rows of Job Details (Q152229)."""
    profile, records = run.profile, run.records
    notices = [r for r in records if r.kind == "instruction.executed" and str(r.data.get("result", "")).startswith("expired")]
    if not notices:
        return ""
    names = ", ".join(sorted({run.name_of(r.data["job"]) for r in notices}))
    what = f"{len(notices)} expiry notification{'s' if len(notices) != 1 else ''} of job {names}"
    if not profile.expiry_status:
        return (
            f"The Despooler of SMS {profile.version} took in {what} and changed no row: "
            "every workstation keeps its last reported status."
        )
    lost = _overwritten(profile.expiry_status, [r for r in records if r.at >= notices[0].at])
    said = ", ".join(f"{machine} ({was})" for machine, was in lost) or "no workstation"
    span = duration(max(r.at for r in notices) - min(r.at for r in notices))
    return (
        f"The Despooler of SMS {profile.version} took {what}, within {span}, for reports and set their rows to "
        f"{profile.expiry_status}, so that what had been reported is lost for {said}; "
        "SMS 1.2, a later expiration date, or a NOIDMIF would have kept it (Q152229)."
    )


def _overwritten(status: str, records: list[Record]) -> list[tuple[str, str]]:
    """Workstations whose reported status an expiry replaced, with what it was."""
    found: dict[str, str] = {}
    for record in records:
        data = record.data
        if (
            record.kind == "detail.status"
            and data["detail"] == "Workstation"
            and data["status"] == status
            and data["was"] not in ("", status)
        ):
            found.setdefault(data["machine"], data["was"])
    return sorted(found.items())


def _failed_mifs(run: Run) -> str:
    """What became of the workstations that reported a failure (Q166833)."""
    reports = [r for r in run.records if r.kind == "pcm.reported" and r.data["result"] == "Failed"]
    if not reports:
        return ""
    machines = sorted({r.actor for r in reports})
    rows = {
        d["machine"]: d["status"]
        for item in run.jobs
        for d in item["details"]
        if d["kind"] == "Workstation" and d["machine"] in machines
    }
    shown = _and([f"{machine} as {rows[machine]}" for machine in machines if machine in rows])
    job = run.jobs[-1]["job"] if run.jobs else {"name": "", "status": ""}
    since = duration(run.records[-1].at - reports[0].at)
    told = [r for r in run.own if r.kind == "event" and r.data["event"] == EVENT_INSTALL_FAILED]
    event = f"NT event 374 tells why ({len(told)} of {len(machines)})" if told else "no NT event 374 tells why"
    start = f"{_and(machines)} reported a failed setup, and SMS {run.profile.version} shows {shown}, {since} later"
    end = f"the job is {job['status']}; {event}"
    if run.profile.failed_mif_status == "Failed":
        return f"{start}; {end}."
    return (
        f"{start}, so that nobody sees a failure; {end}; a Despooler that takes a Failed MIF at its word would fix it (Q166833)."
    )


def _forgotten_refresh(run: Run) -> str:
    """Which servers a retry left with the old version after the store of the master failed (Q195936)."""
    failures = [r for r in run.records if r.kind == "event" and r.data["event"] == 206]
    if not failures:
        return ""
    stored = [row for row in run.episodes if "DESPOOLR.BOX/STORE/" in row.path.upper()]
    asked = {r.data["job"] for r in run.records if r.kind == "instruction.written" and r.data.get("forgotten")}
    about = [row for row in stored if any(job in row.purpose for job in asked)] or stored
    why = verdict(about[0])[:-1] if about else "SMS_DESPOOLER could not store the master package because the disk was full"
    forgotten = [r for r in run.records if r.kind == "instruction.written" and r.data.get("forgotten")]
    if not forgotten:
        return f"{why}; the retry refreshed the distribution servers."
    servers = _and(sorted({name for r in forgotten for name in r.data["forgotten"]}))
    jobs = _and(sorted({run.name_of(r.data["job"]) for r in forgotten}))
    return (
        f"{why}; but the retry of job {jobs} forgot to refresh {servers}, which keep the old version of the package while the "
        "job says Complete; the hotfix of Q195936 would have kept the refresh."
    )


def _lost_package_status(run: Run) -> str:
    """Which packages a parent does not know to be installed at a child (Q235805)."""
    reported = [r for r in run.records if r.kind == "package.reported" and r.data["said"] != r.data["package"]]
    unknown = {(r.data["said"], r.data["site"]): r for r in run.records if r.kind == "package.unknown"}
    if not reported:
        return ""
    lost = [r for r in reported if (r.data["said"], r.actor.partition("/")[0]) in unknown]
    parent, top = run.profile.version, run.scenario.site[0].code
    if not lost:
        ids = _and(sorted({r.data["package"] for r in reported}))
        return f"Site {top} (SMS {parent}) found {ids} behind the mark that its child puts on success: the status arrived."
    first = lost[0]
    site = first.actor.partition("/")[0]
    span = duration(run.records[-1].at - first.at)
    return (
        f"The Despooler of site {site} reported package {first.data['package']} as {first.data['said']}, its mark for success, "
        f"and Distribution Manager of SMS {parent} at site {top} knows no such package: for {span}, to the end, it is not "
        "installed there to the parent; 2.0 SP1 would have found it (Q235805)."
    )


def _and(words: list[str]) -> str:
    """`a, b and c`; no more than `NAMED_MAX` are named."""
    if len(words) > NAMED_MAX:
        return f"{', '.join(words[:NAMED_MAX])} and {len(words) - NAMED_MAX} more"
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1] if words else "") if part)


_SENTENCES: Final[dict[str, Callable[[Run], str]]] = {
    "Q152229": _expiries,
    "Q166833": _failed_mifs,
    "Q195936": _forgotten_refresh,
    "Q235805": _lost_package_status,
}
"""The articles that speak of something else than a blocked update."""
