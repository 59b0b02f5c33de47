"""Records of a site with blocked updates, for tests of the live page."""

from __future__ import annotations

from despoolr_core.records.kinds.client import ProgramStarted, ResultReported
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.share import (
    FileWritten,
    OpenClosed,
    OpenGranted,
    OpenRefused,
    ShareStarted,
)
from despoolr_core.records.kinds.site import (
    CopyEnded,
    CopyStarted,
    DetailStatusChanged,
    FileCopied,
    InstructionWritten,
    JobStatusChanged,
)
from despoolr_core.records.live.fold import LiveFold
from despoolr_core.records.stream import Record
from despoolr_core.share.wire import Blocker
from worlds.record_samples import sample

START = 833_788_800.0
HOUR = 3600.0


class Told:
    """A fold that is told what happens, at a time that the test moves."""

    def __init__(self) -> None:
        self.fold = LiveFold()
        self.records: list[Record] = []
        self.at = START
        self.opens: dict[str, OpenGranted] = {}

    def tell(self, fact: Fact, actor: str = "BPC/SMS_DESPOOLER", cause: int = 0) -> int:
        record = Record(len(self.records) + 1, self.at, actor, fact, cause)
        self.records.append(record)
        self.fold.apply(record)
        return record.seq

    def started(self, server: str = "LOGON1") -> None:
        self.tell(ShareStarted(server=server), server)

    def holds(
        self,
        machine: str,
        path: str = "BPC00001/b.dat",
        *,
        program: str = "EXCEL.EXE",
        server: str = "LOGON1",
        share_mode: str = "READ",
    ) -> str:
        handle = f"O{len(self.opens) + 1}"
        granted = sample(
            OpenGranted,
            server=server,
            open=handle,
            machine=machine,
            user=f"user of {machine}",
            program=program,
            share="SMS_PKGD",
            path=path,
            access="READ",
            share_mode=share_mode,
        )
        self.opens[handle] = granted
        self.tell(granted, f"{server}/{machine}")
        return handle

    def closes(self, handle: str, reason: str = "closed") -> None:
        granted = self.opens[handle]
        closed = OpenClosed(
            server=granted.server,
            open=handle,
            machine=granted.machine,
            share=granted.share,
            path=granted.path,
            reason=reason,
        )
        self.tell(closed, f"{granted.server}/{granted.machine}")

    def refused(self, *handles: str, episode: str = "", job: str = "BPC00002") -> None:
        """The Despooler is refused a file that these opens hold."""
        first = self.opens[handles[0]]
        blockers = tuple(
            Blocker(h, o.machine, o.user, o.program, o.access, o.share_mode, START)
            for h, o in ((h, self.opens[h]) for h in handles)
        )
        refused = sample(
            OpenRefused,
            server=first.server,
            machine="SITE1",
            program="SMS_DESPOOLER",
            share=first.share,
            path=first.path,
            access="WRITE",
            share_mode="READ",
            nt_status="STATUS_SHARING_VIOLATION",
            win32=32,
            blockers=blockers,
            purpose=f"job {job} package BPC00001" if job else "",
            episode=episode or f"{first.server}-E1",
        )
        self.tell(refused, f"{first.server}/SITE1")

    def written(self, file: str, job: str = "BPC00002", server: str = "LOGON1") -> None:
        fact = sample(
            FileWritten,
            server=server,
            share="SMS_PKGD",
            path=f"BPC00001/{file}",
            machine="SITE1",
            program="SMS_DESPOOLER",
            purpose=f"job {job} package BPC00001" if job else "",
        )
        self.tell(fact, f"{server}/SITE1")

    def job(self, job: str, name: str, status: str, was: str = "") -> None:
        fact = JobStatusChanged(
            job=job, name=name, status=status, was=was, reason="", package="BPC00001"
        )
        self.tell(fact, "BPC/SMS_SCHEDULER")

    def copies(
        self,
        job: str,
        results: dict[str, str],
        *,
        server: str = "LOGON1",
        attempt: int = 1,
    ) -> None:
        """An attempt of a job, with what became of each file."""
        about = {"job": job, "package": "BPC00001", "server": server}
        self.tell(CopyStarted(**about, attempt=attempt))
        for file, result in results.items():
            if result == "copied":
                self.written(file, job, server)
            win32 = 32 if result == "refused" else 0
            self.tell(FileCopied(**about, file=file, result=result, win32=win32))
        refused = next((f for f, r in results.items() if r == "refused"), "")
        result = "refused" if refused else "complete"
        ended = CopyEnded(**about, attempt=attempt, result=result, file=refused, win32=0)
        self.tell(ended)

    def retries(self, job: str, at: float, *servers: str) -> None:
        fact = InstructionWritten(
            file=f"{job}_R.SNI", type="", job=job, retries=1, execute_at=at, servers=servers
        )
        self.tell(fact)

    def detail(self, job: str, machine: str, status: str, kind: str = "Workstation") -> None:
        fact = DetailStatusChanged(
            job=job, detail=kind, site="BPC", machine=machine, status=status, was=""
        )
        self.tell(fact)

    def runs(self, machine: str, server: str = "LOGON1", result: str = "Success") -> None:
        """A client runs the package and reports."""
        about = {"request": "R1", "package": "BPC00001"}
        self.tell(ProgramStarted(**about, server=server, program="SETUP.EXE"), machine)
        self.tell(ResultReported(**about, report="1", result=result), machine)


def blocked_update() -> Told:
    """FIRST put two files on LOGON1; UPDATE wrote one and was refused the other, which WS50 holds;
    it will try again at ten.
    """
    told = Told()
    told.started("SITE1")
    told.started("LOGON1")
    told.job("BPC00001", "FIRST", "Pending")
    told.copies("BPC00001", {"a.dat": "copied", "b.dat": "copied"})
    told.job("BPC00001", "FIRST", "Complete", "Active")
    told.at += HOUR / 2
    handle = told.holds("WS50")
    told.at += HOUR / 2
    told.job("BPC00002", "UPDATE", "Pending")
    told.tell(CopyStarted(job="BPC00002", package="BPC00001", server="LOGON1", attempt=1))
    told.copies("BPC00002", {"a.dat": "copied", "b.dat": "refused"})
    told.refused(handle)
    told.retries("BPC00002", START + 2 * HOUR, "LOGON1")
    told.job("BPC00002", "UPDATE", "Retrying", "Active")
    return told
