"""The packages of one client that run or wait for it: one at a time, beside the polls (Q214448).
Exists only while there are any.

A turn: count down (desktop, mandatory), look again whether it may still run, connect to a
distribution server in the documented order, open the program's files and hold them until it ends,
leave its MIFs, report. The files are given back on the way of the report, just before it. A package
for which no server can be had is not reported; it stays pending and is tried at the next poll.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from despoolr_client.agent.execution import LaunchFailed, close_all, launch
from despoolr_client.agent.programs import Program, first_word
from despoolr_client.pcm import lines
from despoolr_client.pcm.reporting import collect_mif, run_report
from despoolr_client.pcm.servers import candidates
from despoolr_core.formats.winst import WorkstationInstruction
from despoolr_core.share.contract import OpenFile, ShareError, ShareUnreachable

if TYPE_CHECKING:
    from despoolr_client.agent.agent import PcmAgent, Spawn


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


class Runner:
    """One client's queue of packages, and the task that works it off."""

    __slots__ = ("_agent", "_queue", "_task")

    def __init__(self, agent: PcmAgent) -> None:
        self._agent = agent
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
        agent = self._agent
        try:
            with agent.connections:
                while self._queue:
                    await self._turn(self._queue[0])
                    del self._queue[0]
        finally:
            self._task = None
        agent.runner_is_done()
        await agent.disconnect_if_idle()

    async def _turn(self, turn: Turn) -> None:
        agent, record = self._agent, turn.record
        if turn.countdown_s:
            await agent.settings.clock.sleep(turn.countdown_s)
        if not turn.has_expired and not agent.pcm.may_run(record.request_id, agent.now()):
            return  # cancelled or expired while it waited
        program = agent.programs.of(record.run_command)
        opens: list[OpenFile] = []
        try:
            started_at = agent.now()
            error = await self._run(record, program, started_at, turn.cause, opens)
            if error is None:
                return
            agent.say(lines.AN_ERROR if error else lines.NO_ERROR)
            agent.pcm.executed(record.request_id, agent.now())
            agent.record(
                "pcm.record",
                cause=turn.cause,
                request=record.request_id,
                package=record.package_id,
                state="Executed",
            )
            self._report(record, started_at, error, () if self._leaks(program) else opens)
            async with agent.settings.gate.ends:
                await agent.send(logoff=len(self._queue) == 1)
        finally:
            await self._end(program, opens)

    async def _run(
        self,
        record: WorkstationInstruction,
        program: Program,
        started_at: float,
        cause: int,
        opens: list[OpenFile],
    ) -> int | None:
        """Start the program and wait for its end: its error, 0 for none; None if no server can be
        had.
        """
        agent = self._agent
        try:
            async with agent.settings.gate.starts:
                if not await self._launch(record, program, cause, opens):
                    return None
        except LaunchFailed as failed:
            agent.say(lines.execution_error(failed.code))
            return failed.code
        agent.say(lines.JOB)
        await agent.settings.clock.sleep(program.duration_s)
        self._leave_files(program, started_at)
        agent.say(lines.JOB_COMPLETED)
        return program.exit_code if agent.behaviour.exit_code_counts else 0

    async def _launch(
        self, record: WorkstationInstruction, program: Program, cause: int, opens: list[OpenFile]
    ) -> bool:
        """Connect to a distribution server and start the program; False if no server can be had."""
        agent = self._agent
        uncs = [server.unc for server in record.servers]
        name = first_word(record.run_command)
        connected = [*agent.drives, *(hold.server for hold in agent.connections.holds)]
        for step, place in candidates(
            uncs, agent.logon_server, connected, agent.behaviour, agent.dice("server")
        ):
            share = agent.share(place.server, place.share)
            about = {"request": record.request_id, "package": record.package_id, "step": step.value}
            try:
                if not await launch(share, place.path, program, name, opens):
                    continue
                self._started(record, cause, place.server, name, about)
                return True
            except LaunchFailed:
                self._started(record, cause, place.server, name, about)
                raise
            except (ShareUnreachable, ShareError):
                await close_all(opens)
                opens.clear()
        agent.say(lines.unable_to_connect(uncs))
        return False

    def _started(
        self,
        record: WorkstationInstruction,
        cause: int,
        server: str,
        program: str,
        about: dict[str, str],
    ) -> None:
        """On record: the program was started there, whether or not it came up."""
        self._agent.record("pcm.run", cause=cause, server=server, program=program, **about)
        self._agent.say(lines.executing(record.run_command))

    def _leave_files(self, program: Program, started_at: float) -> None:
        agent = self._agent
        now = agent.now()
        mif = program.status_mif
        if mif is not None:
            at = now if mif.modified_offset_s is None else started_at + mif.modified_offset_s
            agent.files.write(mif.file_name, mif.render(), at)
        for noidmif in program.noidmifs:
            agent.files.write_noidmif(noidmif.file_name, noidmif.data, now)

    async def _end(self, program: Program, opens: list[OpenFile]) -> None:
        """Give back what is still open: most often nothing, for the report took it along."""
        if not self._agent.is_on:
            return  # no power: nobody closes anything, the server's lease does
        if self._leaks(program):
            self._agent.connections.leaked += opens  # Q163597: the drive cannot be disconnected
        else:
            await close_all(opens)

    def _leaks(self, program: Program) -> bool:
        return program.leaks_handles and self._agent.behaviour.leaks_open_files

    def _report(
        self,
        record: WorkstationInstruction,
        started_at: float,
        error: int,
        closing: Sequence[OpenFile],
    ) -> None:
        agent = self._agent
        files = agent.files.files
        name = collect_mif(files, started_at)
        if name is not None:
            agent.files.delete(name)  # moved, not copied (Q169491)
            agent.say(lines.need_to_report(f"{agent.files.path}\\{name}"))
        agent.say(lines.REPORTING)
        mif = None if name is None else files[name].data
        agent.add_report(
            run_report(record, agent.reporter, started_at, agent.now(), error, mif), closing
        )
