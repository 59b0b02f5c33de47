"""What the rows of Job Details make of a job: the Scheduler's rule, as one function of counts.

The law: any detail that retries makes the job Retrying (Q150026); a Completion row that failed makes it Failed (Q140374);
it is Complete when every row is; a workstation that never reports leaves it Active for ever (Q156250).
A workstation that failed makes the job Retrying, and Failed only when the retry budget is used up (articles.md S2).
A job that is Cancelling is Cancelled when every site has taken it back.
"""

from __future__ import annotations

from collections.abc import Mapping

from despoolr_server.site.jobs import UNDER_WAY, DetailKind, DetailStatus, JobStatus

Counts = Mapping[tuple[str, str], int]
"""How many rows there are of each (kind, status)."""


def overall_status(was: JobStatus, counts: Counts, *, stays_retrying: bool, has_given_up: bool = False) -> JobStatus:
    """The job's overall status now.

    `stays_retrying` is Q150026: Retrying is kept while workstations have not reported. `has_given_up`: a workstation failed so
    long ago that the retry budget is used up.
    """
    if was == JobStatus.COMPLETE and _any(counts, DetailKind.WORKSTATION, DetailStatus.RETRYING):
        return JobStatus.RETRYING  # what an expiry does to a job that was done, in 1.0 (articles.md S1)
    if was not in UNDER_WAY:
        return was
    completions = {status for (kind, status), n in counts.items() if n and kind == DetailKind.COMPLETION}
    if was == JobStatus.CANCELLING or DetailStatus.CANCELED in completions:
        return JobStatus.CANCELLED if completions == {DetailStatus.CANCELED} else JobStatus.CANCELLING
    if DetailStatus.FAILED in completions or _any(counts, DetailKind.SITE_ARRIVAL, DetailStatus.FAILED):
        return JobStatus.FAILED
    if _any(counts, DetailKind.WORKSTATION, DetailStatus.FAILED):
        return JobStatus.FAILED if has_given_up else JobStatus.RETRYING
    if completions == {DetailStatus.COMPLETE}:
        # Every site's Completion row is Complete: the rule uses it alone, not the Server rows (Q221945).
        counts = {key: n for key, n in counts.items() if key[0] != DetailKind.SERVER}
    if any(status == DetailStatus.RETRYING and n for (_, status), n in counts.items()):
        return JobStatus.RETRYING
    if counts and all(status in (DetailStatus.COMPLETE, DetailStatus.CANCELED) for (_, status), n in counts.items() if n):
        return JobStatus.COMPLETE
    silent = _any(counts, DetailKind.WORKSTATION, DetailStatus.NONE)
    if was == JobStatus.RETRYING and stays_retrying and silent and _all_servers_done(counts):
        return JobStatus.RETRYING
    return JobStatus.ACTIVE


def _any(counts: Counts, kind: DetailKind, status: DetailStatus) -> bool:
    return counts.get((kind, status), 0) > 0


def _all_servers_done(counts: Counts) -> bool:
    return all(status == DetailStatus.COMPLETE for (kind, status), n in counts.items() if n and kind != DetailKind.WORKSTATION)
