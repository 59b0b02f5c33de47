"""Which version each file is, and what was true of a job when."""

from __future__ import annotations

from despoolr_core.records.kinds.share import FileDeleted, FileRenamed
from despoolr_core.records.kinds.site import CopyEnded, CopyStarted
from despoolr_core.records.live.folders import FILES_MAX, TRUTH_MAX, TRUTHS_MAX
from worlds.live import START, Told, blocked_update
from worlds.record_samples import sample


def letters(told: Told, server: str = "LOGON1") -> str:
    folder = told.fold.folders.folders["BPC00001", server]
    return "".join(folder.letter(key) for key in sorted(folder.names))


def test_a_file_is_new_if_the_newest_job_wrote_it_and_old_if_another_did() -> None:
    told = blocked_update()
    assert letters(told) == "no"
    assert told.fold.folders.state_on("BPC00001", "logon1") == "mixed"


def test_a_deleted_file_is_missing_until_it_is_written_again() -> None:
    told = blocked_update()
    told.at += 60
    gone = sample(FileDeleted, server="LOGON1", share="SMS_PKGD", path="BPC00001/B.DAT")
    told.tell(gone, "LOGON1/SITE1")
    assert letters(told) == "nm"
    assert told.fold.folders.state_on("BPC00001", "LOGON1") == "missing"
    told.at += 60
    told.written("b.dat")
    assert letters(told) == "nn"
    truth = told.fold.folders.truths["BPC00002"].history
    assert [entry[1:] for entry in truth][-3:] == [(0, 0, 1, 0), (0, 0, 0, 1), (1, 0, 0, 0)]


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
    assert told.fold.folders.state_on("BPC00001", "LOGON1") == ""
    truth = told.fold.folders.truths["BPC00002"].history
    assert [entry[1:] for entry in truth][-2:] == [(1, 0, 0, 0), (0, 0, 0, 0)]


def test_what_a_complete_attempt_deleted_has_left_the_package() -> None:
    told = blocked_update()
    told.at += 60
    about = {"job": "BPC00002", "package": "BPC00001", "server": "LOGON1"}
    told.tell(CopyStarted(**about, attempt=2))
    left = sample(
        FileDeleted,
        server="LOGON1",
        share="SMS_PKGD",
        path="BPC00001/b.dat",
        purpose="job BPC00002 package BPC00001",
    )
    told.tell(left, "LOGON1/SITE1")
    assert told.fold.folders.state_on("BPC00001", "LOGON1") == "missing"
    told.at += 60
    told.tell(CopyEnded(**about, attempt=2, result="complete", file="", win32=0))
    assert letters(told) == "n"
    truth = told.fold.folders.truths["BPC00002"].history
    assert [entry[1:] for entry in truth][-2:] == [(0, 0, 0, 1), (1, 0, 0, 0)]


def test_a_rename_takes_the_version_along_and_a_users_file_is_somebody_elses() -> None:
    told = blocked_update()
    moved = sample(
        FileRenamed,
        server="LOGON1",
        share="SMS_PKGD",
        path="BPC00001/b.dat",
        new_path="BPC00001/a.dat",
    )
    told.tell(moved, "LOGON1/WS1")
    assert letters(told) == "om"
    told.written("b.dat", job="")
    assert letters(told) == "ox"


def test_a_file_that_no_copy_named_is_none_of_the_package() -> None:
    told = blocked_update()
    told.written("b.dat.tmp")
    assert letters(told) == "no"


def test_a_job_that_another_took_the_folders_from_is_replaced() -> None:
    told = blocked_update()
    first = told.fold.folders.truths["BPC00001"]
    assert first.replaced_by == "BPC00002"
    assert list(first.history) == [(START, 1, 0, 0, 0)]


def test_what_was_true_is_remembered_so_often_and_no_more() -> None:
    told = blocked_update()
    for n in range(2 * TRUTH_MAX):
        told.at += 60
        told.written("b.dat", job="BPC00002" if n % 2 else "")
    assert len(told.fold.folders.truths["BPC00002"].history) == TRUTH_MAX


def test_so_many_jobs_are_remembered_and_no_more() -> None:
    told = Told()
    told.copies("FIRST", {"a.dat": "copied"}, server="LOGON2")
    for number in range(TRUTHS_MAX + 3):
        told.copies(f"J{number}", {"a.dat": "copied"})
    truths = told.fold.folders.truths
    assert len(truths) == TRUTHS_MAX and f"J{TRUTHS_MAX + 2}" in truths
    assert "FIRST" in truths, "it has a folder still; those that were replaced go first"
    assert "J0" not in truths


def test_so_many_files_of_a_folder_are_followed_and_no_more() -> None:
    told = Told()
    told.copies("BPC00001", {f"{n}.dat": "unchanged" for n in range(FILES_MAX + 3)})
    assert len(told.fold.folders.folders["BPC00001", "LOGON1"].versions) == FILES_MAX
