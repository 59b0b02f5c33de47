r"""One client machine: the shell around PCM. It polls, runs what `despoolr_client.pcm` decided,
reports, and records.

The cycle (`domain.md` b.3): ask the current logon server for `PCMINS.BOX\<SMSID>.INS` (a
conditional read), let `Pcm` decide, queue what is due, send what is to be sent. An agent has no
task of its own while nothing runs; whoever drives it (`run`, or a `Fleet` for many) lends it a task
group. Steps of a scenario are plain methods (`execute`, `power_off`); what its user holds open is
the work of `user_holds`. What an idle client does not need (history, queue, connections, files)
does not exist until it does.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from typing import Final

from despoolr_client.agent.connections import MachineConnections
from despoolr_client.agent.dice import Dice
from despoolr_client.agent.machine.inventory import send_noidmifs
from despoolr_client.agent.machine.programs import Programs
from despoolr_client.agent.machine.windows import Windows, unc
from despoolr_client.agent.outbox import Outbox, Report, Results
from despoolr_client.agent.polling import (
    LOGON_SHARE,
    Fetched,
    File,
    PollResult,
    Read,
    Told,
    Wanted,
    alike,
    fetch,
    instruction_path,
    logon_servers,
    next_poll,
    results_place,
    told_by,
    told_first,
)
from despoolr_client.agent.rest import REST_S_MAX, Rest
from despoolr_client.agent.runner import ProgramRunner, Turn
from despoolr_client.agent.settings import ClientSettings, Spawn
from despoolr_client.pcm import lines
from despoolr_client.pcm.behaviour import PcmBehaviour
from despoolr_client.pcm.history import NO_HISTORY, History
from despoolr_client.pcm.reporting import Reporter, expiry_notice
from despoolr_client.pcm.servers import PackagePlace, SelectionStep, candidates
from despoolr_client.pcm.state import Decisions, Folder, Pcm, Records
from despoolr_client.pcm.terms import is_expired, next_date
from despoolr_core.formats.instructions.instruction import WireRemove
from despoolr_core.formats.instructions.winst import WorkstationInstruction
from despoolr_core.formats.reports.job_mif import Machine
from despoolr_core.formats.sms_ini import SmsIni
from despoolr_core.records.kinds.client import CommandChanged, Polled, ResultReported
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.share.contract import OpenFile, Share, ShareError, ShareUnreachable

RESTART_S: Final = 120.0
"""From a program's restart of its machine until PCM polls again."""


class PcmAgent:
    """One client. `user` is logged on."""

    __slots__ = (
        "_alike_until",
        "_connections",
        "_draw_count",
        "_files",
        "_outbox",
        "_pcm",
        "_programs",
        "_rest",
        "_runner",
        "_spawn",
        "clock_offset_s",
        "etag",
        "is_on",
        "logon_server",
        "machine",
        "settings",
        "sms_id",
        "user",
    )

    def __init__(
        self,
        machine: str,
        sms_id: str,
        settings: ClientSettings,
        *,
        user: str = "",
        programs: Programs | None = None,
        files: Windows | None = None,
    ) -> None:
        self.machine = machine
        self.sms_id = sms_id
        self.user = user
        self.settings = settings
        self.is_on = True
        self.clock_offset_s = 0.0
        self.etag = ""
        self._draw_count = 0
        self._programs = programs
        self._files = files
        self.logon_server = self._logon_servers[0]
        self._pcm: Pcm | None = None
        self._outbox: Outbox | None = None
        self._runner: ProgramRunner | None = None
        self._connections: MachineConnections | None = None
        self._spawn: Spawn | None = None
        self._rest: Rest | None = None
        self._alike_until = -math.inf
        """Until when, by its own clock, a poll that is answered as the last one was changes nothing
        (where polls are asked of a network).
        """

    # -- what it is
    def now(self) -> float:
        """The client's own clock, which may be wrong (Q126644)."""
        return self.settings.clock.now() + self.clock_offset_s

    def turn_clock(self, offset_s: float) -> None:
        """Let the client's clock be ahead of the site's by so many seconds."""
        if self.clock_offset_s != offset_s:
            self.clock_offset_s, self._alike_until = offset_s, -math.inf

    def draw(self, label: str) -> str:
        """The label of its next draw for a purpose: every draw has a generator of its own."""
        self._draw_count += 1
        return f"{self.machine}/{label}/{self._draw_count}"

    def dice(self, label: str) -> Dice:
        """A generator of its own for one purpose."""
        return Dice(self.settings.random, self.draw, label)

    @property
    def pcm(self) -> Pcm:
        """The packages that it was offered, and what became of them; made at first use."""
        if self._pcm is None:
            self._pcm = Pcm(self.history)
        return self._pcm

    @property
    def history(self) -> History:
        """Requests it has met, as PCMHIST.REG has them, also while its power is off."""
        kept = self._pcm or self._files
        return NO_HISTORY if kept is None else kept.history

    @property
    def files(self) -> Windows:
        """The files of the client's Windows directory."""
        if self._files is None:
            self._files = Windows()
        return self._files

    @property
    def programs(self) -> Programs:
        """What command lines do on this machine. Set it to give one machine programs of its own."""
        return self.settings.programs if self._programs is None else self._programs

    @programs.setter
    def programs(self, programs: Programs) -> None:
        self._programs = programs

    @property
    def own_ini(self) -> SmsIni | None:
        """What the machine's SMS.INI says beyond what Client Setup wrote."""
        return None if self._files is None else self._files.sms_ini

    @property
    def behaviour(self) -> PcmBehaviour:
        """How this PCM behaves: the site's behaviour, and what the machine's SMS.INI says
        otherwise.
        """
        ini = self.own_ini
        return self.settings.behaviour if ini is None else self.settings.behaviour.with_sms_ini(ini)

    @property
    def reporter(self) -> Reporter:
        """What the client's reports say of who reports."""
        return Reporter(self.sms_id, self.machine, self.settings.domain, self.user)

    @property
    def connections(self) -> MachineConnections:
        """What is open on servers."""
        if self._connections is None:
            self._connections = MachineConnections(self.machine, self.user)
        return self._connections

    def folder(self, folder: Folder) -> list[str]:
        """The RequestIDs the user sees in a folder of the PCM window."""
        return (
            []
            if self._pcm is None
            else [record.request_id for record in self._pcm.folder(folder, self.now())]
        )

    @property
    def unsent_count(self) -> int:
        """Reports that are not on the results share yet."""
        return 0 if self._outbox is None else len(self._outbox.pending)

    @property
    def is_running(self) -> bool:
        """Whether a package runs or waits for its turn."""
        return self._runner is not None

    @property
    def is_connected(self) -> bool:
        """Whether it has sessions or files open on servers, as far as it knows."""
        return self._connections is not None

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing runs, and nothing is to be sent."""
        return self._runner is None and (self._outbox is None or not self._outbox.pending)

    # -- being driven
    @property
    def spawn(self) -> Spawn | None:
        """Makes a task for it; None while nobody drives it."""
        return self._spawn

    def attach(self, spawn: Spawn | None) -> None:
        """Take tasks from `spawn`; None: from nobody, then `drain` runs what is queued."""
        self._spawn = spawn
        self._start_runner()

    async def run(self, first_poll_s: float | None = None) -> None:
        """Poll on the interval until cancelled, then close what is open.

        The first poll is after `first_poll_s` seconds, or at a random time within the interval.
        """
        clock = self.settings.clock
        if first_poll_s is None:
            first_poll_s = (
                self.settings.random(self.draw("first poll")).random()
                * self.settings.polling_interval_s
            )
        due_at = clock.now() + first_poll_s
        try:
            async with asyncio.TaskGroup() as group:
                self.attach(group.create_task)
                while True:
                    await clock.sleep_until(due_at)
                    await self.poll_once()
                    due_at = next_poll(due_at, clock.now(), self.settings.polling_interval_s)
        finally:
            await self.close()

    async def drain(self) -> None:
        """Wait until no package is queued or running."""
        while self._runner is not None:
            await self._runner.drain()

    async def close(self) -> None:
        """Stop what runs and close what is open, as a logoff does."""
        self._spawn = None
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.stop()
        connections, self._connections = self._connections, None
        if connections is not None:
            await connections.close()

    # -- a poll
    async def poll_once(self) -> PollResult:
        """Poll, when the limiter has a place. Returns what was found."""
        async with self.settings.limiter.polls:
            return await self.poll()

    async def poll(self, told: Told | None = None) -> PollResult:
        """Poll now, when its logon server has `told` this. Raises nothing for what servers say."""
        if not self.is_on:
            return PollResult.OFF
        asked_at = self.now()
        if told is None and self.asks_alike:
            told = await told_by(self._read, self.logon_server, *self.wanted[1:])
            if (result := self.told_alike(told)) is not None:
                return result
        read = told_first(told, self._read)
        self.say(lines.POLLING)
        self._rest, self._alike_until = None, -math.inf
        watch = self.settings.watch(self.logon_server, self.sms_id)
        seen = watch(0.0)
        with self.connections:
            fetched = await self._fetch(read)
            result = fetched.result
            if not self.is_on:
                return PollResult.OFF  # switched off while the question was on its way
            self.logon_server, self.etag = fetched.server, fetched.etag
            cause = 0
            if self.settings.records_idle_polls or result not in (
                PollResult.UNCHANGED,
                PollResult.MISSING,
            ):
                cause = self.record(
                    Polled(result=result.value, server=self.logon_server, reason=fetched.reason)
                )
            has_work = False
            if result is not PollResult.FAILED:
                self._decide(result, fetched.records, cause)
                has_work = self._runner is not None
                await self.send(is_poll=True)
        self._start_runner()
        await self.disconnect_if_idle()
        asks_again = self.settings.read_if_changed is not None
        # what was to run may be over already, in vain: then it is due at the next poll as well
        may_rest = (asks_again or seen is not None) and not has_work
        if may_rest and self._found_nothing(result):
            known = () if self._pcm is None else self._pcm.records
            until = next_date(known, asked_at)
            if asks_again:
                self._alike_until = until
            draws = self.behaviour.random_logon_server_search and len(self._logon_servers) > 1
            if seen is not None and not draws:
                until = min(until, asked_at + REST_S_MAX)
                self._rest = Rest(watch, seen, self.etag, self.logon_server, asked_at, until)
        return result

    @property
    def asks_alike(self) -> bool:
        """Whether its next poll, answered as the last one was, changes nothing."""
        return self.is_on and self.now() < self._alike_until and self._has_nothing_to_do

    @property
    def wanted(self) -> Wanted:
        """What it asks its logon server for."""
        return self.machine, instruction_path(self.sms_id), self.etag

    def told_alike(self, told: Told | None) -> PollResult | None:
        """The result of a poll of one that `asks_alike`, if the answer changes nothing."""
        return alike(told, self.etag) if self.is_on else PollResult.OFF

    async def _read(self, server: str, path: str, etag: str) -> File | None:
        """A file of a logon share, if it has not this ETag."""
        read = self.settings.read_if_changed
        if read is not None:
            return await read(server, self.machine, path, etag)
        return await self._logon_share(server).read_if_changed(path, etag)

    @property
    def is_resting(self) -> bool:
        """Whether a poll now would bring nothing and leave nothing on record: none is needed."""
        rest = self._rest
        return (
            rest is not None
            and self.is_on
            and self._has_nothing_to_do
            and (rest.etag, rest.server) == (self.etag, self.logon_server)
            and rest.lasts(self.now())
        )

    @property
    def _has_nothing_to_do(self) -> bool:
        outbox, files = self._outbox, self._files
        return (
            self._connections is None
            and self._runner is None
            and (outbox is None or not (outbox.pending or outbox.notices))
            and (files is None or not files.noidmifs_changed)
        )

    def _found_nothing(self, result: PollResult) -> bool:
        """Whether the next poll, answered alike, would bring nothing: no server but the first is
        asked, nothing is recorded or said, and nothing is under way.
        """
        settings = self.settings
        if settings.records_idle_polls or settings.log is not None:
            return False
        asks_one = result is PollResult.UNCHANGED or (
            result is PollResult.MISSING and not self.behaviour.search_on_missing_file
        )
        return asks_one and self._has_nothing_to_do

    async def _fetch(self, read: Read) -> Fetched:
        """Ask for the instruction file: the current logon server first, then the others."""
        behaviour = self.behaviour
        others = [server for server in self._logon_servers if server != self.logon_server]
        if behaviour.random_logon_server_search:
            self.dice("logon server").shuffle(others)
        return await fetch(
            self.sms_id,
            [self.logon_server, *others],
            self.etag,
            read,
            searches_on_missing_file=behaviour.search_on_missing_file,
            say=self.say,
        )

    @property
    def _logon_servers(self) -> tuple[str, ...]:
        return logon_servers(self.own_ini, self.settings.logon_servers)

    def _logon_share(self, server: str) -> Share:
        return self.share(server, LOGON_SHARE)

    def _decide(self, result: PollResult, records: Records, cause: int) -> None:
        settings = self.settings
        if result is PollResult.CHANGED or (
            result is PollResult.MISSING and self._pcm is not None and self._pcm.records
        ):
            interned = settings.interner.intern_all(records)
            reading = self.pcm.read(interned, settings.machine_platform, self.behaviour)
            for text in reading.lines:
                self.say(text)
            for request in reading.gone:
                self.record(
                    CommandChanged(request=request, package="", state="cancelled"), cause=cause
                )
        if self._pcm is not None and self._pcm.records:
            now = self.now()
            # Q163488: the file has not changed, so PCM does not look at its offer and mandatory
            # dates. The article names those two; that a package which expires is dropped all the
            # same is S1's check for 1.2 (articles.md).
            only_expiry = (
                result is PollResult.UNCHANGED and self.behaviour.skip_unchanged_instruction_file
            )
            interval_s = settings.polling_interval_s
            dice = self.dice("due")
            decisions = self._pcm.decide(
                now, self.behaviour, dice, polling_interval_s=interval_s, only_expiry=only_expiry
            )
            self._pcm.history = settings.interner.intern_history(self._pcm.history)
            self._take(decisions, now, cause)

    def _take(self, decisions: Decisions, now: float, cause: int) -> None:
        for text in decisions.lines:
            self.say(text)
        for record in decisions.shown:
            self.record(
                CommandChanged(request=record.request_id, package=record.package_id, state="New"),
                cause=cause,
            )
        for record in decisions.expired:
            self.record(
                CommandChanged(
                    request=record.request_id, package=record.package_id, state="expired"
                ),
                cause=cause,
            )
            self.add_report(Report.of(expiry_notice(record, self.reporter, now)))
        for record in decisions.due:
            self._enqueue(
                Turn(record, self.behaviour.countdown, cause, has_expired=is_expired(record, now))
            )

    # -- packages
    def execute(self, request_id: str) -> None:
        """The user runs a package from the window. Raises `ValueError` if it is not there to be
        run.
        """
        if self._pcm is None or not self.is_on or not self._pcm.may_run(request_id, self.now()):
            raise ValueError(f"{self.machine} has no package {request_id} to run")
        self._enqueue(Turn(self._pcm.record(request_id)))
        self._start_runner()

    def _enqueue(self, turn: Turn) -> None:
        if self._runner is None:
            self._runner = ProgramRunner(self)
        self._runner.add(turn)

    def _start_runner(self) -> None:
        if self._runner is not None and self._spawn is not None:
            self._runner.start(self._spawn)

    async def packages_are_done(self) -> None:
        """Nothing is queued any more."""
        self._runner = None
        await self.disconnect_if_idle()

    def package_places(
        self, record: WorkstationInstruction
    ) -> Iterator[tuple[SelectionStep, PackagePlace]]:
        """Where to look for a package, in the documented order."""
        connected = [hold.server for hold in self.connections.holds]
        uncs = [server.unc for server in record.servers]
        return candidates(uncs, self.logon_server, connected, self.behaviour, self.dice("server"))

    # -- sending
    def add_report(self, report: Report, closing: Sequence[OpenFile] = ()) -> None:
        """Remember a report until it is sent; whoever sends it gives `closing` back just before."""
        if self._outbox is None:
            self._outbox = Outbox(self.sms_id)
        self._outbox.add(report, closing)

    async def send(self, *, logoff: bool = False, is_poll: bool = False) -> None:
        """Send what is to be sent. What does not get through stays, and goes with the next poll.

        With `logoff` the session there ends after it, if nothing else is open in it.
        """
        outbox = self._outbox
        try:
            if outbox is not None and (outbox.pending or (is_poll and outbox.notices)):
                server, share, directory = results_place(
                    self.own_ini, self.settings.results, self.logon_server
                )
                results = Results(
                    self.share(server, share), directory, self.behaviour, self.settings.clock
                )
                if is_poll and outbox.notices:
                    await outbox.repeat_notices(results, {r.request_id for r in self.pcm.records})
                if outbox.pending:
                    self.say(lines.writing_status(unc(server, share, directory.lower())))
                await outbox.send(results, self._record_report, logoff=logoff)
            if self._files is not None and self._files.noidmifs_changed:
                machine = Machine(
                    self.settings.site, self.settings.domain, self.machine, self.sms_id
                )
                for reason in await send_noidmifs(
                    self._logon_share(self.logon_server), machine, self._files
                ):
                    self.say(reason)
        except (ShareUnreachable, ShareError) as error:
            self.say(f"Failed to write status information: {str(error) or type(error).__name__}")

    def _record_report(self, wire: WireRemove, result: str) -> None:
        self.record(
            ResultReported(
                request=wire.request_id,
                package=wire.package_id,
                report=wire.report_id,
                result=result,
            )
        )

    # -- power
    def forget_history(self) -> None:
        """Somebody deletes PCMHIST.REG: the next poll reads the instruction file as if nothing in
        it had ever been seen (Q122202, Q229809).
        """
        self.files.history = NO_HISTORY
        self._pcm = None
        self.etag, self._alike_until = "", -math.inf

    async def power_off(self) -> None:
        """Pull the plug: what runs is gone, and nobody closes its opens; the server's lease does.
        Files on disk stay.
        """
        self.is_on = False
        connections, self._connections = self._connections, None
        if connections is not None:
            connections.abandon()
        if self._outbox is not None:
            self._outbox.forget_opens()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.stop()
        if self._pcm is not None and self._pcm.history:
            self.files.history = self._pcm.history
        self._pcm = None
        self.etag, self._alike_until = "", -math.inf
        self.logon_server = self._logon_servers[0]

    async def power_on(self) -> PollResult:
        """Start up: PCM reads its instruction file at once, changed or not."""
        self.is_on = True
        return await self.poll_once()

    async def restart(self) -> None:
        """Go down and come up again after `RESTART_S`, as a program that has set something up asks
        of Windows. Does not return: what runs ends, whoever calls it, too.

        Raises `ValueError` where nobody drives the agent.
        """
        if self._spawn is None:
            raise ValueError("a restart needs somebody who drives the agent: `run` or a fleet")
        self._spawn(self._restart())
        await asyncio.get_running_loop().create_future()

    async def _restart(self) -> None:
        await self.power_off()
        await self.settings.clock.sleep(RESTART_S)
        if not self.is_on:  # nobody was quicker
            await self.power_on()

    # -- the world
    def share(self, server: str, name: str) -> Share:
        """A share of a server."""
        return self.connections.share(self.settings.connect, server, name)

    async def disconnect_if_idle(self) -> None:
        """Close the connections when nothing is open and nobody uses them."""
        connections = self._connections
        if connections is not None and connections.is_idle:
            self._connections = None
            await connections.close()

    def say(self, text: str) -> None:
        """One line for the PCM log."""
        if self.settings.log is not None:
            self.settings.log(self.machine, self.now(), text)

    def record(self, fact: Fact, *, cause: int = 0) -> int:
        """One fact, by this machine; its number."""
        return self.settings.recorder.record(self.machine, fact, cause=cause)
