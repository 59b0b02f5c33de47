"""A site on a bench: a real `SiteServer` and its logon servers in memory, services cycled by hand
on a clock that tests move.

Machines reach each other as `LocalShare`s: the share engine decides everything, HTTP is left out.
`Death` kills a service at a chosen call on a share or the database; `state` is what a person would
find afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from despoolr_core.formats.instructions.instruction import Result, WireRemove, render_instruction
from despoolr_core.formats.reports.status_mif import StatusMif, render_status_mif
from despoolr_core.profile import profile_of, with_overrides
from despoolr_core.records.kinds.share import MessageSent
from despoolr_core.records.kinds.site import EventLogged, LineLogged
from despoolr_core.records.stream import Record, Recorder, of
from despoolr_core.response import Response
from despoolr_core.share.contract import Watch, unwatched
from despoolr_core.share.modes import Access, Role, ShareMode
from despoolr_core.share.site_api import MachineSpec, PackageSpec
from despoolr_core.share.wire import OpenList
from despoolr_server.assembly import SiteAssembly
from despoolr_server.database.memory import MemoryDatabase
from despoolr_server.database.protocol import Connection
from despoolr_server.engine.names import Name, parse_name
from despoolr_server.files import FileStore, MemoryFileStore
from despoolr_server.http.base.auth import Auth
from despoolr_server.shares.base.principal import Principal
from despoolr_server.shares.base.rights import Rights
from despoolr_server.shares.host import ShareHost
from despoolr_server.shares.local import LocalShare
from despoolr_server.site.jobs.model import DistributePhase, JobSpec, JobType, RunPhase, SendPhase
from despoolr_server.site.services.service import Service
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import RemoteServer, SiteContext, SiteServerRole
from despoolr_server.site_server import SERVICE_ACCOUNT, SiteSetup
from worlds.share import EPOCH, StillClock

POLL_S = 300.0
FILES = {"a.dat": "a, first", "b.dat": "b, first", "c.dat": "c, first"}
NEW_FILES = {name: text.replace("first", "second") for name, text in FILES.items()}


CHANGES = frozenset(
    {"write", "create", "delete", "rename", "make_directory", "open", "end_episode"}
)
"""What leaves something behind. A death before a call that only looks is the same as one before the
next of these.
"""

CHANGES_OF_AN_OPEN = frozenset({"write", "set_size", "delete"})
"""The same, through an open."""

CHAINS = frozenset({"write_all", "create_all", "delete_all"})
"""Several of these in one call."""


class Died(Exception):
    """The process is gone."""


class Death:
    """Kills at the n-th call (0: never) on whatever it watches; `call_count` says how many there
    were.
    """

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.call_count = 0
        self.story: list[str] = []
        self.is_over = False
        """Set when what was to be watched is done: nothing counts any more."""

    def step(self, what: str) -> None:
        if self.is_over:
            return
        self.call_count += 1
        self.story.append(what)
        if 0 < self.at <= self.call_count:
            raise Died(what)  # and whoever else is at work in the process dies with it


class _Watched:
    """A share of which every call that changes something may be the last one."""

    def __init__(self, share: Any, death: Death) -> None:
        self._share = share
        self._death = death

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._share, name)
        if not callable(real) or name == "watch":
            return real

        async def call(*args: Any, **more: Any) -> Any:
            if name in CHANGES:
                self._death.step(f"{name} {args[0] if args else ''}")
            done = await real(*args, **more)
            return _WatchedOpen(done, args[0], self._death) if name == "open" else done

        async def call_all(many: Sequence[Any]) -> list[Any]:
            """A chain can be cut between any two of its calls."""
            done: list[Any] = []
            for one in many:
                self._death.step(f"{name} {one[0] if isinstance(one, tuple) else one}")
                done += await real([one])
                if name == "create_all" and done[-1] is not None:
                    break
            return done

        return call_all if name in CHAINS else call


class _WatchedOpen:
    """An open of it. The close of a process that dies is its server's, and happens."""

    def __init__(self, opened: Any, path: str, death: Death) -> None:
        self._opened = opened
        self._path = path
        self._death = death

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._opened, name)
        if name not in CHANGES_OF_AN_OPEN:
            return real

        async def call(*args: Any, **more: Any) -> Any:
            self._death.step(f"{name} through the open of {self._path}")
            return await real(*args, **more)

        return call


class _WatchedDatabase:
    """A database: the process may die before a transaction, and after it is committed."""

    def __init__(self, database: Any, death: Death) -> None:
        self._database = database
        self._death = death

    async def run(self, work: Callable[[Connection], Any]) -> Any:
        self._death.step("before a transaction")
        result = await self._database.run(work)
        self._death.step("after a transaction")
        return result

    async def close(self) -> None:
        await self._database.close()


class Machine:
    """One machine's shares as somebody sees them."""

    def __init__(self, host: ShareHost, who: Principal, program: str = "") -> None:
        self._host = host
        self._who = who
        self._program = program

    def share(self, name: str) -> LocalShare:
        return LocalShare(self._host, name, self._who, self._program)

    async def opens(self, share: str = "", path: str = "", machine: str = "") -> OpenList:
        rows = self._host.opens(share, path, machine)
        return OpenList(rows, len(rows))

    async def close_by_force(self, handle: str, reason: str = "") -> None:
        self._host.close_by_force(self._who, handle, reason)

    async def set_rights(
        self, share: str, prefix: str, role: Role, rights: str | None
    ) -> str | None:
        former = self._host.set_rights(
            share, prefix, role, None if rights is None else Rights[rights]
        )
        return None if former is None else former.name

    async def send_message(self, machine: str, text: str) -> None:
        self._host.gate.audit._recorder.record(
            self._host.server, MessageSent(machine=machine, text=text)
        )


class Bench:
    """Site `BPC` on `SITE1`, domain `SALES`, with logon servers that are distribution servers
    too.
    """

    def __init__(
        self,
        version: str = "1.1",
        servers: tuple[str, ...] = ("LOGON1",),
        response: Response = Response.FAST,
        site: str = "BPC",
        above: Bench | None = None,
        netware: tuple[str, ...] = (),
        **overrides: Any,
    ) -> None:
        """`above`: the bench of the parent site, which then shares clock and records and is pumped
        along. `netware`: which of the servers are NetWare's.
        """
        self.above = above
        self.below: list[Bench] = []
        self.clock: StillClock = StillClock() if above is None else above.clock
        self.records: list[Record] = [] if above is None else above.records
        self.recorder: Recorder = (
            Recorder(self.clock.now, [self.records.append]) if above is None else above.recorder
        )
        self.name = "SITE1" if above is None else f"SITE{len(site)}{site}"
        self.database = MemoryDatabase()
        self.auth = Auth(b"a secret for a bench, long enough for anyone")
        self.stores: dict[str, MemoryFileStore] = {}
        self.down: set[str] = set()
        self.assembly = SiteAssembly(
            self.clock,
            self._store,
            lambda code: self.database,
            self._remote,
            recorder=self.recorder,
            auth=self.auth,
            lease_s=0.0,
        )
        roles = tuple(SiteServerRole(name, "SALES", is_netware=name in netware) for name in servers)
        self.logons = {role.name: self.assembly.add_logon(role) for role in roles}
        self.setup = SiteSetup(
            code=site,
            server=self.name,
            domain="SALES",
            profile=with_overrides(profile_of(version), overrides),
            response=response,
            servers=roles,
            addresses={} if above is None else {above.site.code: above.name},
            parent="" if above is None else above.site.code,
        )
        self.server = self.assembly.add_site(self.setup)
        self.site: SiteContext = self.server.context
        self.administrator = self.server.administrator
        self.services: list[Service] = self.server.executive.services
        self._has_started = False
        if above is not None:
            above.below.append(self)
            above.site.addresses[site] = self.name

    def _store(self, machine: str, share: str) -> MemoryFileStore:
        store = self.stores[f"{machine}/{share}"] = MemoryFileStore()
        return store

    def _remote(self, machine: str, server: str, program: str) -> RemoteServer:
        if server in self.down:
            return _Down()
        sites = {
            bench.name: bench.server.host
            for bench in (*self.below, *([self.above] if self.above else []))
        }
        host = sites[server] if server in sites else self.logons[server].host
        return Machine(host, Principal(machine, SERVICE_ACCOUNT, Role.SERVICE), program)

    # -- as others see it

    def share(
        self, server: str, share: str, machine: str = "ADMIN1", role: Role = Role.ADMIN
    ) -> LocalShare:
        """A share as a machine sees it."""
        host = self.server.host if server == self.name else self.logons[server].host
        return LocalShare(host, share, Principal(machine, f"USER_{machine}", role), "WINWORD.EXE")

    @property
    def root(self) -> LocalShare:
        return self.share(self.name, boxes.ROOT_SHARE)

    @property
    def receive(self) -> LocalShare:
        return self.share(self.name, boxes.SITE_SHARE)

    def service(self, component: str) -> Service:
        """A service, by the end of its name."""
        return next(s for s in self.services if s.component.endswith(component))

    def dying(self, component: str, death: Death) -> Service:
        """A fresh service of that kind that `death` watches."""
        watched = replace(
            self.site,
            connect_as=lambda server, program: _Dying(self.site.connect_as(server, program), death),
            database=_WatchedDatabase(self.database, death),
        )
        return type(self.service(component))(watched)

    # -- going on

    async def start(self) -> None:
        """What the executive does first."""
        if not self._has_started:
            self._has_started = True
            for service in self.services:
                await service.started()

    def reborn(self) -> None:
        """The process is started again: nothing but files and rows is remembered."""
        self.services = [type(service)(self.site) for service in self.services]
        self._has_started = False
        self.site.change_count += 1

    def restart(self, server: str) -> None:
        """A logon server is started again: nothing is open on it any more."""
        role = next(role for role in self.site.servers if role.name == server)
        self.logons[server] = self.assembly.add_logon(role)

    async def cycle(self, component: str) -> None:
        """One cycle of one service, now."""
        await self.start()
        await self.service(component).cycle_now(self.clock.now())

    async def pump(self, cycles: int = 1) -> None:
        """So many polling intervals: every service of every site once in each."""
        benches = self.tree
        for bench in benches:
            await bench.start()
        for _ in range(cycles):
            for bench in benches:
                for service in bench.services:
                    await service.cycle_now(self.clock.now())
            self.clock.time += self.site.polling_s

    @property
    def tree(self) -> list[Bench]:
        """All benches of this hierarchy, the top first."""
        top = self
        while top.above is not None:
            top = top.above
        found = [top]
        for bench in found:
            found += bench.below
        return found

    # -- what an administrator does

    async def package(self, files: dict[str, str] = FILES, name: str = "OFFICE") -> str:
        """A package with its source directory; the PackageID."""
        await self.put_source(files, name)
        return await self.administrator.create_package(
            PackageSpec(name, rf"\\{self.name}\PKGSRC\{name}")
        )

    async def put_source(self, files: dict[str, str], name: str = "OFFICE") -> None:
        source = self.share(self.name, boxes.SOURCE_SHARE)
        for path, text in files.items():
            await source.make_directory(f"{name}/{path}".rpartition("/")[0])
            await source.write(f"{name}/{path}", text.encode())

    async def machines(self, count: int = 2) -> list[MachineSpec]:
        machines = [MachineSpec(f"WS{n}", f"BPC0000{n}", "SALES") for n in range(1, count + 1)]
        await self.administrator.add_machines(machines)
        return machines

    async def job(self, package: str, name: str = "JOB", **spec: Any) -> str:
        """A job that shares the package on every server, unless `spec` says otherwise."""
        default: dict[str, Any] = {
            "type": JobType.SHARE_PACKAGE,
            "distribute": DistributePhase(tuple(self.logons)),
        }
        return await self.administrator.create_job(JobSpec(name, package, **{**default, **spec}))

    async def run_job(self, package: str, name: str = "JOB", **run: Any) -> str:
        """A job that has every machine run a command."""
        phase = RunPhase(**{"command": "SETUP.EXE /q", **run})
        return await self.job(package, name, type=JobType.RUN_COMMAND, machines=("*",), run=phase)

    async def update(
        self, package: str, files: dict[str, str] = NEW_FILES, name: str = "UPDATE", **spec: Any
    ) -> str:
        """New source files, and a job that refreshes all servers with them."""
        await self.put_source(files)
        again = {"send": SendPhase.EVEN_IF_SENT, "distribute": DistributePhase((), True)}
        return await self.job(package, name, **{**again, **spec})

    async def hold(
        self, path: str, server: str = "LOGON1", share: str = "SMS_PKGD", **modes: Any
    ) -> Any:
        """WS1 opens a file for reading, sharing reading."""
        where = self.share(server, share, "WS1", Role.CLIENT)
        return await where.open(
            path, **{"access": Access.READ, "share_mode": ShareMode.READ, **modes}
        )

    async def report(
        self,
        job: str,
        request: str,
        *,
        machine: str = "WS1",
        sms_id: str = "BPC00001",
        result: Result = Result.SUCCESS,
        mif: StatusMif | bytes | None = None,
        number: int = 1,
        server: str = "LOGON1",
    ) -> WireRemove:
        """What a client's PCM puts into `DESPOOLR.BOX`."""
        logon = self.share(server, boxes.LOGON_SHARE)
        stem = f"{sms_id[3:]}{number:03}"
        if mif is not None:
            data = mif if isinstance(mif, bytes) else render_status_mif(mif)
            await logon.write(f"DESPOOLR.BOX/{stem}.PCK", data)
        report = WireRemove(
            site=self.site.code,
            request_id=request,
            job_id=job,
            package_id="BPC00001",
            sms_id=sms_id,
            machine=machine,
            domain="SALES",
            user="JANE",
            result=result,
            report_id=f"{sms_id}-{request}-{number}",
            finished_at=self.clock.now(),
            mif_file=f"{stem}.PCK" if mif is not None else "",
        )
        await logon.write(f"DESPOOLR.BOX/{stem}.SNI", render_instruction(report.to_instruction()))
        return report

    # -- looking

    def site_log(self, component: str) -> list[str]:
        """What a component of this site logged."""
        actor = f"{self.site.code}/{component}"
        return [fact.text for r, fact in of(self.records, LineLogged) if r.actor == actor]

    def package_status(self, package: str, site: str) -> str:
        """What this site's database says of a package at a site."""
        rows = self.rows("PackageStatus", "PkgID", "SiteCode", "Server", "Status")
        return next(
            (
                status
                for p, code, server, status in rows
                if (p, code, server) == (package, site, "")
            ),
            "",
        )

    def files(self, store: str, below: str = "") -> dict[str, bytes]:
        """Every file of a store below a directory, by path."""
        return dict(_walk(self.stores[store], below))

    def names(self, store: str, below: str = "") -> list[str]:
        return list(self.files(store, below))

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Columns of a table's rows, sorted."""
        names = ", ".join(f'"{name}"' for name in columns)
        found = self.database._connection.all(f'SELECT {names} FROM "{table}"')
        return sorted(tuple(row) for row in found)

    def details(self, job: str) -> dict[tuple[str, str], str]:
        """Kind and machine to status."""
        rows = self.rows("JobDetails", "JobID", "Kind", "MachineName", "Status")
        return {(kind, machine): status for owner, kind, machine, status in rows if owner == job}

    def status(self, job: str) -> str:
        rows = self.rows("Jobs", "JobID", "Status")
        found: str = next(status for owner, status in rows if owner == job)
        return found

    def events(self) -> list[int]:
        """The codes of the events, in order."""
        return [fact.event for _, fact in of(self.records, EventLogged)]

    def log(self, component: str = "") -> list[str]:
        return [
            fact.text
            for _, fact in of(self.records, LineLogged)
            if fact.component.endswith(component)
        ]

    def facts(self, kind: str) -> list[dict[str, Any]]:
        """The facts of a kind, as they are written down."""
        return [msgspec.to_builtins(r.data) for r in self.records if r.kind == kind]

    def _without_below(self) -> dict[str, Any]:
        below, self.below = self.below, []
        try:
            return self.state()
        finally:
            self.below = below

    def state(self) -> dict[str, Any]:
        """What is there in the end: files, rows, events, without the times at which they came to
        be.
        """
        events = self.rows("Events", "Code", "JobID", "MachineName", "Text")
        return {
            "files": {name: self.files(name) for name in self.stores},
            "details": self.rows(
                "JobDetails", "JobID", "Kind", "SiteCode", "MachineName", "Status", "Description"
            ),
            "jobs": self.rows("Jobs", "JobID", "Status"),
            "reports": self.rows("LoadedReports", "Report"),
            "packages": self.rows("PackageStatus", "PkgID", "SiteCode", "Server", "Status"),
            "sites": self.rows("Sites", "SiteCode", "ParentSiteCode", "Server", "Servers"),
            "others": [bench.state() for bench in self.below]
            + ([self.above._without_below()] if self.above else []),
            "attributes": self.rows("MachineAttributes", "GroupName", "Attribute", "Value"),
            "events": sorted(set(events)),
            "rights": {
                f"{name}/{share.name}": repr(share.rights._entries)
                for name, logon in self.logons.items()
                for share in logon.host.gate.shares.values()
            },
            "installs that failed": [row for row in events if row[0] == 374],
        }


class _Dying:
    """A machine of which every call that changes something may be the last one."""

    def __init__(self, machine: RemoteServer, death: Death) -> None:
        self._machine = machine
        self._death = death

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._machine, name)

        async def call(*args: Any, **more: Any) -> Any:
            if name != "opens":
                self._death.step(name)
            return await real(*args, **more)

        return call

    def share(self, name: str) -> Any:
        return _Watched(self._machine.share(name), self._death)


class _Down:
    """A server that does not answer."""

    def share(self, name: str) -> Any:
        return _Unreachable()

    def __getattr__(self, name: str) -> Any:
        return getattr(_Unreachable(), name)


class _Unreachable:
    def watch(self, paths: Sequence[str]) -> Watch:
        return unwatched

    def __getattr__(self, name: str) -> Any:
        from despoolr_core.share.contract import ShareUnreachable

        async def call(*args: Any, **more: Any) -> Any:
            raise ShareUnreachable("LOGON1 does not answer")

        return call


def _walk(store: FileStore, below: str) -> list[tuple[str, bytes]]:
    name = parse_name(below)
    assert isinstance(name, Name)
    if store.find(name) is None:
        return []
    found: list[tuple[str, bytes]] = []
    for facts in store.list(name):
        if facts.directory:
            found += _walk(store, facts.path)
        else:
            inner = parse_name(facts.path)
            assert isinstance(inner, Name)
            found.append((facts.path, store.read(inner)))
    return found


Prepare = Callable[[], Coroutine[Any, Any, Bench]]

__all__ = [
    "EPOCH",
    "FILES",
    "NEW_FILES",
    "POLL_S",
    "Bench",
    "Death",
    "Died",
    "Prepare",
    "SiteContext",
]
