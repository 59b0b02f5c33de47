"""What is said of an update that somebody was in the way of."""

from __future__ import annotations

from typing import Final

from despoolr_core.records.kinds.share import OpenClosed
from despoolr_core.records.verdicts import verdict
from despoolr_lab.scenario.verdicts.verdict_run import VerdictRun

EVENT_NO_SERVER: Final = 13
"""No server is specified in the registry or in the instruction."""
FORCED: Final = "forced disconnect"


def blocked(run: VerdictRun) -> str:
    """The update that was blocked longest, what would have cured it, and how many others there
    were.
    """
    if not run.episodes:
        return ""
    longest = max(run.episodes, key=lambda row: (row.blocked_s, row.attempt_count))
    sentence = verdict(longest)
    profile = run.main_profile
    if run.events(EVENT_NO_SERVER) and longest.state == "given up":
        return (
            f"{sentence[:-1]}. The retry instruction listed no server, so SMS {profile.version} "
            "never tried again, and the "
            "job says Complete all the same (Q153576); SMS 1.2 would have retried."
        )
    if longest.state == "resolved":
        if any(
            closed.reason == FORCED and closed.path == longest.path
            for _, closed in run.of(OpenClosed)
        ):
            sentence = f"{sentence[:-1]}: SMS closed the file by force (Q128458)."
    elif (
        longest.program == "SMS_DESPOOLER"
        and not (profile.forced_disconnect_available and profile.use_forced_disconnect)
        and longest.share.startswith("SMS_PKG")
    ):
        cure = (
            "turning on forced disconnect"
            if profile.forced_disconnect_available
            else "SMS 1.2 with forced disconnect"
        )
        sentence = f"{sentence[:-1]}, and so would {cure} (Q128458)."
    others = len(run.episodes) - 1
    return (
        sentence
        if not others
        else f"{sentence[:-1]}; {others} other update{'s were' if others > 1 else ' was'} "
        "blocked as well."
    )
