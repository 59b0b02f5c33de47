"""Records of a site with blocked updates, for tests of the live page."""

from __future__ import annotations

from typing import Any

from despoolr_core.records.kinds.client import ProgramStarted, ResultReported
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.run import FaultBegan, FaultEnded
from despoolr_core.records.kinds.share import (
    FileDeleted,
    FileWritten,
    MessageSent,
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
from despoolr_core.records.live.model import LivePage
from despoolr_core.records.live.page import page_steps
from despoolr_core.records.live.page_query import PageQuery
from despoolr_core.records.stream import Record
from despoolr_core.share.wire import Blocker
from worlds.record_samples import sample

START = 833_788_800.0
HOUR = 3600.0


def page_of(live: LiveFold, asked: PageQuery, now: float) -> LivePage:
    """The page as of `now` (site seconds), made with nothing in between."""
    steps = page_steps(live, asked, now)
    while True:
        try:
            next(steps)
        except StopIteration as made:
            page: LivePage = made.value
            return page


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


def idle() -> Told:
    """FIRST has put its two files on LOGON1; one is open, and nobody wants it."""
    told = Told()
    told.started("SITE1")
    told.started("LOGON1")
    told.job("BPC00001", "FIRST", "Pending")
    told.at += 300
    told.job("BPC00001", "FIRST", "Active", "Pending")
    told.copies("BPC00001", {"a.dat": "copied", "b.dat": "copied"})
    told.at += 300
    told.job("BPC00001", "FIRST", "Complete", "Active")
    told.holds("WS50")
    told.at += HOUR
    return told


def many(blocked: int = 1000, clients: int = 5000) -> Told:
    """A month's end on four servers: two updates with many holders each, as many blocked files and
    clients as are asked for, a fault, and somebody who did something about it.
    """
    told = Told()
    servers = [f"LOGON{n}" for n in range(1, 5)]
    told.started("SITE1")
    for server in servers:
        told.started(server)
    files = ["excel.exe", "mso95.dll", "normal.dot", "setup.exe", "sheet.xlt", "winword.exe"]
    told.job("BPC00001", "OFFICE-FIRST", "Pending")
    for server in servers:
        told.copies("BPC00001", dict.fromkeys(files, "copied"), server=server)
    told.job("BPC00001", "OFFICE-FIRST", "Complete", "Active")
    programs = ["EXCEL.EXE", "WINWORD.EXE", "POWERPNT.EXE", "MSACCESS.EXE"]
    held: dict[str, list[str]] = {server: [] for server in servers}
    for n in range(24):
        told.at += 200
        server = servers[n % 4]
        path, name = f"BPC00001/{files[n % 5]}", programs[n % 3]
        held[server].append(told.holds(f"PC{n + 10}", path, program=name, server=server))
    told.at += HOUR
    told.job("BPC00002", "OFFICE-UPDATE", "Pending")
    told.job("BPC00002", "OFFICE-UPDATE", "Active", "Pending")
    for attempt in range(1, 13):
        for server in servers:
            copied = "copied" if server == "LOGON1" else "refused"
            results = {"excel.exe": copied, "winword.exe": "copied", "sheet.xlt": "refused"}
            told.copies("BPC00002", results, server=server, attempt=attempt)
            told.refused(*held[server], episode=f"{server}-E1")
        if attempt == 1:
            told.job("BPC00002", "OFFICE-UPDATE", "Retrying", "Active")
        if attempt == 6:
            fault = told.tell(FaultBegan(fault="link_down", where="LOGON4"), "scenario")
        if attempt == 8:
            told.tell(FaultEnded(fault="link_down", where="LOGON4"), "scenario", fault)
            told.tell(MessageSent(machine="PC12", text="Please close the workbook"), "LOGON3")
        told.at += 2 * HOUR
    gone = sample(
        FileDeleted, server="LOGON3", share="SMS_PKGD", path="BPC00001/mso95.dll", machine="SITE1"
    )
    told.tell(gone, "LOGON3/SITE1")
    told.job("BPC00003", "SETUP-MONDAY", "Pending")
    told.job("BPC00003", "SETUP-MONDAY", "Active", "Pending")
    for n in range(clients):
        told.detail("BPC00003", f"PC{n:05}", "Complete" if n % 3 else "None")
        if n % 3:
            told.runs(f"PC{n:05}", servers[n % 4], "Success" if n % 50 else "Failed")
    told.job("BPC00003", "SETUP-MONDAY", "Complete", "Active")
    for n in range(blocked):
        told.at += 2
        machine, path = f"PC{n:05}", f"BPC00007/file{n:04}.dat"
        handle = told.holds(machine, path, program=programs[n % 4], server=servers[n % 4])
        told.refused(handle, episode=f"W{n}", job="")
    told.retries("BPC00002", told.at + HOUR, *servers)
    return told


def applied(old: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """The object after a merge patch (RFC 7396); `old` stays as it is."""
    new = dict(old)
    for name, value in patch.items():
        if value is None:
            new.pop(name, None)
        elif isinstance(value, dict):
            before = new.get(name)
            new[name] = applied(before if isinstance(before, dict) else {}, value)
        else:
            new[name] = value
    return new
