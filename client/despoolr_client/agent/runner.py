"""The packages of one client that run or wait for it: one at a time, beside the polls (Q214448).
Exists only while there are any.

A turn: count down (desktop, mandatory), look again whether it may still run, connect to a
distribution server in the documented order, open the program's files and hold them until it ends,
leave its MIFs, report. The files are given back on the way of the report, just before it. A package
for which no server can be had is not reported; it stays pending and is tried at the next poll.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Protocol

from despoolr_client.agent.connections import MachineConnections
from despoolr_client.agent.machine.execution import LaunchFailed, close_all, launch
from despoolr_client.agent.machine.habits import is_kept_out
from despoolr_client.agent.machine.programs import ClientProgram, Programs, first_word
from despoolr_client.agent.machine.windows import WINDOWS_DIRECTORY, Windows
from despoolr_client.agent.outbox import Report
from despoolr_client.agent.settings import ClientSettings, Spawn
from despoolr_client.pcm import lines
from despoolr_client.pcm.behaviour import PcmBehaviour
from despoolr_client.pcm.reporting import Reporter, collect_mif, run_result
from despoolr_client.pcm.servers import PackagePlace, SelectionStep
from despoolr_client.pcm.state import Pcm
from despoolr_core.formats.instructions.winst import WorkstationInstruction
from despoolr_core.records.kinds.client import CommandChanged, ProgramStarted
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.share.contract import OpenFile, Share, ShareError, ShareUnreachable


class PackageHost(Protocol):
    """The machine that packages run on, as far as they need it."""

    @property
    def settings(self) -> ClientSettings:
        """What all clients of its site share."""

    @property
    def is_on(self) -> bool: ...

    @property
    def pcm(self) -> Pcm:
        """The state of its PCM: what it was offered and has run."""

    @property
    def behaviour(self) -> PcmBehaviour: ...

    @property
    def files(self) -> Windows:
        """The files of its Windows directory."""

    @property
    def programs(self) -> Programs:
        """What command lines do on it."""

    @property
    def reporter(self) -> Reporter:
        """What its reports say of who reports."""

    @property
    def connections(self) -> MachineConnections:
        """What it has open on servers."""

    def now(self) -> float:
        """The time by its own clock, in site seconds."""

    def say(self, text: str) -> None:
        """One line for the PCM log."""

    def record(self, fact: Fact, *, cause: int = 0) -> int:
        """One fact, by this machine; the record's number."""

    def share(self, server: str, name: str) -> Share:
        """A share of a server."""

    def package_places(
        self, record: WorkstationInstruction
    ) -> Iterator[tuple[SelectionStep, PackagePlace]]:
        """Where to look for a package, in the documented order."""

    def add_report(self, report: Report, closing: Sequence[OpenFile] = ()) -> None:
        """Remember a report until it is sent; whoever sends it gives `closing` back just before."""

    async def send(self, *, logoff: bool = False) -> None:
        """Send what is to be sent; with `logoff` the session there ends after it."""

    async def packages_are_done(self) -> None:
        """Nothing is queued any more."""

    async def restart(self) -> None:
        """Restart the machine: does not return, for what runs on it ends."""


class Turn:
    """A package waiting for its run. `has_expired`: it was due although it had expired already
    (Q255284).
    """

    __slots__ = ("cause", "countdown_s", "has_expired", "record")

    def __init__(
        self,
        record: WorkstationInstruction,
        countdown_s: float = 0.0,
        cause: int = 0,
        *,
        has_expired: bool = False,
    ) -> None:
        self.record = record
        self.countdown_s = countdown_s
        self.cause = cause
        self.has_expired = has_expired


class ProgramRunner:
    """One client's queue of packages, and the task that works it off."""

    __slots__ = ("_host", "_queue", "_task")

    def __init__(self, host: PackageHost) -> None:
        self._host = host
        self._queue: list[Turn] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, turn: Turn) -> None:
        """Queue a package, unless it is queued or running already."""
        if all(queued.record.request_id != turn.record.request_id for queued in self._queue):
            self._queue.append(turn)

    def start(self, spawn: Spawn) -> None:
        """See that a task works the queue off."""
        if self._queue and self._task is None:
            self._task = spawn(self.work())

    async def stop(self) -> None:
        """End what runs, and forget what waits."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        self._queue.clear()

    async def drain(self) -> None:
        """Wait until nothing runs or waits."""
        if self._task is not None:
            await asyncio.wait([self._task])
        else:
            await self.work()

    async def work(self) -> None:
        """Run what is queued, one after the other."""
        host = self._host
        try:
            with host.connections:
                while self._queue:
                    await self._turn(self._queue[0])
                    del self._queue[0]
        finally:
            self._task = None
        await host.packages_are_done()

    async def _turn(self, turn: Turn) -> None:
        host, record = self._host, turn.record
        if turn.countdown_s:
            await host.settings.clock.sleep(turn.countdown_s)
        if not turn.has_expired and not host.pcm.may_run(record.request_id, host.now()):
            return  # cancelled or expired while it waited
        program = self._program(first_word(record.run_command))
        opens: list[OpenFile] = []
        try:
            started_at = host.now()
            error = await self._run(record, program, started_at, turn.cause, opens)
            if error is None:
                return
            host.say(lines.AN_ERROR if error else lines.NO_ERROR)
            host.pcm.executed(record.request_id, host.now())
            host.record(
                CommandChanged(
                    request=record.request_id, package=record.package_id, state="Executed"
                ),
                cause=turn.cause,
            )
            self._report(record, started_at, error, () if self._leaks(program) else opens)
            async with host.settings.limiter.ends:
                await host.send(logoff=len(self._queue) == 1)
        finally:
            await self._end(program, opens)

    def _program(self, name: str) -> ClientProgram:
        """What a program does this time."""
        program = self._host.programs.of(name)
        starts = self._host.files.starts if program.then else None
        return program.at_start((starts or {}).get(name, 0))

    def _count_start(self, name: str) -> None:
        if self._host.programs.of(name).then:
            files = self._host.files
            files.starts = {**(files.starts or {}), name: (files.starts or {}).get(name, 0) + 1}

    async def _run(
        self,
        record: WorkstationInstruction,
        program: ClientProgram,
        started_at: float,
        cause: int,
        opens: list[OpenFile],
    ) -> int | None:
        """Start the program and wait for its end: its error, 0 for none; None if no server can be
        had.
        """
        host = self._host
        try:
            async with host.settings.limiter.starts:
                if not await self._launch(record, program, cause, opens):
                    return None
        except LaunchFailed as failed:
            host.say(lines.execution_error(failed.code))
            return failed.code
        host.say(lines.JOB)
        await self._wait_for(program, opens)
        self._leave_files(program, started_at)
        if program.restarts:
            await host.restart()
        host.say(lines.JOB_COMPLETED)
        return program.exit_code if host.behaviour.exit_code_counts else 0

    async def _wait_for(self, program: ClientProgram, opens: list[OpenFile]) -> None:
        """Sleep until the program ends; its files may be closed before."""
        clock, habits = self._host.settings.clock, self._host.settings.habits
        if program.hangs:
            if habits.copies_first:  # it hangs with its own copies
                await clock.sleep(habits.copying_s)
                await close_all(opens)
                opens.clear()
            await asyncio.get_running_loop().create_future()
        duration_s = program.duration_s
        held_s = habits.held_s(duration_s)
        await clock.sleep(held_s)
        if held_s < duration_s:
            await close_all(opens)
            opens.clear()
            await clock.sleep(duration_s - held_s)

    async def _launch(
        self,
        record: WorkstationInstruction,
        program: ClientProgram,
        cause: int,
        opens: list[OpenFile],
    ) -> bool:
        """Connect to a distribution server and start the program; False if no server can be had."""
        host, habits = self._host, self._host.settings.habits
        name = first_word(record.run_command)
        for step, place in host.package_places(record):
            share = host.share(place.server, place.share)
            try:
                if habits.honours_marker and await is_kept_out(share, place.path):
                    continue
                if not await launch(share, place.path, program, name, opens):
                    continue
                self._started(record, cause, place.server, name, step.value)
                return True
            except LaunchFailed:
                self._started(record, cause, place.server, name, step.value)
                raise
            except (ShareUnreachable, ShareError):
                await close_all(opens)
                opens.clear()
        host.say(lines.unable_to_connect([server.unc for server in record.servers]))
        return False

    def _started(
        self,
        record: WorkstationInstruction,
        cause: int,
        server: str,
        program: str,
        step: str,
    ) -> None:
        """On record: the program was started there, whether or not it came up."""
        self._count_start(program)
        self._host.record(
            ProgramStarted(
                request=record.request_id,
                package=record.package_id,
                server=server,
                program=program,
                step=step,
            ),
            cause=cause,
        )
        self._host.say(lines.executing(record.run_command))

    def _leave_files(self, program: ClientProgram, started_at: float) -> None:
        host = self._host
        now = host.now()
        mif = program.status_mif
        if mif is not None:
            at = now if mif.modified_offset_s is None else started_at + mif.modified_offset_s
            host.files.write(mif.file_name, mif.render(), at)
        for noidmif in program.noidmifs:
            host.files.write_noidmif(noidmif.file_name, noidmif.data, now)

    async def _end(self, program: ClientProgram, opens: list[OpenFile]) -> None:
        """Give back what is still open: most often nothing, for the report took it along."""
        if not self._host.is_on:
            return  # no power: nobody closes anything, the server's lease does
        if self._leaks(program):
            self._host.connections.leaked += opens  # Q163597: the drive cannot be disconnected
        else:
            await close_all(opens)

    def _leaks(self, program: ClientProgram) -> bool:
        return program.leaks_handles and self._host.behaviour.leaks_open_files

    def _report(
        self,
        record: WorkstationInstruction,
        started_at: float,
        error: int,
        closing: Sequence[OpenFile],
    ) -> None:
        host = self._host
        files = host.files.files
        collected = collect_mif({name: files[name].modified_at for name in files}, started_at)
        if collected:
            host.files.delete(collected)  # moved, not copied (Q169491)
            host.say(lines.need_to_report(f"{WINDOWS_DIRECTORY}\\{collected}"))
        host.say(lines.REPORTING)
        wire = run_result(record, host.reporter, started_at, host.now(), error)
        host.add_report(Report.of(wire, files[collected].data if collected else None), closing)
