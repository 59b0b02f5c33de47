"""A small site for client tests: real share servers in memory, in virtual time, with a network that
can be cut.

`SRV1` and `SRV2` are logon servers and distribution servers. Clients reach them as `LocalShare`s
through `Wire`, which raises `ShareUnreachable` while a server, or one of its operations, is down,
or after it did the work (`lose_answers`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import msgspec

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_client.agent.agent import PcmAgent
from despoolr_client.agent.polling import PollResult
from despoolr_client.agent.settings import ClientSettings
from despoolr_client.pcm.behaviour import PcmBehaviour
from despoolr_client.transport.limiter import PriorityLimiter
from despoolr_core.formats.instructions.instruction import WireRemove, parse_instruction
from despoolr_core.formats.instructions.winst import (
    PackageServer,
    WinstFile,
    WorkstationInstruction,
)
from despoolr_core.formats.instructions.winst_text import render_winst
from despoolr_core.records.stream import Record, Recorder
from despoolr_core.share.contract import ShareUnreachable
from despoolr_core.share.modes import Role
from despoolr_lab.sim.world import EPOCH, run_virtual
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.shares.base.principal import Principal
from despoolr_server.shares.base.rights import PACKAGE_SHARE, SMS_SHR
from despoolr_server.shares.host import ShareHost
from despoolr_server.shares.local import LocalShare

PACKAGE = "BPC00001"
START = EPOCH


class Wire:
    """A share at the other end of a cable."""

    def __init__(self, world: World, server: str, share: LocalShare) -> None:
        self._world = world
        self._server = server
        self._share = share

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._share, name)
        if not callable(real):
            return real

        async def call(*args: Any, **more: Any) -> Any:
            if self._world.down & {self._server, name}:
                raise ShareUnreachable(f"{self._server} does not answer")
            one = name.removesuffix("_all")
            files = args[0] if one != name else args[:1] or ("",)
            for file in files:
                self._world.calls.append(
                    (self._server, one, file[0] if isinstance(file, tuple) else file)
                )
            result = await real(*args, **more)
            if one in self._world.lose_answers:
                raise ShareUnreachable("the answer got lost")
            return result

        return call


class Link:
    """One client's connection to one server."""

    def __init__(self, world: World, server: str, who: Principal) -> None:
        self._world = world
        self._server = server
        self._who = who
        self._shares: dict[str, LocalShare] = {}

    def share(self, name: str) -> Any:
        share = self._shares.setdefault(
            name, LocalShare(self._world.hosts[self._server], name, self._who)
        )
        return Wire(self._world, self._server, share)

    async def messages(self) -> list[str]:
        return []

    async def close(self) -> None:
        for share in self._shares.values():
            await share.close()
        self._world.closed_count += 1

    def abandon(self) -> None:
        self._shares.clear()


class World:
    def __init__(
        self,
        behaviour: PcmBehaviour | None = None,
        servers: tuple[str, ...] = ("SRV1", "SRV2"),
        **settings: Any,
    ) -> None:
        self.clock = LoopClock(START)
        self.records: list[Record] = []
        self.recorder = Recorder(self.clock.now, [self.records.append])
        self.down: set[str] = set()
        self.lose_answers: set[str] = set()
        self.calls: list[tuple[str, str, str]] = []
        self.log: list[str] = []
        self.closed_count = 0
        self.hosts: dict[str, ShareHost] = {}
        for name in servers:
            host = self.hosts[name] = ShareHost(name, self.clock, self.recorder)
            host.add_share("SMS_SHR", MemoryFileStore(), SMS_SHR)
            host.add_share("SMS_PKGD", MemoryFileStore(), PACKAGE_SHARE)
        self.limiter = PriorityLimiter()
        self.settings = ClientSettings(
            clock=self.clock,
            connect=lambda server, machine, user: Link(
                self, server, Principal(machine, user, Role.CLIENT)
            ),
            recorder=self.recorder,
            random=lambda label: Random(f"1/{label}"),
            limiter=self.limiter,
            site="BPC",
            domain="DOM",
            logon_servers=servers,
            behaviour=behaviour or PcmBehaviour(countdown_s=0.0),
            log=lambda machine, at, text: self.log.append(text),
            **settings,
        )

    def service(self, server: str, share: str) -> LocalShare:
        return LocalShare(self.hosts[server], share, Principal(server, "SMSADMIN", Role.SERVICE))

    async def set_up(self, files: dict[str, bytes] | None = None) -> World:
        for name in self.hosts:
            share = self.service(name, "SMS_SHR")
            for box in ("PCMINS.BOX", "DESPOOLR.BOX", "INVENTRY.BOX"):
                await share.make_directory(box)
            await self.package(
                name, files if files is not None else {"SETUP.EXE": b"exe", "DATA/B.DAT": b"b"}
            )
        return self

    async def package(self, server: str, files: dict[str, bytes], package: str = PACKAGE) -> None:
        share = self.service(server, "SMS_PKGD")
        for path, data in files.items():
            await share.make_directory(f"{package}/{path}".rpartition("/")[0])
            await share.write(f"{package}/{path}", data)

    async def offer(
        self, *records: WorkstationInstruction, sms_id: str = "BPC00001", server: str = "SRV1"
    ) -> None:
        data = render_winst(WinstFile(f"{sms_id}.INS", records))
        await self.service(server, "SMS_SHR").write(f"PCMINS.BOX/{sms_id}.INS", data)

    def agent(self, machine: str = "PC1", sms_id: str = "BPC00001", **more: Any) -> PcmAgent:
        return PcmAgent(machine, sms_id, self.settings, user="JANE", **more)

    async def names(self, box: str = "DESPOOLR.BOX", server: str = "SRV1") -> list[str]:
        return [entry.name for entry in await self.service(server, "SMS_SHR").list(box)]

    async def reports(self, server: str = "SRV1") -> list[WireRemove]:
        share = self.service(server, "SMS_SHR")
        return [
            WireRemove.from_instruction(parse_instruction(await share.read(f"DESPOOLR.BOX/{name}")))
            for name in await self.names("DESPOOLR.BOX", server)
            if name.endswith(".SNI")
        ]

    def facts(self, kind: str) -> list[dict[str, Any]]:
        return [msgspec.to_builtins(r.data) for r in self.records if r.kind == kind]

    def holders(self, server: str = "SRV1") -> list[tuple[str, str, str]]:
        return [(row.machine, row.program, row.path) for row in self.hosts[server].opens()]


def offered(request: str = "BPC0001", *servers: str, **fields: Any) -> WorkstationInstruction:
    """A record for the package on these servers (SRV1), mandatory at once unless said otherwise."""
    return WorkstationInstruction(
        site_id="BPC",
        request_id=request,
        package_id=PACKAGE,
        job_id="BPC0000A",
        **{
            "run_command": "setup.exe /q",
            "install_by_full": 1,
            "servers": tuple(
                PackageServer(rf"\\{name}\SMS_PKGD\{PACKAGE}" + "\\")
                for name in servers or ("SRV1",)
            ),
            **fields,
        },
    )


@asynccontextmanager
async def driven(agent: PcmAgent) -> AsyncIterator[None]:
    """Lend the agent a task group, as its driver does."""
    async with asyncio.TaskGroup() as group:
        agent.attach(group.create_task)
        yield
        await agent.close()


async def poll_and_run(agent: PcmAgent) -> PollResult:
    """One poll, and whatever it set going."""
    result = await agent.poll_once()
    await agent.drain()
    return result


def play(main: Callable[[], Awaitable[None]]) -> None:
    """Run a test in virtual time, thirty days at most."""
    run_virtual(main, limit_s=30 * 86400.0)
