"""One process of a load run: its clients over real HTTP, driven by their pace, told of every
second.

The law: it does what its orders say and decides nothing. It ends when it is told to, when nobody
listens any more (its parent is gone: then it is killed if it takes long), or when its own bug ends
it; SIGINT and SIGTERM are its parent's to act on.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from io import RawIOBase
from typing import Any, Final, NamedTuple

import msgspec
from msgspec.structs import replace

from despoolr_app.fleet.fleet import ClientsSettings, FleetClients, turn_clocks
from despoolr_app.fleet.lease import steady_now
from despoolr_app.process.children.supervisor import end_with_parent
from despoolr_app.process.event_loop import loop_factory
from despoolr_app.process.gc_tuning import RUNNING, end_without_gc, freeze_gc
from despoolr_app.process.runtime import StartError
from despoolr_app.site_client.errors import SiteError
from despoolr_client.agent import user_holds
from despoolr_client.agent.agent import PcmAgent
from despoolr_client.agent.connections import UserHold
from despoolr_client.agent.machine.programs import Programs
from despoolr_client.agent.settings import ClientSettings, WhenWarned
from despoolr_client.transport.http_share import HttpOpen
from despoolr_core.records.kinds.client import ProgramStarted, ResultReported
from despoolr_core.records.stream import Record
from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_core.share.modes import Access, ShareMode, parse_flags
from despoolr_lab.load.measure.tally import PollOwner, Tally
from despoolr_lab.load.spec.shapes import ClientSchedule
from despoolr_lab.load.workers.driver import Driver
from despoolr_lab.load.workers.protocol import LINE_SIZE_MAX, HoldOrder, Orders, Word, WorkerStatus
from despoolr_lab.scenario import model
from despoolr_lab.scenario.programs import program_of

BEAT_S: Final = 1.0
"""Seconds between two lines of what was measured."""
LOOKED_AT_MAX: Final = 1_000
"""Clients at work that are looked at in every beat; more of them in every `LOOK_BEATS`-th."""
LOOK_BEATS: Final = 5
HOLD_CHECK_S: Final = 10.0
"""Seconds between two questions whether a file is still held; there is one more when its time is
over.
"""
HOLD_AGAIN_S: Final = 1.0
"""Seconds after which a file that could not be held is tried again."""
EXIT_START: Final = 3
"""Its clients could not be made; the last line of standard error says why."""


class HeldFile(NamedTuple):
    """A file that a client of this worker holds, as it was ordered."""

    agent: PcmAgent
    hold: UserHold
    order: HoldOrder


class Worker:
    """See the module. `say` takes what it tells."""

    def __init__(self, orders: Orders, say: Callable[[WorkerStatus], None]) -> None:
        self._orders = orders
        self._say = say
        self._tally = Tally(orders.late_max, orders.first_measured)
        self._began = 0.0
        self._holds: list[tuple[PcmAgent, UserHold]] = []
        self._holds_refused = ""
        self._held: dict[int, HeldFile] = {}
        """Files that are held now, by the order's number."""
        self._holds_broken = 0
        self._holds_lost = ""
        self._packages = frozenset(orders.packages)
        self._runs = self._reports = self._others = 0
        self._first_report_at: float | None = None
        self._agents: list[PcmAgent] = []
        self._at_work: dict[int, PcmAgent] = {}
        """Those whom a poll gave something to do, by their place: nothing else does, and a look at
        all of them each second costs more than their reports.
        """
        self._unsent = 0
        """Reports of theirs that were unsent when they were looked at."""
        self._beats = 0
        self._driver: Driver | None = None
        settings = ClientsSettings(
            orders.count,
            orders.site_url,
            orders.token,
            tuple(orders.logons),
            orders.first,
            seed=orders.seed,
        )
        self._clients = FleetClients(settings, _complain)
        self._cpu = (0.0, 0.0)

    def now(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self._began

    async def prepare(self) -> None:
        """Make the clients: registered at the site, driven by nobody yet. Raises `StartError`,
        `SiteError`.
        """
        settings = await self._clients.prepare()
        settings.recorder.listeners.append(self._heard)
        self._agents = list(self._clients.agents(settings))
        freeze_gc(RUNNING)
        kinds: list[tuple[ClientSettings, Programs]] = []
        for part in self._orders.parts:
            own = replace(
                settings,
                polling_interval_s=part.poll_every_site_s,
                when_warned=WhenWarned(part.when_warned),
            )
            kinds += [(own, self._programs(part.group))] * len(part.schedules)
        for agent, kind in zip(self._agents, kinds, strict=True):
            agent.settings, agent.programs = kind
        schedules = [
            ClientSchedule(first, float("inf") if until is None else until)
            for p in self._orders.parts
            for first, until in p.schedules
        ]
        owners = [part.group for part in self._orders.parts for _ in part.schedules]
        every_s = [part.every_s for part in self._orders.parts for _ in part.schedules]
        self._driver = Driver(
            self._agents,
            schedules,
            every_s,
            settings.limiter,
            self._tally,
            self.now,
            self._orders.end,
            lambda index: self._polled(index, owners[index]),
        )

    def hold(self, until: float) -> None:
        """Their numbers are these clients' until then (`steady_now`)."""
        self._clients.held_until = until

    def turn_clocks(self, clocks: dict[str, float]) -> None:
        """Let these clients' clocks be wrong by so many seconds, and all others right."""
        turn_clocks(self._agents, clocks)

    async def keep_lease(self, words: asyncio.Queue[Word]) -> None:
        """Stop when the lease is over that the director keeps: it may be paused, or gone, and
        others may get the numbers.
        """
        while self._clients.may_act():  # noqa: ASYNC110 - the end moves on with every renewal
            await asyncio.sleep(min(BEAT_S, max(0.0, self._clients.held_until - steady_now())))
        words.put_nowait(Word("stop"))

    async def work(self, words: asyncio.Queue[Word]) -> None:
        """Keep the pace, then wait until told to stop; then log everyone off."""
        assert self._driver is not None
        word = await words.get()
        if word.do == "start":
            self._began = word.at
            self._cpu = (time.perf_counter(), time.process_time())
            await self._run(words)
        for agent in self._agents:
            await agent.close()
        await self._clients.stop()
        self._say(self._status("over"))

    async def _run(self, words: asyncio.Queue[Word]) -> None:
        driver = self._driver
        assert driver is not None
        async with asyncio.TaskGroup() as group:
            for agent in self._agents:
                agent.attach(group.create_task)
            background = [
                group.create_task(self._beat()),
                group.create_task(self._send_rest(driver)),
            ]
            holding = [
                group.create_task(self._hold(number, hold))
                for number, hold in enumerate(self._orders.holds)
            ]
            background += holding
            pacing = group.create_task(self._pace(driver, group))
            while (await words.get()).do != "stop":
                driver.end()
            driver.end()
            await pacing
            for task in holding:
                task.cancel()
            await asyncio.gather(*holding, return_exceptions=True)
            await asyncio.gather(
                *(self._ask_held(number, is_last=True) for number in list(self._held))
            )
            for agent in self._agents:
                agent.attach(None)
            for task in background:
                task.cancel()
            for agent in self._agents:
                await agent.close()

    async def _pace(self, driver: Driver, group: asyncio.TaskGroup) -> None:
        await driver.run(group)
        self._say(self._status("paced"))

    async def _beat(self) -> None:
        """Tell every second what was measured."""
        while True:
            self._beats += 1
            await asyncio.sleep(max(0.0, self._beats * BEAT_S - self.now()))
            self._say(self._status("told"))

    def _polled(self, index: int, owner: str) -> PollOwner:
        agent = self._agents[index]
        if not agent.is_at_rest:
            self._at_work[index] = agent
        return PollOwner(owner, agent.logon_server)

    def _look_at_work(self) -> tuple[int, int]:
        """Forget those who are at rest. How many reports of the others are unsent, and how many of
        them run a package.
        """
        at_work: dict[int, PcmAgent] = {}
        unsent = running = 0
        for index, agent in self._at_work.items():
            count, runs = agent.unsent_count, agent.is_running
            if count or runs:
                at_work[index] = agent
                unsent += count
                running += runs
        self._at_work = at_work
        return unsent, running

    async def _send_rest(self, driver: Driver) -> None:
        """What could not be sent goes with the next poll; when there is none any more, it goes by
        itself.
        """
        while True:
            await asyncio.sleep(BEAT_S)
            for agent in () if driver.is_pacing else [*self._at_work.values()]:
                if agent.unsent_count:
                    async with agent.settings.limiter.ends:
                        await agent.send()

    def _status(self, kind: str) -> WorkerStatus:
        now, cpu = time.perf_counter(), time.process_time()
        share = (cpu - self._cpu[1]) / max(now - self._cpu[0], 1e-6)
        self._cpu = (now, cpu)
        self._tally.judge(share)
        driver = self._driver
        groups, servers = self._tally.take_parts()
        running = len(self._at_work)
        if kind != "told" or running <= LOOKED_AT_MAX or self._beats % LOOK_BEATS == 0:
            self._unsent, running = self._look_at_work()
        return WorkerStatus(
            kind,
            clients=len(self._agents) if driver is not None else 0,
            runs=self._runs,
            reports=self._reports,
            others=self._others,
            unsent=self._unsent,
            running=running,
            under_way=driver.under_way if driver is not None else 0,
            gone=driver.gone_count if driver is not None else 0,
            holds=sum(hold in agent.connections.holds for agent, hold in self._holds),
            holds_made=len(self._holds),
            holds_refused=self._holds_refused,
            holds_broken=self._holds_broken,
            holds_lost=self._holds_lost,
            cpu_share=round(share, 3),
            first_report_at=self._first_report_at,
            seconds={number: second.to_json() for number, second in self._tally.take().items()},
            groups={name: part.to_json() for name, part in groups.items()},
            servers={name: part.to_json() for name, part in servers.items()},
        )

    def _heard(self, record: Record) -> None:
        fact = record.data
        if not isinstance(fact, ProgramStarted | ResultReported):
            return
        is_run = isinstance(fact, ProgramStarted)
        if fact.package not in self._packages:
            self._others += is_run
        elif is_run:
            self._runs += 1
        else:
            self._reports += 1
            if self._first_report_at is None:
                self._first_report_at = self.now()

    async def _hold(self, number: int, order: HoldOrder) -> None:
        """A user opens a file, tries again while that is refused, and keeps it until the time is
        over.
        """
        agent = self._agents[order.client]
        await asyncio.sleep(max(0.0, order.at - self.now()))
        access, share_mode = (
            Access(parse_flags(Access, order.access)),
            ShareMode(parse_flags(ShareMode, order.share_mode)),
        )
        while self.now() < order.until:
            try:
                async with agent.settings.limiter.starts:
                    hold = await user_holds.hold(
                        agent,
                        order.server,
                        order.share,
                        order.path,
                        program=order.program,
                        access=access,
                        share_mode=share_mode,
                    )
            except (ShareError, ShareUnreachable) as error:
                self._holds_refused = f"{order.path}: {error}"
                await asyncio.sleep(HOLD_AGAIN_S)
                continue
            self._holds.append((agent, hold))
            self._held[number] = HeldFile(agent, hold, order)
            while number in self._held and self.now() < order.until:
                await asyncio.sleep(min(HOLD_CHECK_S, max(0.0, order.until - self.now())))
                await self._ask_held(number, is_last=False)  # an answer may take past the end
            await self._ask_held(number, is_last=True)
            self._held.pop(number, None)
            await user_holds.release(agent, hold)
            return

    async def _ask_held(self, number: int, *, is_last: bool) -> None:
        """Ask a server whether it still has a file open. One that does not say so is asked again,
        but for the last time.
        """
        held = self._held.get(number)
        if held is None:
            return
        if held.hold not in held.agent.connections.holds:
            del self._held[number]  # its user let go: warned, or at the end of the day
            return
        reason = "its server has closed it"
        try:
            async with held.agent.settings.limiter.starts:
                opened = held.hold.opened
                if not isinstance(opened, HttpOpen) or await opened.stands():
                    return
        except (ShareError, ShareUnreachable) as error:
            if not is_last:
                return
            reason = str(error)
        if self._held.pop(number, None) is not None:
            self._holds_broken += 1
            self._holds_lost = (
                self._holds_lost or f"{held.order.path} on {held.order.server}: {reason}"
            )

    def _programs(self, group: str) -> Programs:
        programs = Programs()
        for told in self._orders.programs:
            spec = msgspec.convert(told, model.Program)
            if not spec.machines or "*" in spec.machines or group in spec.machines:
                programs = programs.with_program(spec.command, program_of(spec))
        return programs


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


async def _serve(orders: Orders, source: RawIOBase, say: Callable[[WorkerStatus], None]) -> int:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE_SIZE_MAX)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
    worker = Worker(orders, say)
    try:
        await worker.prepare()
    except (StartError, SiteError) as error:
        _complain(str(error))
        return EXIT_START
    say(WorkerStatus("ready", clients=orders.count))
    words: asyncio.Queue[Word] = asyncio.Queue()

    async def listen() -> None:
        while line := await reader.readline():
            word = msgspec.json.decode(line, type=Word)
            if word.do == "hold":
                worker.hold(word.at)
            elif word.do == "clocks":
                worker.turn_clocks(word.clocks)
            else:
                words.put_nowait(word)
        words.put_nowait(Word("stop"))

    background = [asyncio.ensure_future(listen()), asyncio.ensure_future(worker.keep_lease(words))]
    try:
        await worker.work(words)
    finally:
        for task in background:
            task.cancel()
    return 0


def main() -> int:
    """Read the orders, do them. The parent hears of everything on standard output."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    end_without_gc()
    end_with_parent(lambda: None)  # the end of standard input asks it to stop, at the same moment
    target = sys.stdout.buffer
    encode: Any = msgspec.json.Encoder().encode

    def say(status: WorkerStatus) -> None:
        target.write(encode(status) + b"\n")
        target.flush()

    # unbuffered: what follows the orders is the loop's to read
    with open(0, "rb", buffering=0) as source:
        orders = msgspec.json.decode(_read_orders(source), type=Orders)
        try:
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                return runner.run(_serve(orders, source, say))
        except BrokenPipeError:  # nobody listens: the run is over
            return EXIT_START


def _read_orders(source: RawIOBase) -> bytes:
    """The orders, which come after their length in eight bytes."""
    size, data = int.from_bytes(source.read(8) or b"", "big"), b""
    while len(data) < size and (more := source.read(size - len(data))):
        data += more
    return data


if __name__ == "__main__":
    sys.exit(main())
