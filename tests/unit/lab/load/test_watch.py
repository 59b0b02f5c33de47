"""What servers say, sample after sample: only what happened during the run, through restarts and
silences.
"""

from __future__ import annotations

from despoolr_lab.load.watch import LoadWatch
from despoolr_lab.samples import (
    FleetSample,
    ProcessSample,
    Sample,
    ScrapeFailure,
    ShareSample,
    SiteSample,
)

KEY = ("SMS_PKGD", "SMS_DESPOOLER")


def sample(
    name: str, refused: float = 0, *, waiting: float = 0, box: float = 0, ended: float = 0
) -> Sample:
    share = ShareSample(
        refusals={KEY: refused},
        episodes_waiting=waiting,
        opens=1,
        boxes={("SMS_SITE", "SMS_SITE"): box},
    )
    site = SiteSample(
        details={
            ("Workstation", "Complete"): ended,
            ("Workstation", "Active"): 5,
            ("Server", "Complete"): 9,
        }
    )
    return Sample(
        name,
        0.0,
        0.0,
        ProcessSample(),
        share,
        site if name == "SITE1" else SiteSample(),
        FleetSample(),
    )


def test_what_was_before_the_run_does_not_count() -> None:
    watch = LoadWatch(["SITE1", "LOGON1"])
    watch.begin([sample("SITE1", ended=100), sample("LOGON1", 7)])
    row = watch.take(1, [sample("SITE1", ended=103), sample("LOGON1", 9, waiting=1)])
    assert (row.refusals, row.waiting, row.opens, row.rows_ended) == (2, 1, 2, 3)
    assert watch.refusals == {KEY: 2.0}


def test_a_server_that_started_again_counts_from_zero_and_nothing_is_lost() -> None:
    watch = LoadWatch(["LOGON1"])
    watch.begin([sample("LOGON1", 7)])
    for second, refused in enumerate([9, 2, 3]):
        watch.take(second, [sample("LOGON1", refused)])
    assert watch.refusals == {KEY: 5.0}


def test_a_program_that_was_refused_for_the_first_time_counts_from_zero() -> None:
    watch = LoadWatch(["LOGON1"])
    watch.begin([])
    assert watch.take(0, [sample("LOGON1", 4)]).refusals == 4


def test_the_greatest_depth_of_a_box_is_kept() -> None:
    watch = LoadWatch(["SITE1"])
    for second, depth in enumerate([3, 40, 5]):
        watch.take(second, [sample("SITE1", box=depth)])
    assert watch.queues == {"SITE1/SMS_SITE/SMS_SITE": 40}


def test_a_server_that_never_answered_leaves_it_not_known() -> None:
    watch = LoadWatch(["SITE1", "LOGON1"])
    row = watch.take(0, [sample("SITE1"), ScrapeFailure("LOGON1", 0.0, "no answer")])
    assert row.silent == ["LOGON1"] and watch.silences == {"LOGON1": 1} and not watch.has_heard_all
    watch.take(1, [sample("SITE1"), sample("LOGON1")])
    assert watch.has_heard_all
