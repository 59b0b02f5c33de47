"""The rule that makes a job's status of its rows, as a table."""

from __future__ import annotations

import pytest

from despoolr_core.profile import profile_of
from despoolr_server.site.jobs.model import (
    ENDED,
    DetailKind,
    DetailStatus,
    DistributePhase,
    JobSpec,
    JobStatus,
)
from despoolr_server.site.jobs.status import overall_status, status_without_run

ARRIVED = (DetailKind.SITE_ARRIVAL, DetailStatus.COMPLETE)
DONE = (DetailKind.COMPLETION, DetailStatus.COMPLETE)
OPEN = (DetailKind.COMPLETION, DetailStatus.NONE)
FAILED = (DetailKind.COMPLETION, DetailStatus.FAILED)
CANCELED = (DetailKind.COMPLETION, DetailStatus.CANCELED)


def server(status: DetailStatus) -> tuple[str, str]:
    return (DetailKind.SERVER, status)


def workstation(status: DetailStatus) -> tuple[str, str]:
    return (DetailKind.WORKSTATION, status)


S, A = DetailStatus, JobStatus
TABLE = [
    # was, rows, becomes
    (A.ACTIVE, [], A.ACTIVE),
    (A.ACTIVE, [ARRIVED, OPEN], A.ACTIVE),
    (A.ACTIVE, [ARRIVED, DONE], A.COMPLETE),
    (A.ACTIVE, [ARRIVED, OPEN, server(S.RETRYING)], A.RETRYING),
    (A.RETRYING, [ARRIVED, OPEN, server(S.RETRYING)], A.RETRYING),
    (A.RETRYING, [ARRIVED, DONE, server(S.COMPLETE)], A.COMPLETE),
    (A.RETRYING, [ARRIVED, FAILED, server(S.FAILED)], A.FAILED),
    (A.ACTIVE, [(DetailKind.SITE_ARRIVAL, S.FAILED), OPEN], A.FAILED),
    # once the Completion row says Complete, it speaks for the servers (Q221945, Q153576)
    (A.RETRYING, [ARRIVED, DONE, server(S.COMPLETE), server(S.RETRYING)], A.COMPLETE),
    # workstations
    # one that never runs it leaves it so for ever (Q156250)
    (A.ACTIVE, [ARRIVED, DONE, workstation(S.NONE)], A.ACTIVE),
    (A.ACTIVE, [ARRIVED, DONE, workstation(S.COMPLETE)], A.COMPLETE),
    # Q150026
    (A.ACTIVE, [ARRIVED, DONE, workstation(S.COMPLETE), workstation(S.RETRYING)], A.RETRYING),
    (A.ACTIVE, [ARRIVED, DONE, workstation(S.COMPLETE), workstation(S.CANCELED)], A.COMPLETE),
    # a workstation that failed makes the job retry (articles.md S2)
    (A.ACTIVE, [ARRIVED, DONE, workstation(S.FAILED), workstation(S.NONE)], A.RETRYING),
    (A.RETRYING, [ARRIVED, DONE, workstation(S.FAILED), workstation(S.COMPLETE)], A.RETRYING),
    # a job is Cancelled when every site has taken it back
    (A.CANCELLING, [ARRIVED, OPEN, server(S.RETRYING)], A.CANCELLING),
    (A.CANCELLING, [ARRIVED, DONE, CANCELED], A.CANCELLING),
    (A.CANCELLING, [ARRIVED, CANCELED, server(S.CANCELED), workstation(S.COMPLETE)], A.CANCELLED),
    # at a site that got the job from another
    (A.ACTIVE, [ARRIVED, CANCELED, workstation(S.CANCELED)], A.CANCELLED),
    # what an expiry does in 1.0 (Q152229): any Retrying detail makes it so (Q150026)
    (A.COMPLETE, [ARRIVED, DONE, workstation(S.RETRYING)], A.RETRYING),
    (A.COMPLETE, [ARRIVED, DONE, workstation(S.CANCELED)], A.COMPLETE),
    # what has ended stays, and so does what has not begun
    *(
        (status, [ARRIVED, OPEN, server(S.RETRYING)], status)
        for status in (A.PENDING, *sorted(ENDED))
    ),
]


@pytest.mark.parametrize(
    ("was", "rows", "becomes"), TABLE, ids=[f"{w}-{n}" for n, (w, _, _) in enumerate(TABLE)]
)
def test_the_rows_make_the_status(
    was: JobStatus, rows: list[tuple[str, str]], becomes: JobStatus
) -> None:
    assert overall_status(was, set(rows), stays_retrying=True) is becomes


def test_a_job_whose_workstation_failed_is_failed_when_the_retry_budget_is_used_up() -> None:
    said = {ARRIVED, DONE, workstation(S.FAILED), workstation(S.COMPLETE)}
    assert overall_status(A.RETRYING, said, stays_retrying=True, has_given_up=False) is A.RETRYING
    assert overall_status(A.RETRYING, said, stays_retrying=True, has_given_up=True) is A.FAILED


@pytest.mark.parametrize(("stays", "becomes"), [(True, A.RETRYING), (False, A.ACTIVE)])
def test_a_job_that_retried_stays_so_while_others_have_not_reported(
    stays: bool, becomes: JobStatus
) -> None:
    said = {ARRIVED, DONE, workstation(S.COMPLETE), workstation(S.NONE)}
    assert overall_status(A.RETRYING, said, stays_retrying=stays) is becomes  # Q150026


def test_only_silent_workstations_keep_a_job_retrying() -> None:
    said = {ARRIVED, DONE, workstation(S.COMPLETE)}
    assert overall_status(A.RETRYING, said, stays_retrying=True) is A.COMPLETE


SENDS = JobSpec("SEND", "BPC00001")
DISTRIBUTES = JobSpec("DIST", "BPC00001", distribute=DistributePhase(("*",)))


@pytest.mark.parametrize(
    ("version", "becomes"),
    [("1.1", A.COMPLETE), ("1.2", A.ACTIVE), ("1.2 SP3", A.ACTIVE), ("1.2 SP4", A.COMPLETE)],
)
def test_a_job_that_only_sends_is_complete_but_with_the_fault_of_q185649(
    version: str, becomes: JobStatus
) -> None:
    profile = profile_of(version)
    said = {ARRIVED, DONE}
    assert status_without_run(A.COMPLETE, said, SENDS, profile, is_sent=True) == becomes
    assert status_without_run(A.COMPLETE, said, DISTRIBUTES, profile, is_sent=True) == A.COMPLETE
    assert status_without_run(A.FAILED, said, SENDS, profile, is_sent=True) == A.FAILED


def test_with_the_fault_of_q221945_a_job_ends_before_its_servers_have_reported() -> None:
    sp4 = profile_of("1.2 SP4")
    quiet, early = {(DetailKind.SITE_ARRIVAL, S.NONE), OPEN}, {ARRIVED, OPEN}
    for said in (quiet, early):
        assert status_without_run(A.ACTIVE, said, DISTRIBUTES, sp4, is_sent=True) == A.COMPLETE
        assert status_without_run(A.ACTIVE, said, DISTRIBUTES, sp4, is_sent=False) == A.ACTIVE
        for version in ("1.2", "1.2 SP4 + hotfixes"):
            fixed = profile_of(version)
            status = status_without_run(A.ACTIVE, said, DISTRIBUTES, fixed, is_sent=True)
            assert status == A.ACTIVE
    told = {ARRIVED, OPEN, server(S.RETRYING)}  # there is a record: the Completion decides
    assert status_without_run(A.RETRYING, told, DISTRIBUTES, sp4, is_sent=True) == A.RETRYING
    assert status_without_run(A.CANCELLING, early, DISTRIBUTES, sp4, is_sent=True) == A.CANCELLING
