"""The one sentence of a run: who, what, how long, and what would fix it, read from what happened.

The episode that blocked longest speaks first; a run without one is asked whether an expiry rewrote what workstations had
reported (Q152229). A run with neither says that nobody was in the way.
"""

from __future__ import annotations

from typing import Any

from despoolr_core.profile import ARTICLES, Profile
from despoolr_core.records import Record
from despoolr_core.verdicts import duration, verdict
from despoolr_core.wire import EpisodeRow
from despoolr_lab.scenario.model import Scenario

EVENT_NO_SERVER = 13
"""No server is specified in the registry or in the instruction."""


def verdict_of(scenario: Scenario, profile: Profile, episodes: list[EpisodeRow], jobs: list[Any], records: list[Record]) -> str:
    """The sentence of a run."""
    if scenario.article == "Q152229" or not episodes:
        sentence = _expiries(profile, jobs, records)
        if sentence:
            return sentence
    if episodes:
        forgotten = next((r.data["component"] for r in records if r.kind == "event" and r.data["event"] == EVENT_NO_SERVER), "")
        longest = max(episodes, key=lambda row: (row.blocked_s, row.attempt_count))
        sentence = verdict(longest)
        if forgotten and longest.state == "given up":
            return (
                f"{sentence[:-1]}. The retry instruction listed no server, so SMS {profile.version} never tried again, and the "
                "job says Complete all the same (Q153576); SMS 1.2 would have retried."
            )
        return _with_cure(sentence, longest, scenario, profile)
    return "Nobody was in the way: no open was refused."


def _with_cure(sentence: str, episode: EpisodeRow, scenario: Scenario, profile: Profile) -> str:
    if episode.state == "resolved":
        return sentence
    article = ARTICLES.get(scenario.article)
    if article is None or scenario.article != "Q147819" or not article.has_fault(profile):
        return sentence
    cure = "turning on forced disconnect" if profile.forced_disconnect_available else "SMS 1.2 with forced disconnect"
    return f"{sentence[:-1]}, and so would {cure} (Q128458)."


def _expiries(profile: Profile, jobs: list[Any], records: list[Record]) -> str:
    """What expiry notifications did to the rows of Job Details."""
    notices = [r for r in records if r.kind == "instruction.executed" and str(r.data.get("result", "")).startswith("expired")]
    if not notices:
        return ""
    by_job = {item["job"]["job"]: item["job"]["name"] for item in jobs}
    names = ", ".join(sorted({by_job.get(r.data["job"], r.data["job"]) for r in notices}))
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
