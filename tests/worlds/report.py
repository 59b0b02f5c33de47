"""Records of a made-up run for the report's tests: one holder, an update with its attempts, jobs,
workstations, events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.run import StepTaken
from despoolr_core.records.kinds.share import FileWritten, OpenClosed, OpenGranted, OpenRefused
from despoolr_core.records.kinds.site import DetailStatusChanged, EventLogged, JobStatusChanged
from despoolr_core.records.stream import Record, Recorder
from despoolr_core.records.whatif.ladder import Ladder
from despoolr_core.share.wire import Blocker
from despoolr_lab.report.html import stream_report

START = 833788800.0
"""1996-06-03 08:00."""
HOUR = 3600.0


class Site:
    """Writes records as the services would; `at` is hours since the start."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._now = START
        self._recorder = Recorder(lambda: self._now, [self.records.append])
        self._opens: dict[str, tuple[str, str, float]] = {}

    def at(self, hours: float) -> Site:
        """The time of what follows."""
        self._now = START + hours * HOUR
        return self

    def record(self, actor: str, fact: Fact) -> Site:
        """Any record."""
        self._recorder.record(actor, fact)
        return self

    def step(self) -> Site:
        """A mark of the scenario: the run begins or ends here."""
        return self.record("scenario", StepTaken(do="hold", at="0s"))

    def hold(
        self,
        machine: str,
        handle: str = "O1",
        path: str = "PKG/b.dat",
        program: str = "WINWORD.EXE",
    ) -> Site:
        """A machine opens a file for READ sharing READ."""
        self._opens[handle] = (machine, path, self._now)
        return self.record(
            f"LOGON1/{machine}",
            OpenGranted(
                server="LOGON1",
                open=handle,
                session="S1",
                machine=machine,
                user="ALICE",
                program=program,
                share="SMS_PKGD",
                path=path,
                access="READ",
                share_mode="READ",
                action="OPENED",
                purpose="",
            ),
        )

    def close(self, handle: str = "O1", reason: str = "closed") -> Site:
        """It closes it, or it ends for another reason."""
        machine, path, _ = self._opens[handle]
        return self.record(
            f"LOGON1/{machine}",
            OpenClosed(
                server="LOGON1",
                open=handle,
                machine=machine,
                share="SMS_PKGD",
                path=path,
                reason=reason,
            ),
        )

    def refuse(self, handle: str = "O1", job: str = "J1", program: str = "WINWORD.EXE") -> Site:
        """The Despooler is refused because of that open."""
        machine, path, opened_at = self._opens[handle]
        blocker = Blocker(handle, machine, "ALICE", program, "READ", "READ", opened_at)
        return self.record(
            "LOGON1/SITE1",
            OpenRefused(
                server="LOGON1",
                machine="SITE1",
                user="SMSSERVICE",
                program="SMS_DESPOOLER",
                share="SMS_PKGD",
                path=path,
                access="WRITE",
                share_mode="READ",
                nt_status="STATUS_SHARING_VIOLATION",
                win32=32,
                blockers=(blocker,),
                purpose=f"job {job} package PKG",
                episode=f"E-{job}-{path}",
            ),
        )

    def write(self, path: str = "PKG/b.dat", job: str = "J1") -> Site:
        """The Despooler gets through."""
        return self.record(
            "LOGON1/SITE1",
            FileWritten(
                server="LOGON1",
                share="SMS_PKGD",
                path=path,
                size=9,
                machine="SITE1",
                program="SMS_DESPOOLER",
                purpose=f"job {job} package PKG",
            ),
        )

    def job(self, status: str, was: str = "", job: str = "J1", name: str = "UPDATE") -> Site:
        """A job's status."""
        return self.record(
            "BPC/SMS_SCHEDULER",
            JobStatusChanged(job=job, name=name, status=status, was=was, reason="details"),
        )

    def workstation(self, machine: str, status: str, was: str = "None", job: str = "J1") -> Site:
        """A workstation's row."""
        return self.record(
            "BPC/LOADER",
            DetailStatusChanged(
                job=job, detail="Workstation", site="BPC", machine=machine, status=status, was=was
            ),
        )

    def event(self, text: str, code: int = 108) -> Site:
        """An NT event."""
        return self.record(
            "BPC/SMS_DESPOOLER",
            EventLogged(
                event=code, component="SMS_DESPOOLER", text=text, job="J1", machine="SITE1"
            ),
        )


def blocked_update(attempts: int = 12, *, resolved: bool = True) -> list[Record]:
    """b.dat is held from the first hour; attempts every two hours; closed after the last one, then
    it gets through.
    """
    site = Site().at(0).step().job("Pending").at(1).hold("WS1").at(2).job("Active", "Pending")
    for number in range(attempts):
        site.at(2 + 2 * number).refuse().event("Failed to install package.")
        if not number:
            site.job("Retrying", "Active")
    end = 2 + 2 * attempts
    if resolved:
        site.at(end - 1).close().at(end).write().job("Complete", "Retrying")
    return site.at(end + 10).step().records


def render_report(
    records: Iterable[Record],
    summary: Mapping[str, Any],
    ladder: Ladder | None = None,
) -> str:
    """The page of `stream_report` as one text, for who has no use for pieces."""
    return "".join(stream_report(records, summary, ladder))
