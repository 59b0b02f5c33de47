"""Which version each file of a package is on a server, and what became of it when."""

from __future__ import annotations

from despoolr_core.records.kinds.share import FileDeleted, FileRenamed
from despoolr_core.records.kinds.site import CopyEnded, CopyStarted
from despoolr_core.records.versions.versioned_folder import FILES_MAX
from worlds.live import Told, blocked_update
from worlds.record_samples import sample
from worlds.versions import Story, updated


def test_a_folder_is_mixed_from_the_attempt_that_stopped_until_one_gets_through() -> None:
    story = updated().at(5).begin("J2").copy("a.dat", "b.dat").end()
    assert story.states() == [(0, "new"), (2, "mixed"), (5, "new")]
    assert story.told("A.DAT") == [(0, "new", 1), (2, "new", 2)]
    assert story.told("B.DAT") == [(0, "new", 1), (2, "old", 1), (5, "new", 2)]
    assert story.folder().names == {"A.DAT": "a.dat", "B.DAT": "b.dat"}


def test_what_an_attempt_deletes_is_missing_until_it_is_written_again() -> None:
    story = Story().install("J1", "a.dat", "b.dat").at(2).begin("J2")
    story.delete("P/a.dat").say("a.dat", "deleted").say("b.dat", "refused").end("refused")
    story.at(4).begin("J2").copy("a.dat", "b.dat").end()
    assert story.states() == [(0, "new"), (2, "missing"), (4, "new")]
    assert story.told("A.DAT")[1:] == [(2, "missing", 0), (4, "new", 2)]
    assert story.folder().whole[1].missing == 1


def test_an_attempt_that_deletes_and_writes_at_once_does_not_blink() -> None:
    story = Story().install("J1", "a.dat").at(2).begin("J2")
    story.delete("P/a.dat").say("a.dat", "deleted").copy("a.dat").end()
    assert story.told("A.DAT") == [(0, "new", 1), (2, "new", 2)]


def test_what_a_complete_attempt_left_out_has_left_the_package() -> None:
    story = Story().install("J1", "a.dat", "b.dat").at(2).begin("J2").copy("a.dat")
    story.delete("P/b.dat").say("b.dat", "deleted").end()
    assert story.told("B.DAT")[-1][1] == "" and story.states()[-1] == (2, "new")


def test_who_switches_to_another_directory_has_all_new_at_once() -> None:
    story = Story().install("J1", "a.dat", "b.dat").at(2)
    story.begin("J2").copy("a.dat", "b.dat", directory="P.NEW").end()
    assert story.states() == [(0, "new"), (2, "new")]
    assert story.told("A.DAT") == [(0, "new", 1), (2, "new", 2)]


def test_a_file_that_takes_its_place_later_brings_its_version_along() -> None:
    story = Story().install("J1", "a.dat").at(2).begin("J2").write("a.dat", "P.$RESTART")
    story.say("a.dat", "at the next start").at(4).rename("P.$RESTART/a.dat", "P/a.dat")
    assert story.told("A.DAT") == [(0, "new", 1), (2, "old", 1), (4, "new", 2)]


def test_others_who_write_to_a_file_change_no_version() -> None:
    story = updated().at(3).write("b.dat", program="WINWORD.EXE")
    assert story.told("B.DAT")[-1] == (2, "old", 1)


def test_files_beyond_the_limit_are_counted_and_not_followed() -> None:
    story = Story().begin("J1")
    for number in range(FILES_MAX + 2):
        story.copy(f"{number}.dat")
    assert len(story.folder().files) == FILES_MAX and len(story.folder().unfollowed) == 2


def letters(told: Told, server: str = "LOGON1") -> str:
    folder = told.fold.versions.folders["BPC00001", server]
    return "".join(folder.letter(key) for key in sorted(folder.names))


def test_a_file_is_new_if_the_newest_job_wrote_it_and_old_if_another_did() -> None:
    told = blocked_update()
    assert letters(told) == "no"
    assert told.fold.versions.state_on("BPC00001", "logon1") == "mixed"


def test_a_deleted_file_is_missing_until_it_is_written_again() -> None:
    told = blocked_update()
    told.at += 60
    gone = sample(FileDeleted, server="LOGON1", share="SMS_PKGD", path="BPC00001/B.DAT")
    told.tell(gone, "LOGON1/SITE1")
    assert letters(told) == "nm"
    assert told.fold.versions.state_on("BPC00001", "LOGON1") == "missing"
    told.at += 60
    told.written("b.dat")
    assert letters(told) == "nn"
    truth = told.fold.versions.jobs["BPC00002"].history
    assert [entry[1:5] for entry in truth][-3:] == [(0, 0, 1, 0), (0, 0, 0, 1), (1, 0, 0, 0)]


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
    assert told.fold.versions.state_on("BPC00001", "LOGON1") == "missing"
    told.at += 60
    told.tell(CopyEnded(**about, attempt=2, result="complete", file="", win32=0))
    assert letters(told) == "n"
    truth = told.fold.versions.jobs["BPC00002"].history
    assert [entry[1:5] for entry in truth][-2:] == [(0, 0, 0, 1), (1, 0, 0, 0)]


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


def test_so_many_files_of_a_folder_are_followed_and_no_more() -> None:
    told = Told()
    told.copies("BPC00001", {f"{n}.dat": "unchanged" for n in range(FILES_MAX + 3)})
    assert len(told.fold.versions.folders["BPC00001", "LOGON1"].now) == FILES_MAX
