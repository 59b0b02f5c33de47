"""Which versions begin, what is true of a job, and whose changes count."""

from __future__ import annotations

import pytest

from despoolr_core.records.kinds.share import FileDeleted
from despoolr_core.records.kinds.site import JobStatusChanged
from despoolr_core.records.versions.version_map import FOLDERS_MAX, JOBS_MAX, TRUTHS_MAX
from worlds.live import START, Told, blocked_update
from worlds.record_samples import sample
from worlds.versions import Story, updated


def test_nothing_of_a_package_that_is_removed_is_missing() -> None:
    story = Story().install("J1", "a.dat", "b.dat").at(2).delete("P/a.dat", "P/b.dat", job="J9")
    assert story.states() == [(0, "new"), (2, "")]


def test_what_a_failed_attempt_left_missing_is_so_until_its_package_is_removed() -> None:
    story = Story().install("J1", "a.dat", "b.dat").at(2).begin("J2")
    story.delete("P/a.dat").say("a.dat", "deleted").say("b.dat", "refused").end("refused")
    story.at(3).delete("P/b.dat", job="J9")
    assert story.states()[-1] == (3, "missing"), "its directory is there still"
    story.at(4).delete("P", job="J9")
    assert story.states()[-1] == (4, "")


def test_what_nobody_removed_and_is_not_there_is_missing() -> None:
    story = Story().install("J1", "a.dat", "b.dat").at(2).delete("P/a.dat", job="")
    assert story.states() == [(0, "new"), (2, "missing")]


def test_a_job_that_sends_the_same_again_brings_no_version() -> None:
    story = Story().source().install("J1", "a.dat").at(2)
    assert story.begin("J2").say("a.dat", "refused").end("refused").states() == [(0, "new")]
    story.at(3).source().begin("J3").say("a.dat", "refused")
    assert story.states()[-1] == (3, "old")


@pytest.mark.parametrize("share", ["APPS", "PKGSRC"])
def test_a_source_may_be_on_any_share_that_is_not_the_sites_own(share: str) -> None:
    story = Story().source().install("J1", "a.dat").at(2).source("SMS_SHR")
    assert story.begin("J2").say("a.dat", "refused").end("refused").states() == [(0, "new")]
    story.source(share).begin("J3").say("a.dat", "refused")
    assert story.states()[-1] == (2, "old")


def test_each_job_of_a_site_that_is_not_heard_brings_a_version() -> None:
    story = Story().source()
    for hours, job in ((0, "HQ000001"), (2, "HQ000002")):
        story.at(hours).begin(job).copy("a.dat").say("b.dat", "refused").end("refused")
    assert story.map.truth_of("HQ000001")[-1].total == 0
    for hours, job in ((4, "HQ000003"), (5, "HQ000004")):
        made = JobStatusChanged(job=job, status="Active", was="", reason="")
        story.at(hours).record(made, "HQ0/SMS_SCHEDULER").begin(job).copy("a.dat").end()
    assert story.map.truth_of("HQ000003")[-1].total == 1, "nothing changed at the source"


def test_a_server_that_was_not_tried_yet_is_old_once_the_version_was_begun_elsewhere() -> None:
    story = Story().install("J1", "a.dat").install("J1", "a.dat", server="LOGON2")
    story.at(2).install("J2", "a.dat")
    assert story.states("LOGON2") == [(0, "new"), (2, "old")]


def test_a_job_is_true_where_all_its_files_are_until_the_next_version() -> None:
    story = updated().at(5).begin("J2").copy("a.dat", "b.dat").end()
    told = [(t.at / 3600, t.new, t.total, t.mixed) for t in story.map.truth_of("J2")]
    assert told == [(2, 0, 1, 1), (5, 1, 1, 0)]
    assert [(t.at / 3600, t.total) for t in story.map.truth_of("J1")] == [(0, 1), (2, 0)]


def test_nothing_of_a_package_that_a_job_removed_is_missing() -> None:
    told = blocked_update()
    told.copies("BPC00002", {"a.dat": "unchanged", "b.dat": "copied"}, attempt=2)
    for file in ("a.dat", "b.dat"):
        told.at += 60
        removal = sample(
            FileDeleted,
            server="LOGON1",
            share="SMS_PKGD",
            path=f"BPC00001/{file}",
            purpose="job BPC00003 package BPC00001",
        )
        told.tell(removal, "LOGON1/SITE1")
    assert told.fold.versions.state_on("BPC00001", "LOGON1") == ""
    truth = told.fold.versions.jobs["BPC00002"].history
    assert [entry[1:5] for entry in truth][-2:] == [(1, 0, 0, 0), (0, 0, 0, 0)]


def test_a_job_that_another_took_the_folders_from_is_replaced() -> None:
    told = blocked_update()
    first = told.fold.versions.jobs["BPC00001"]
    assert first.replaced_by == "BPC00002"
    assert list(first.history) == [(START, 1, 0, 0, 0, 1)]


def test_what_was_true_is_remembered_so_often_and_no_more() -> None:
    told = blocked_update()
    gone = sample(FileDeleted, server="LOGON1", share="SMS_PKGD", path="BPC00001/b.dat", purpose="")
    for n in range(2 * TRUTHS_MAX):
        told.at += 60
        if n % 2:
            told.written("b.dat")
        else:
            told.tell(gone, "LOGON1/WS1")
    assert len(told.fold.versions.jobs["BPC00002"].history) == TRUTHS_MAX


@pytest.mark.slow
def test_so_many_jobs_are_remembered_and_no_more() -> None:
    told = Told()
    told.job("FIRST", "FIRST", "Active")
    for number in range(JOBS_MAX + 3):
        told.copies(f"J{number}", {"a.dat": "copied"})
    truths = told.fold.versions.jobs
    assert len(truths) == JOBS_MAX and f"J{JOBS_MAX + 2}" in truths
    assert "FIRST" in truths, "those that were replaced go first"
    assert "J0" not in truths


@pytest.mark.slow
def test_so_many_folders_are_followed_and_no_more() -> None:
    story = Story()
    for number in range(FOLDERS_MAX + 2):
        story.begin("J1", f"S{number}")
    assert len(story.map.folders) == FOLDERS_MAX and story.map.folders_left_out == 2
