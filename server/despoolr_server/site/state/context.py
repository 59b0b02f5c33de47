"""What every service of a site holds on to: its boxes, its database, its clock, its log. One
object, made once.

Services reach the world only through this: the boxes are shares (local opens are checked like
anyone's), other machines are shares too, rows go through `Database`, time is the `Clock`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from despoolr_core.clock import Clock
from despoolr_core.formats.nt_event import NtEvent
from despoolr_core.formats.nt_event_texts import event as nt_event
from despoolr_core.formats.tracer import INFORMATION, TraceLine
from despoolr_core.profile import Profile
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.site import EventLogged, LineLogged
from despoolr_core.records.stream import Recorder
from despoolr_core.response import POLLING_S, Response, retry_interval_s
from despoolr_core.share.contract import Share
from despoolr_core.share.modes import Role
from despoolr_core.share.wire import OpenRow
from despoolr_server.database.protocol import Connection, Database, insert_into
from despoolr_server.site.state.logs import LogSink, NoLogFiles
from despoolr_server.site.state.master_writing import MasterWriting

_ADD_EVENT: Final = insert_into(
    "Events", "At", "Code", "Severity", "Component", "MachineName", "SiteCode", "JobID", "Text"
)


class Opens(Protocol):
    """Who holds what on a server."""

    @property
    def opens(self) -> list[OpenRow]: ...


class RemoteServer(Protocol):
    """A machine as the service account uses it: its shares, and what Server Manager can do to
    them.
    """

    def share(self, name: str) -> Share:
        """One of its shares, by name; whether it exists shows when it is used."""

    async def opens(self, share: str = "", path: str = "", machine: str = "") -> Opens:
        """The opens of a share, a path or a machine; `""` is any."""

    async def close_by_force(self, handle: str, reason: str = "") -> None:
        """Close somebody's open; `reason` goes on record."""

    async def set_rights(
        self, share: str, prefix: str, role: Role, rights: str | None
    ) -> str | None:
        """Change what a role may do below a directory of a share. Returns what it was."""

    async def send_message(self, machine: str, text: str) -> None:
        """A line of text for the user of a machine."""


Connect = Callable[[str, str], RemoteServer]
"""`connect(server, program)`: reach a machine by name, as the SMS service account running
`program`.
"""


class SiteServerRole(msgspec.Struct, frozen=True):
    """One machine of the site and what it is there for."""

    name: str
    domain: str
    logon: bool = True
    distribution: bool = True
    package_share: str = "SMS_PKGD"
    is_netware: bool = False
    """A server of NetWare's and not of Windows NT's, as far as SMS treats it otherwise."""


class SiteContext(msgspec.Struct):
    """One site: who it is, and everything its services use."""

    code: str
    server: str
    domain: str
    profile: Profile
    response: Response
    clock: Clock
    recorder: Recorder
    database: Database
    connect_as: Connect
    servers: list[SiteServerRole] = msgspec.field(default_factory=list)
    addresses: dict[str, str] = msgspec.field(default_factory=dict)
    """Site code to the site server that has its SMS_SITE share; one's own is there too."""
    parent: str = ""
    change_count: int = 0
    """Goes up whenever jobs or their rows changed: the Scheduler reads the tables only then (SMS
    had SQL triggers for it).
    """
    touched_jobs: set[str] = msgspec.field(default_factory=set)
    """Jobs that changed, or whose rows did, since the Scheduler looked: it looks at no others. One
    that was Complete may be so no more (Q152229, Q150026).
    """
    master_writing: MasterWriting = msgspec.field(default_factory=MasterWriting)
    logs: LogSink = msgspec.field(default_factory=NoLogFiles)
    time_scale: float = 1.0
    """How many site seconds pass in one of the machine's."""

    @property
    def polling_s(self) -> float:
        """Seconds between two cycles of a service."""
        return POLLING_S[self.response]

    @property
    def retry_s(self) -> float:
        """Seconds between two attempts of the Despooler."""
        return retry_interval_s(self.response)

    def share(self, server: str, name: str, program: str) -> Share:
        """A share of any machine, this one included, as the service account running `program`."""
        return self.connect_as(server, program).share(name)

    def log(self, component: str, text: str, kind: int = INFORMATION) -> None:
        """One line in the component's log; `kind` as in CMTrace. Tildes stand for newlines
        (`domain.md` i.2).
        """
        self.recorder.record(f"{self.code}/{component}", LineLogged(component=component, text=text))
        self.logs.write(
            TraceLine(text, component, self.clock.now(), thread_of(component), kind=kind)
        )

    def record(self, component: str, fact: Fact, *, cause: int = 0) -> int:
        """One fact, by this site's component; its number."""
        return self.recorder.record(f"{self.code}/{component}", fact, cause=cause)

    def event(
        self,
        component: str,
        code: int,
        *insertions: object,
        job: str = "",
        machine: str = "",
        at: float | None = None,
        site: str = "",
    ) -> NtEvent:
        """An NT event of this site (or of a `site` below it), ready to be stored."""
        return nt_event(
            code,
            *insertions,
            at=self.clock.now() if at is None else at,
            component=component,
            machine=machine or self.server,
            site_code=site or self.code,
            job_id=job,
            job_destination=(site or self.code) if job else "",
        )

    async def report_event(
        self, component: str, code: int, *insertions: object, job: str = "", machine: str = ""
    ) -> None:
        """Write one NT event to the application log: the Events table and the records."""
        event = self.event(component, code, *insertions, job=job, machine=machine)
        await self.database.run(lambda db: insert_event(db, event))
        self.record(component, event_logged(event))


def insert_event(db: Connection, event: NtEvent) -> None:
    """The row of one event."""
    values = {
        "At": event.at,
        "Code": event.code,
        "Severity": str(event.severity),
        "Component": event.component,
        "MachineName": event.machine,
        "SiteCode": event.site_code,
        "JobID": event.insertion("JobID"),
        "Text": event.text,
    }
    db.change(_ADD_EVENT, values)


def event_logged(event: NtEvent) -> EventLogged:
    """What the record of an event says."""
    return EventLogged(
        event=event.code,
        component=event.component,
        text=event.text,
        job=event.insertion("JobID"),
        machine=event.machine,
    )


def thread_of(component: str) -> int:
    """A steady thread number for a component's log lines: readers group by it, so it must not
    change from run to run.
    """
    return 0x60 + zlib.crc32(component.encode()) % 0x180
