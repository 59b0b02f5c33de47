"""The version map: what lay on the shares, what a job came to there, and who ran it meanwhile."""

from __future__ import annotations

from despoolr_core.records.kinds.client import ProgramStarted, ResultReported
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.share import FileDeleted, FileRenamed, FileWritten
from despoolr_core.records.kinds.site import (
    CopyEnded,
    CopyStarted,
    DetailStatusChanged,
    FileCopied,
    JobStatusChanged,
)
from despoolr_core.records.stream import Record
from despoolr_core.records.versions import FILES_MAX, VersionedFolder, VersionMap


class Story:
    """Records of one package, `P`, as the Despooler, its share and clients write them."""

    def __init__(self) -> None:
        self.map = VersionMap()
        self._at = 0.0
        self._seq = 0
        self._job = ("", "")

    def at(self, hours: float) -> Story:
        self._at = hours * 3600
        return self

    def record(self, fact: Fact, actor: str = "BPC/SMS_DESPOOLER") -> Story:
        self._seq += 1
        self.map.apply(Record(self._seq, self._at, actor, fact))
        return self

    def source(self) -> Story:
        return self.record(
            FileWritten(
                server="SITE1",
                share="PKGSRC",
                path="OFFICE/a",
                size=1,
                machine="ADMIN1",
                program="SMS_ADMINISTRATOR",
                purpose="",
            )
        )

    def begin(self, job: str, server: str = "LOGON1") -> Story:
        self._job = (job, server)
        return self.record(CopyStarted(job=job, package="P", server=server, attempt=1))

    def end(self, result: str = "complete") -> Story:
        job, server = self._job
        return self.record(
            CopyEnded(
                job=job, package="P", server=server, attempt=1, result=result, file="", win32=0
            )
        )

    def say(self, file: str, result: str) -> Story:
        job, server = self._job
        return self.record(
            FileCopied(job=job, package="P", server=server, file=file, result=result, win32=0)
        )

    def write(self, file: str, directory: str = "P", program: str = "SMS_DESPOOLER") -> Story:
        job, server = self._job
        return self.record(
            FileWritten(
                server=server,
                share="SMS_PKGD",
                path=f"{directory}/{file}",
                size=1,
                machine="SITE1",
                program=program,
                purpose=f"job {job} package P",
            )
        )

    def copy(self, *files: str, directory: str = "P") -> Story:
        for file in files:
            self.write(file, directory).say(file, "copied")
        return self

    def delete(self, *files: str) -> Story:
        for file in files:
            self.record(
                FileDeleted(
                    server=self._job[1],
                    share="SMS_PKGD",
                    path=f"P/{file}",
                    machine="SITE1",
                    program="SMS_DESPOOLER",
                    purpose="",
                )
            )
        return self

    def rename(self, path: str, to: str) -> Story:
        return self.record(
            FileRenamed(
                server=self._job[1],
                share="SMS_PKGD",
                path=path,
                new_path=to,
                machine="SITE1",
                program="SMS_DESPOOLER",
                purpose="",
            )
        )

    def run(self, machine: str, request: str = "R1", server: str = "LOGON1") -> Story:
        return self.record(
            ProgramStarted(request=request, package="P", server=server, program="SETUP.EXE"),
            machine,
        )

    def install(self, job: str, *files: str, server: str = "LOGON1") -> Story:
        return self.begin(job, server).copy(*files).end()

    def folder(self, server: str = "LOGON1") -> VersionedFolder:
        return self.map.folders[server, "P"]

    def told(self, file: str) -> list[tuple[float, str, int]]:
        return [(one.at / 3600, one.state, one.version) for one in self.folder().files[file]]

    def states(self, server: str = "LOGON1") -> list[tuple[float, str]]:
        return [(one.at / 3600, one.state) for one in self.folder(server).whole]


def updated() -> Story:
    """Two files of version 1, then an attempt at version 2 that gets past the first only."""
    story = Story().source().install("J1", "a.dat", "b.dat").at(2).source()
    return story.begin("J2").copy("a.dat").say("b.dat", "refused").end("refused")


def test_a_folder_is_mixed_from_the_attempt_that_stopped_until_one_gets_through() -> None:
    story = updated().at(5).begin("J2").copy("a.dat", "b.dat").end()
    assert story.states() == [(0, "new"), (2, "mixed"), (5, "new")]
    assert story.told("A.DAT") == [(0, "new", 1), (2, "new", 2)]
    assert story.told("B.DAT") == [(0, "new", 1), (2, "old", 1), (5, "new", 2)]
    assert story.folder().names == {"A.DAT": "a.dat", "B.DAT": "b.dat"}


def test_what_an_attempt_deletes_is_missing_until_it_is_written_again() -> None:
    story = Story().install("J1", "a.dat", "b.dat").at(2).begin("J2")
    story.delete("a.dat").say("a.dat", "deleted").say("b.dat", "refused").end("refused")
    story.at(4).begin("J2").copy("a.dat", "b.dat").end()
    assert story.states() == [(0, "new"), (2, "missing"), (4, "new")]
    assert story.told("A.DAT")[1:] == [(2, "missing", 0), (4, "new", 2)]
    assert story.folder().whole[1].missing == 1


def test_an_attempt_that_deletes_and_writes_at_once_does_not_blink() -> None:
    story = Story().install("J1", "a.dat").at(2).begin("J2")
    story.delete("a.dat").say("a.dat", "deleted").copy("a.dat").end()
    assert story.told("A.DAT") == [(0, "new", 1), (2, "new", 2)]


def test_what_a_complete_attempt_left_out_has_left_the_package() -> None:
    story = Story().install("J1", "a.dat", "b.dat").at(2).begin("J2").copy("a.dat")
    story.delete("b.dat").say("b.dat", "deleted").end()
    assert story.told("B.DAT")[-1][1] == "" and story.states()[-1] == (2, "new")


def test_nothing_of_a_package_that_is_removed_is_missing() -> None:
    story = Story().install("J1", "a.dat", "b.dat").at(2).delete("a.dat", "b.dat")
    assert story.states() == [(0, "new"), (2, "")]


def test_a_job_that_sends_the_same_again_brings_no_version() -> None:
    story = Story().source().install("J1", "a.dat").at(2)
    assert story.begin("J2").say("a.dat", "refused").end("refused").states() == [(0, "new")]
    story.at(3).source().begin("J3").say("a.dat", "refused")
    assert story.states()[-1] == (3, "old")


def test_a_server_that_was_not_tried_yet_is_old_once_the_version_was_begun_elsewhere() -> None:
    story = Story().install("J1", "a.dat").install("J1", "a.dat", server="LOGON2")
    story.at(2).install("J2", "a.dat")
    assert story.states("LOGON2") == [(0, "new"), (2, "old")]


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


def test_who_ran_the_program_meanwhile_is_told_with_what_lay_there() -> None:
    story = updated().at(3).run("WS1").at(4).run("WS9", server="ELSEWHERE")
    (run,) = story.folder().runs
    assert (run.machine, run.state, run.is_whole) == ("WS1", "mixed", False)


def test_a_job_is_true_where_all_its_files_are_until_the_next_version() -> None:
    story = updated().at(5).begin("J2").copy("a.dat", "b.dat").end()
    told = [(t.at / 3600, t.right, t.total, t.wrong) for t in story.map.truth_of("J2")]
    assert told == [(2, 0, 1, 1), (5, 1, 1, 0)]
    assert [(t.at / 3600, t.total) for t in story.map.truth_of("J1")] == [(0, 1), (2, 0)]


def test_a_job_that_runs_a_program_is_true_on_the_machines_that_ran_it_from_new_files() -> None:
    story = Story().record(
        JobStatusChanged(job="J9", status="Active", was="Pending", reason="", package="P")
    )
    story.install("J1", "a.dat", "b.dat").at(1).run("WS1")
    story.at(2).begin("J2").copy("a.dat").say("b.dat", "refused").end("refused").at(3).run("WS2")
    for machine in ("WS1", "WS2"):
        report = ResultReported(request="R1", package="P", report="1", result="Success")
        story.record(report, machine).record(
            DetailStatusChanged(
                job="J9", detail="Workstation", site="BPC", machine=machine, status="", was=""
            )
        )
    told = [(t.at / 3600, t.right, t.total, t.wrong) for t in story.map.truth_of("J9")]
    assert told == [(1, 1, 2, 0), (3, 1, 2, 1)]


def test_files_beyond_the_limit_are_counted_and_not_followed() -> None:
    story = Story().begin("J1")
    for number in range(FILES_MAX + 2):
        story.copy(f"{number}.dat")
    assert len(story.folder().files) == FILES_MAX and len(story.folder().unfollowed) == 2


def test_starts_beyond_the_limit_are_counted_and_not_kept() -> None:
    story = updated()
    story.map.runs_max = 1
    story.run("WS1").run("WS2")
    assert len(story.folder().runs) == 1 and story.map.runs_left_out == 1
