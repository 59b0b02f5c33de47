"""What the rows of Job Details make of a job: the Scheduler's rule, as one function of what they
say.

The law: any detail that retries makes the job Retrying (Q150026); a Completion row that failed
makes it Failed (Q140374); it is Complete when every row is; a workstation that never reports leaves
it Active for ever (Q156250). A workstation that failed makes the job Retrying, and Failed only when
the retry budget is used up (articles.md S2). A job that is Cancelling is Cancelled when every site
has taken it back.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from despoolr_core.profile import Profile
from despoolr_server.site.jobs.model import UNDER_WAY, DetailKind, DetailStatus, JobSpec, JobStatus

Said = AbstractSet[tuple[str, str]]
"""Each (kind, status) that a row of the job has."""


def overall_status(
    was: JobStatus, said: Said, *, stays_retrying: bool, has_given_up: bool = False
) -> JobStatus:
    """The job's overall status now.

    `stays_retrying` is Q150026: Retrying is kept while workstations have not reported.
    `has_given_up`: a workstation failed so long ago that the retry budget is used up.
    """
    if was == JobStatus.COMPLETE and (DetailKind.WORKSTATION, DetailStatus.RETRYING) in said:
        # what an expiry does to a job that was done, in 1.0 (articles.md S1)
        return JobStatus.RETRYING
    if was not in UNDER_WAY:
        return was
    completions = {status for kind, status in said if kind == DetailKind.COMPLETION}
    if was == JobStatus.CANCELLING or DetailStatus.CANCELED in completions:
        return (
            JobStatus.CANCELLED if completions == {DetailStatus.CANCELED} else JobStatus.CANCELLING
        )
    if DetailStatus.FAILED in completions or (DetailKind.SITE_ARRIVAL, DetailStatus.FAILED) in said:
        return JobStatus.FAILED
    if (DetailKind.WORKSTATION, DetailStatus.FAILED) in said:
        return JobStatus.FAILED if has_given_up else JobStatus.RETRYING
    if completions == {DetailStatus.COMPLETE}:
        # Every site's Completion row is Complete: the rule uses it alone, not the Server rows
        # (Q221945).
        said = {(kind, status) for kind, status in said if kind != DetailKind.SERVER}
    if any(status == DetailStatus.RETRYING for _, status in said):
        return JobStatus.RETRYING
    if said and all(status in (DetailStatus.COMPLETE, DetailStatus.CANCELED) for _, status in said):
        return JobStatus.COMPLETE
    is_silent = (DetailKind.WORKSTATION, DetailStatus.NONE) in said
    if was == JobStatus.RETRYING and stays_retrying and is_silent and _all_servers_done(said):
        return JobStatus.RETRYING
    return JobStatus.ACTIVE


def status_without_run(
    status: JobStatus, said: Said, spec: JobSpec, profile: Profile, *, is_sent: bool
) -> JobStatus:
    """What two faults make of the overall status of a Run Command job without a run phase.

    Q185649: one that only sends never gets the Completion record that the Scheduler waits for.
    Q221945, the cure's side effect: one that distributes is taken for such a one while there are no
    Completion and Server records yet, and is Complete when it is sent (`is_sent`).
    """
    if spec.is_send_only:
        if status == JobStatus.COMPLETE and profile.send_only_never_completes:
            return JobStatus.ACTIVE
        return status
    is_silent = all(
        told == DetailStatus.NONE
        for kind, told in said
        if kind in (DetailKind.COMPLETION, DetailKind.SERVER)
    )
    if status == JobStatus.ACTIVE and is_silent and is_sent and profile.unrun_job_ends_when_sent:
        return JobStatus.COMPLETE
    return status


def _all_servers_done(said: Said) -> bool:
    return all(
        status == DetailStatus.COMPLETE for kind, status in said if kind != DetailKind.WORKSTATION
    )
