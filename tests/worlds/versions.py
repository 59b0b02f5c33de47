"""Records of one package, told to a version map that has a story."""

from __future__ import annotations

from despoolr_core.records.kinds.client import ProgramStarted
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.share import FileDeleted, FileRenamed, FileWritten
from despoolr_core.records.kinds.site import (
    CopyEnded,
    CopyStarted,
    FileCopied,
)
from despoolr_core.records.stream import Record
from despoolr_core.records.versions.program_runs import ProgramRuns
from despoolr_core.records.versions.version_map import VersionMap
from despoolr_core.records.versions.versioned_folder import VersionedFolder


class Story:
    """Records of one package, `P`, as the Despooler, its share and clients write them."""

    def __init__(self) -> None:
        self.map = VersionMap(has_story=True)
        self.runs = ProgramRuns(self.map)
        self._at = 0.0
        self._seq = 0
        self._job = ("", "")

    def at(self, hours: float) -> Story:
        self._at = hours * 3600
        return self

    def record(self, fact: Fact, actor: str = "BPC/SMS_DESPOOLER") -> Story:
        self._seq += 1
        record = Record(self._seq, self._at, actor, fact)
        self.map.apply(record)
        self.runs.apply(record)
        return self

    def source(self, share: str = "PKGSRC") -> Story:
        return self.record(
            FileWritten(
                server="SITE1",
                share=share,
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

    def delete(self, *paths: str, job: str | None = None) -> Story:
        """A job deletes: by default that of the attempt; nobody's, if it is empty."""
        job = self._job[0] if job is None else job
        for path in paths:
            self.record(
                FileDeleted(
                    server=self._job[1],
                    share="SMS_PKGD",
                    path=path,
                    machine="SITE1",
                    program="SMS_DESPOOLER",
                    purpose=f"job {job} package P" if job else "",
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
        return self.map.folders["P", server]

    def told(self, file: str) -> list[tuple[float, str, int]]:
        return [(one.at / 3600, one.state, one.version) for one in self.folder().files[file]]

    def states(self, server: str = "LOGON1") -> list[tuple[float, str]]:
        return [(one.at / 3600, one.state) for one in self.folder(server).whole]


def updated() -> Story:
    """Two files of version 1, then an attempt at version 2 that gets past the first only."""
    story = Story().source().install("J1", "a.dat", "b.dat").at(2).source()
    return story.begin("J2").copy("a.dat").say("b.dat", "refused").end("refused")
