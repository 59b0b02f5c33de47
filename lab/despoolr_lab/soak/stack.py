"""The processes of a soak, each a `despoolr` of its own: started, waited for, killed or stopped,
and started again.

The law: a process that ends and was not told to is a `ProcessDied`, and ends the soak. All live in
one directory, talk over links of ours, and none outlives the stack or the process that made it
(`despoolr_app.process.children.supervisor`). Ports are the kernel's choice, once, so that a server
that is started again is found where it was.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from despoolr_app.clocks.time_source import wall_now
from despoolr_app.process.children.output import SERVER_READY, Output, ProcessDied
from despoolr_app.process.children.supervisor import Supervisor
from despoolr_app.site_client.client import ServerAddress
from despoolr_lab.reserved_ports import ReservedPorts
from despoolr_lab.soak.links import CuttableLink
from despoolr_lab.soak.plan import LINKS, LOGONS, SITE, Asked

VERSION: Final = "1.2 SP4 + hotfixes"
"""Of the site: the last of 1.2, in which no fault that the articles tell of loses a status."""
STOP_S_MAX: Final = 20.0
"""Seconds a process has to stop when the plan tells it to; a soak counts what a clean stop
leaves.
"""
END_S_MAX: Final = 8.0
"""Seconds all of them have together when the soak ends early."""
COMMON: Final = "common"
FLEET_STOPPED: Final = 143
"""Exit code of a fleet that was told to stop before its time was up."""
FLEET_READY: Final = "first poll of all"


@dataclass
class StackProcess:
    """One process of the stack. `is_meant_to_run` is False while the plan has it down."""

    name: str
    arguments: tuple[str, ...]
    ready: str
    port: int
    starts: int = 0
    is_meant_to_run: bool = False
    process: asyncio.subprocess.Process | None = None
    output: Output | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs, 0 if none does."""
        return (
            self.process.pid if self.process is not None and self.process.returncode is None else 0
        )

    def death(self) -> ProcessDied | None:
        """What is to be said if it ended without being told to."""
        if self.is_meant_to_run and self.process is not None and self.output is not None:
            code = self.process.returncode
            return None if code is None else self.output.died(code)
        return None


@dataclass
class Stack:
    """All of them, in a directory of their own. `churn`: what fleets are told, and until when (site
    time).
    """

    asked: Asked
    directory: Path
    members: dict[str, StackProcess] = field(default_factory=dict)
    links: dict[str, CuttableLink] = field(default_factory=dict)
    _supervisor: Supervisor = field(default_factory=Supervisor)
    _reserved: ReservedPorts | None = None

    async def start(
        self, churn: str = "", duration_s: float = 0.0, *, may_break: bool = False
    ) -> None:
        """Bring everything up, servers first, which may be broken on purpose or not. Raises
        `ProcessDied`.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        names = (SITE, *LOGONS, *self.asked.fleets)
        self._reserved = ReservedPorts(len(names))
        ports = dict(zip(names, self._reserved.ports, strict=True))
        for source, target in LINKS:
            link = self.links[f"{source}-{target}"] = CuttableLink(
                f"{source}-{target}", ports[target]
            )
            await link.start()
        pace: tuple[str, ...] = (
            "--time",
            f"x{self.asked.scale:g}" if self.asked.scale != 1 else "real",
            "--common",
            COMMON,
        )
        if may_break:
            pace += ("--allow-faults",)
        for logon in LOGONS:
            place = (
                "--name",
                logon,
                "--listen",
                f"127.0.0.1:{ports[logon]}",
                "--data",
                logon.lower(),
            )
            self._add(logon, ("serve", "logon", *place, *pace), SERVER_READY, ports[logon])
        to_logons = [
            w
            for n in LOGONS
            for w in ("--logon", f"{n}={self.links[f'{SITE}-{n}'].url},distribution")
        ]
        place = ("--name", SITE, "--listen", f"127.0.0.1:{ports[SITE]}", "--data", SITE.lower())
        what = (
            "--version",
            VERSION,
            "--response",
            "Very Fast",
            "--clients-wanted",
            str(self.asked.clients),
        )
        self._add(
            SITE, ("serve", "site", *place, *what, *to_logons, *pace), SERVER_READY, ports[SITE]
        )
        await asyncio.gather(*(self.up(name) for name in (*LOGONS, SITE)))
        until = self.site_now() + duration_s * self.asked.scale
        for number, fleet in enumerate(self.asked.fleets):
            self._add(
                fleet,
                self._fleet(fleet, number, ports[fleet], churn, until),
                FLEET_READY,
                ports[fleet],
            )
            await self.up(fleet)

    def _fleet(
        self, name: str, number: int, port: int, churn: str, until: float
    ) -> tuple[str, ...]:
        order = LOGONS if number % 2 == 0 else LOGONS[::-1]
        logons = [w for n in order for w in ("--logon", f"{n}={self.links[f'FLEETS-{n}'].url}")]
        who = (
            "--lease",
            "--holder",
            name,
            "--clients",
            str(self.asked.clients_of(name)),
            "--seed",
            str(self.asked.seed),
        )
        where = (
            "--site",
            self.links[f"FLEETS-{SITE}"].url,
            *logons,
            "--listen",
            f"127.0.0.1:{port}",
        )
        moving = ("--churn", churn, "--churn-until", f"{until:.0f}") if churn else ()
        return (
            "fleet",
            *who,
            *where,
            "--poll-every",
            "1h",
            "--records",
            f"{name.lower()}.jsonl",
            "--json",
            *moving,
        )

    def _add(self, name: str, arguments: tuple[str, ...], ready: str, port: int) -> None:
        self.members[name] = StackProcess(name, arguments, ready, port)

    async def up(self, name: str) -> None:
        """Start a process and wait until it says that it is up. Raises `ProcessDied`."""
        member = self.members[name]
        member.starts += 1
        member.output = Output(name, self.directory / f"{name.lower()}.{member.starts}.log")
        member.process = await self._supervisor.start_ready(
            (sys.executable, "-m", "despoolr", *member.arguments),
            member.output,
            member.ready,
            cwd=self.directory,
            environment=self._environment(name),
        )
        member.is_meant_to_run = True

    async def down(self, name: str, how: str) -> int:
        """Kill it (SIGKILL) or let it stop (SIGTERM, and SIGKILL if it takes too long); its exit
        code.
        """
        member = self.members[name]
        member.is_meant_to_run = False
        process = member.process
        if process is None or process.returncode is not None:
            return 0
        process.send_signal(getattr(signal, how))
        await self._supervisor.stop([process], is_asked=True, within_s=STOP_S_MAX)
        return await process.wait()

    async def stop(self) -> dict[str, int]:
        """Stop fleets, then the site server, then the others. Returns exit codes by name, 0 for a
        clean stop. Links go last.

        A fleet that is told to stop before its time is up says so by its code.
        """
        codes: dict[str, int] = {}
        told = dict.fromkeys(self.asked.fleets, FLEET_STOPPED)
        for names in (self.asked.fleets, (SITE,), LOGONS):
            there = [name for name in names if name in self.members and self.members[name].pid]
            ends = await asyncio.gather(*(self.down(name, "SIGTERM") for name in there))
            codes |= {
                name: 0 if code == told.get(name, 0) else code
                for name, code in zip(there, ends, strict=True)
            }
        for link in self.links.values():
            await link.stop()
        return codes

    async def end(self) -> None:
        """Leave nothing running: whoever does is asked to end, and killed when `END_S_MAX` are over
        or this is cancelled.
        """
        for member in self.members.values():
            member.is_meant_to_run = False
        for link in self.links.values():
            link.mend()  # who logs off over a silent link would wait for it
        try:
            await self._supervisor.end(within_s=END_S_MAX)
        finally:
            for link in self.links.values():
                await link.stop()
            if self._reserved is not None:
                self._reserved.release()

    def deaths(self) -> list[ProcessDied]:
        """Processes that ended and were not told to."""
        return [died for member in self.members.values() if (died := member.death()) is not None]

    def sources(self, token: str) -> list[ServerAddress]:
        """Those that are meant to run now, for sampling: asked directly, not over the links."""
        running = [member for member in self.members.values() if member.is_meant_to_run]
        return [
            ServerAddress(member.name, f"http://127.0.0.1:{member.port}", token)
            for member in running
        ]

    # -- what it knows

    def token(self) -> str:
        """The token of the stack's administrator."""
        return (self.directory / SITE.lower() / "admin.token").read_text("ascii").strip()

    def site_now(self) -> float:
        """Site time, as every process of the stack counts it."""
        since = float((self.directory / COMMON / "since").read_text("ascii"))
        return since + (wall_now() - since) * self.asked.scale

    def url(self, name: str) -> str:
        """Where a process answers, past all links."""
        return f"http://127.0.0.1:{self.members[name].port}"

    def _environment(self, name: str) -> Mapping[str, str]:
        plain = {key: value for key, value in os.environ.items() if not key.startswith("DESPOOLR_")}
        return plain | (
            {"DESPOOLR_SECRET_FILE": f"{COMMON}/secret"} if name in self.asked.fleets else {}
        )
