"""The machines of a scenario, alive: servers on a network, services running, clients polling.

The same world stands in virtual time (in-memory network and files, no threads) and in real or
scaled time (loopback sockets, files on disk, a database thread). Which it is, is decided by what it
is given: a `Surroundings`. Everything between machines is HTTP to a share; what this module knows
directly of a server it uses only to look, never to change.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from despoolr_app.site_client.client import ServerAddress, SiteClient
from despoolr_client.agent.agent import PcmAgent
from despoolr_client.agent.machine.programs import Programs
from despoolr_client.agent.machine.windows import Windows
from despoolr_client.agent.settings import ClientSettings, WhenWarned
from despoolr_client.fleet import Fleet
from despoolr_client.pcm.behaviour import PcmBehaviour, PcmVariant
from despoolr_client.transport.limiter import PriorityLimiter
from despoolr_core.clock import Clock
from despoolr_core.formats.sms_id import first_sms_id, next_sms_id
from despoolr_core.formats.sms_ini import parse_sms_ini
from despoolr_core.profile import Profile, with_overrides
from despoolr_core.records.kinds.site import SettingsChanged
from despoolr_core.records.stream import Recorder
from despoolr_core.response import Response
from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import OpenFile
from despoolr_core.share.modes import Role
from despoolr_core.times import signed_span_s, span_s
from despoolr_lab.scenario import model
from despoolr_lab.scenario.holders import habits_of, reap
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.programs import program_of
from despoolr_lab.scenario.surroundings.connections import ADMINISTRATOR, WorldConnections
from despoolr_lab.scenario.surroundings.surroundings import Surroundings
from despoolr_lab.scenario.worlds import Variation, named_machines
from despoolr_server.assembly import SiteAssembly
from despoolr_server.engine.names import Name, parse_name
from despoolr_server.files import FileStore
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.handling.application import App
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import SiteServerRole
from despoolr_server.site.state.registry import PACKAGE_DIRECTORIES, parse_keys
from despoolr_server.site.state.rows.queries import NO_PCM
from despoolr_server.site_server import SiteServer, SiteSetup

SECRET: Final = b"a secret for machines that exist only in this process"
_PLACEHOLDER: Final = re.compile(r"\{package:([^}]+)\}")


class SiteMachine(msgspec.Struct):
    """One site server and what runs on it."""

    setup: SiteSetup
    server: SiteServer
    runner: Any
    executive: asyncio.Task[None] | None = None
    starts: int = 1


class World:
    """All machines of one scenario. Use `start`, then steps and expectations, then `stop`."""

    def __init__(
        self,
        scenario: Scenario,
        profiles: dict[str, Profile],
        surroundings: Surroundings,
        recorder: Recorder,
        variation: Variation,
        group: asyncio.TaskGroup,
    ) -> None:
        self.scenario = scenario
        self.profiles = profiles
        self.surroundings = surroundings
        self.recorder = recorder
        self.variation = variation
        self.group = group
        self.sites: dict[str, SiteMachine] = {}
        self.logons: dict[str, tuple[Any, int]] = {}
        """Logon and distribution servers: what runs there, and how often it was started."""
        self.agents: dict[str, PcmAgent] = {}
        self.first_polls: dict[str, float] = {}
        self.packages: dict[str, tuple[str, str]] = {}
        """Package name to (site code, PackageID)."""
        self.runners: list[Any] = []
        self.fleet: Fleet | None = None
        self.auth = Auth(SECRET)
        self.server_holds: list[tuple[str, str, OpenFile]] = []
        """What programs on servers keep open: machine, path, the open."""
        self.refused_later: list[tuple[model.Step, str]] = []
        """What a share refused of a step after it was done, and nobody said that it may."""
        self.when_killed: dict[str, list[Callable[[], Awaitable[None]]]] = {}
        """What else goes with the process of a site server."""
        self._later: set[asyncio.Task[None]] = set()
        """What steps have begun and not ended yet."""
        self.habitual_holds: dict[tuple[str, str], asyncio.Task[None] | None] = {}
        """Machine and path of what a habit may have closed before its release, or does not open
        yet: who waits for that.
        """
        self.connections = WorldConnections(
            surroundings, self.auth, lambda server: self.assembly.host(server)
        )
        self.assembly = SiteAssembly(
            surroundings.clock,
            surroundings.store,
            surroundings.database,
            self.connections.service,
            recorder=recorder,
            auth=self.auth,
            lease_s=surroundings.lease_s,
        )

    @property
    def clock(self) -> Clock:
        return self.surroundings.clock

    # -- up and down

    async def start(self) -> None:
        """Bring up servers, tell each site what it knows of packages and machines; then time
        begins, services and clients go.
        """
        self.surroundings.clock.hold()
        for server in self.scenario.server:
            await self._start_logon(server)
        for site in self.scenario.site:
            await self._start_site(site)
        await self._attach_sites()
        for package in self.scenario.package:
            await self._make_package(package)
        await self._make_clients()
        self.surroundings.clock.start()
        for machine in self.sites.values():
            self._start_executive(machine)
        for server in self.scenario.server:
            if server.reaps_after:
                self._start_reaper(server.name, span_s(server.reaps_after))
        self._add_clients()
        assert self.fleet is not None
        await self.fleet.start()

    def _start_reaper(self, server: str, after_s: float) -> None:
        reaping = reap(
            self.connections.administrator(server), self.clock, after_s, self.agents.__contains__
        )
        self.spawn(reaping, f"reaper of {server}")

    async def stop(self) -> None:
        """Let go of everything, clients first; what steps meant to do later is not done."""
        for task in list(self._later):
            task.cancel()
        if self.fleet is not None:
            await self.fleet.stop()
        for site in self.sites.values():
            if site.executive is not None:
                site.executive.cancel()
                await asyncio.gather(site.executive, return_exceptions=True)
        await self.connections.close()
        for runner in self.runners:
            await runner.cleanup()
        for database in self.assembly.databases.values():
            await database.close()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Do something later, unless the run ends before."""
        task = self.group.create_task(work, name=name)
        self._later.add(task)
        task.add_done_callback(self._later.discard)
        return task

    # -- logon and distribution servers

    async def _start_logon(self, server: model.Server, starts: int = 1) -> None:
        id_prefix = "" if starts == 1 else f"R{starts}"
        made = self.assembly.add_logon(_role_of(server, server.domain), id_prefix=id_prefix)
        self.logons[server.name] = await self._serve(made.app, server.name), starts

    async def kill_server(self, name: str) -> bool:
        """A logon or distribution server's process is gone, and all that was open there; its files
        stay. False if it is down already.
        """
        runner, _ = self.logons[name]
        if runner not in self.runners:
            return False
        self.runners.remove(runner)
        await runner.cleanup()
        return True

    async def restart_server(self, name: str) -> None:
        """Start it again on the files that it left."""
        (server,) = [one for one in self.scenario.server if one.name == name]
        await self._start_logon(server, self.logons[name][1] + 1)

    def package_store(self, server: str) -> FileStore:
        """The files of a distribution server's package share."""
        (share,) = [s.package_share for s in self.scenario.server if s.name == server]
        return self.assembly.stores[server, share]

    def package_directory(self, server: str, package_id: str) -> str:
        """Where a package lies on a server, relative to its package share: where its site's
        registry says, and clients are told.
        """
        for machine in self.sites.values():
            if server in [role.name for role in machine.setup.servers]:
                store = self.assembly.stores[machine.setup.server, boxes.ROOT_SHARE]
                file = parse_name(boxes.REGISTRY)
                if isinstance(file, Name) and store.find(file) is not None:
                    keys = parse_keys(store.read(file).decode("latin-1"))
                    directories = keys.get(f"{PACKAGE_DIRECTORIES}\\W_{package_id}", {})
                    return directories.get(server, package_id)
        return package_id

    async def _serve(self, app: App, name: str) -> Any:
        runner = self.surroundings.runner(app)
        await runner.setup()
        await self.surroundings.network.serve(runner, name.lower(), 80)
        self.runners.append(runner)
        return runner

    # -- sites

    async def _start_site(self, site: model.Site) -> None:
        servers = tuple(
            _role_of(s, s.domain or site.domain)
            for s in self.scenario.server
            if (s.site or self.scenario.site[0].code) == site.code
        )
        setup = SiteSetup(
            code=site.code,
            server=site.server,
            domain=site.domain,
            profile=self.profiles[site.code],
            response=Response(site.response),
            servers=servers,
            addresses={s.code: s.server for s in self.scenario.site},
            parent=site.parent,
        )
        await self._run_site(setup, 1)

    async def _attach_sites(self) -> None:
        """Every site has been attached before the story begins: those above it know it and its
        servers.
        """
        for code, machine in self.sites.items():
            setup = machine.setup
            servers = [role.name for role in setup.servers if role.distribution]
            facts = {
                "code": code,
                "parent": setup.parent,
                "server": setup.server,
                "version": setup.profile.version,
            }
            for parent in self.above(code):
                await self.api(parent, "POST", "sites", [{**facts, "servers": servers}])

    def above(self, code: str) -> list[str]:
        """The sites above one, nearest first."""
        return model.above({site.code: site.parent for site in self.scenario.site}, code)

    async def _run_site(self, setup: SiteSetup, starts: int) -> None:
        server = self.assembly.add_site(
            setup,
            id_prefix="" if starts == 1 else f"R{starts}",
        )
        runner = await self._serve(server.app, setup.server)
        self.sites[setup.code] = SiteMachine(setup, server, runner, starts=starts)

    def _start_executive(self, machine: SiteMachine) -> None:
        setup, executive = machine.setup, machine.server.executive
        for service in executive.services:
            service.delay_s = self.variation.service_delay_s(
                setup.code, service.component, machine.server.context.polling_s
            )
        machine.executive = self.assembly.start_services(machine.setup.code, self.group.create_task)

    async def kill_site(self, code: str) -> None:
        """The site server's process is gone between two steps; its files and its database stay as
        they are. What its services have open on other servers stays so until their leases end.
        """
        machine = self.sites[code]
        assert machine.executive is not None
        machine.executive.cancel()
        await asyncio.gather(machine.executive, return_exceptions=True)
        self.runners.remove(machine.runner)
        await machine.runner.cleanup()
        self.connections.abandon(machine.setup.server)
        for end in self.when_killed.pop(code, []):
            await end()

    def is_up(self, code: str) -> bool:
        """Whether a site server's process runs."""
        return self.sites[code].runner in self.runners

    async def restart_site(self, code: str) -> None:
        """Start a site server's process on the files and the database it left."""
        old = self.sites[code]
        await self._run_site(old.setup, old.starts + 1)
        self._start_executive(self.sites[code])

    async def restart_service(self, code: str, component: str, turns: int) -> None:
        """Restart a service of a site so many turns of the event loop from now: no call takes its
        time before.
        """
        for _ in range(turns):
            await asyncio.sleep(0)
        await self.sites[code].server.executive.restart(component)

    def change_site(self, code: str, fields: dict[str, Any], response: Response | None) -> None:
        """Change settings of a site while it runs, and for its starts to come."""
        machine = self.sites[code]
        setup, context = machine.setup, machine.server.context
        machine.setup = replace(
            setup,
            profile=with_overrides(setup.profile, fields),
            response=response or setup.response,
        )
        context.profile = with_overrides(context.profile, fields)
        context.response = machine.setup.response
        changed = {name: getattr(context.profile, name) for name in fields}
        if response is not None:
            changed["response"] = str(response)
        for service in machine.server.executive.services:
            service.look_again()
        context.record("SMS_EXECUTIVE", SettingsChanged(fields=changed))

    def site_client(self, site: str) -> SiteClient:
        """A site's server as an administrator asks it."""
        server = self.sites[site].setup.server
        token = self.auth.issue(ADMINISTRATOR, "Administrator", Role.ADMIN)
        address = ServerAddress(server, f"http://{server.lower()}", token)
        return SiteClient(
            self.surroundings.transport(self.connections.session(ADMINISTRATOR)), address
        )

    async def api(self, site: str, method: str, path: str, body: Any = None) -> Any:
        """One call of a site's API as an administrator: its answer in plain values. Raises
        `SiteError`.
        """
        return await self.site_client(site).call(method, path, object, body)

    # -- packages

    async def _make_package(self, package: model.Package) -> None:
        site = package.site or self.scenario.site[0].code
        server = self.sites[site].setup.server
        await self.put_source(site, package.name, package.files)
        source = f"\\\\{server}\\{boxes.SOURCE_SHARE}\\{package.name}"
        spec = {
            "name": package.name,
            "source": source,
            "comment": package.comment,
            "id": package.id,
        }
        answer = await self.api(site, "POST", "packages", spec)
        self.packages[package.name] = (site, answer["package"])

    async def put_source(self, site: str, package: str, files: dict[str, str]) -> None:
        """Put files into a package's source directory, as an administrator with a copy of Explorer
        would.
        """
        share = self.connections.administrator(self.sites[site].setup.server).share(
            boxes.SOURCE_SHARE
        )
        for directory in sorted(
            {package, *(f"{package}/{name}".rpartition("/")[0] for name in files)}
        ):
            await share.make_directory(directory)
        for name, text in files.items():
            await share.write(f"{package}/{name}", text.encode())

    # -- clients

    async def _make_clients(self) -> None:
        limiter = PriorityLimiter()
        self.fleet = Fleet(self.clock, limiter)
        sms_ids = {code: first_sms_id(code) for code in self.sites}
        named = named_machines(self.scenario)
        for group in self.scenario.clients:
            site = group.site or self.scenario.site[0].code
            settings = self._settings(group, site, limiter)
            deaf = replace(settings, habits=replace(settings.habits, honours_marker=False))
            share = float(group.honours_marker)
            names = group.expand()
            known: list[dict[str, Any]] = []
            spread = span_s(group.poll_every)
            for number, name in enumerate(names):
                sms_id = sms_ids[site]
                sms_ids[site] = next_sms_id(sms_id)
                files = None
                if group.sms_ini:
                    files = Windows()
                    files.sms_ini = parse_sms_ini("\n".join(group.sms_ini))
                agent = PcmAgent(
                    name,
                    sms_id,
                    settings if self.variation.honours(name, share) else deaf,
                    user=group.user or f"USER_{name}",
                    programs=self._programs(name),
                    files=files,
                )
                agent.clock_offset_s = signed_span_s(group.clock_offset or "0s")
                agent.is_on = group.on and not self.variation.is_off(name, named)
                self.agents[name] = agent
                written_s = (
                    span_s(group.first_poll) if group.first_poll else spread * number / len(names)
                )
                self.first_polls[name] = self.variation.first_poll_s(
                    name, written_s, spread, group.first_poll
                )
                known.append({"name": name, "sms_id": sms_id, "domain": settings.domain})
            if group.known:
                await self._make_known(site, known)
        for server in self.scenario.server:
            if server.is_netware:  # part of the inventory, and no PCM runs there
                site = server.site or self.scenario.site[0].code
                domain = server.domain or self.sites[site].setup.domain
                machine = {"name": server.name, "sms_id": sms_ids[site], "domain": domain}
                sms_ids[site] = next_sms_id(sms_ids[site])
                await self._make_known(site, [{**machine, "operating_system": NO_PCM}])

    async def _make_known(self, site: str, machines: list[dict[str, Any]]) -> None:
        """Let a site know machines, and the sites above, whose inventory it is part of."""
        await self.api(site, "POST", "machines", machines)
        for parent in self.above(site):
            await self.api(parent, "POST", "machines", [{**m, "site": site} for m in machines])

    def _add_clients(self) -> None:
        assert self.fleet is not None
        for name, agent in self.agents.items():
            self.fleet.add(agent, self.first_polls[name])

    def _settings(
        self, group: model.Clients, site: str, limiter: PriorityLimiter
    ) -> ClientSettings:
        machine = self.sites[site]
        logons = [s.name for s in machine.setup.servers if s.logon]
        first = group.logon_server or logons[0]
        behaviour = replace(
            PcmBehaviour.of(machine.setup.profile, PcmVariant(group.pcm)),
            between_files_s=span_s(group.report_gap),
        )
        return ClientSettings(
            clock=self.clock,
            connect=self.connections.client,
            recorder=self.recorder,
            random=lambda label: random.Random(f"{self.variation.seed}/{label}"),
            limiter=limiter,
            site=site,
            domain=group.domain or machine.setup.domain,
            logon_servers=(first, *(name for name in logons if name != first)),
            behaviour=behaviour,
            polling_interval_s=span_s(group.poll_every),
            when_warned=WhenWarned(group.when_warned),
            habits=habits_of(group),
            watch=self.connections.instruction_watch,
            records_idle_polls=False,
        )

    async def keep_open(self, machine: str, path: str, file: OpenFile, for_s: float | None) -> None:
        """A program on a server keeps a file open, for a span or until it is released."""
        self.server_holds.append((machine, path, file))
        if for_s is not None:
            self.spawn(self._let_go_later(machine, path, for_s), f"{machine} holds {path}")

    async def _let_go_later(self, machine: str, path: str, for_s: float) -> None:
        await self.clock.sleep(for_s)
        await self.let_go(machine, path)

    async def let_go(self, machine: str, file: str = "") -> int:
        """Close what programs on a server keep open: one file by the end of its path, or all.
        Returns how many there were.
        """
        chosen = [
            h for h in self.server_holds if h[0] == machine and fold(h[1]).endswith(fold(file))
        ]
        for hold in chosen:
            self.server_holds.remove(hold)
            await hold[2].close()
        return len(chosen)

    def with_ids(self, text: str) -> str:
        """The text with `{package:NAME}` replaced by that package's ID."""
        return _PLACEHOLDER.sub(
            lambda found: self.packages[found[1]][1] if found[1] in self.packages else found[0],
            text,
        )

    def _programs(self, machine: str) -> Programs:
        programs = Programs()
        for spec in self.scenario.program:
            if not spec.machines or machine in spec.machines:
                programs = programs.with_program(spec.command, program_of(spec))
        return programs


def _role_of(server: model.Server, domain: str) -> SiteServerRole:
    return SiteServerRole(
        server.name,
        domain,
        "logon" in server.roles,
        "distribution" in server.roles,
        server.package_share,
        server.is_netware,
    )
