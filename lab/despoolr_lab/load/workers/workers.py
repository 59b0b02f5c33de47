"""The worker processes of a run, as the process that directs them sees them: started, told,
listened to, ended.

The law: a worker that ends before it was told to is not hidden; its clients are gone, and the run
is invalid. Workers are in a session of their own, so that Ctrl-C reaches the director alone, who
ends them in order. None outlives the director (`despoolr_app.process.children.supervisor`): they
log their clients off when nobody listens any more, and have `GRACE_S` for it.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from despoolr_app.process.children.supervisor import Supervisor
from despoolr_app.process.runtime import StartError
from despoolr_core.rules.plain_json import read_json
from despoolr_core.rules.text import LINE_SIZE_MAX as LINE_TEXT_MAX
from despoolr_core.rules.text import NAME_SIZE_MAX
from despoolr_lab.load.measure.histogram import whole
from despoolr_lab.load.measure.tally import PollPart, Second, merge, merge_parts
from despoolr_lab.load.spec.model import SECONDS_MAX
from despoolr_lab.load.workers.gate import JoinedWorker, JoinGate
from despoolr_lab.load.workers.protocol import (
    LINE_SIZE_MAX,
    WORKER,
    Orders,
    Word,
    WorkerStatus,
    worker_environment,
)

READY_S_MAX: Final = 300.0
"""Seconds until all clients are registered and exist."""
HEAD_START_S: Final = 0.5
HEAD_START_JOINED_S: Final = 2.0
END_S_MAX: Final = 30.0
"""Seconds a worker has to log its clients off."""
NAMES_MAX: Final = 1_000
"""Groups, servers that workers tell of."""


class WorkerLine(Protocol):
    """The way to a worker and back."""

    def order(self, orders: bytes) -> None:
        """Tell it what it is."""

    def say(self, word: Word) -> None:
        """Tell it what to do."""

    def lines(self) -> AsyncIterator[bytes]:
        """What it tells, until it has ended."""

    @property
    def ended(self) -> str:
        """Why it has ended, or nothing."""


class LocalLine:
    """The way to a process of this machine: its standard input and output."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._complaint = ""

    def order(self, orders: bytes) -> None:
        """Tell it what it is: the length in eight bytes, and the orders."""
        assert self._process.stdin is not None
        self._process.stdin.write(len(orders).to_bytes(8, "big") + orders)

    def say(self, word: Word) -> None:
        """Tell it what to do, as a line of JSON."""
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(msgspec.json.encode(word) + b"\n")

    async def lines(self) -> AsyncIterator[bytes]:
        """What it tells, until it has ended."""
        assert self._process.stdout is not None
        complaints = asyncio.ensure_future(self._complaints())
        while line := await self._process.stdout.readline():
            yield line
        await self._process.wait()
        await complaints

    @property
    def ended(self) -> str:
        """Why it has ended, or nothing."""
        if self._process.returncode is None:
            return ""
        return self._complaint or f"exit code {self._process.returncode}"

    async def _complaints(self) -> None:
        assert self._process.stderr is not None
        while line := await self._process.stderr.readline():
            self._complaint = line.decode(errors="replace").strip() or self._complaint


@dataclass(slots=True)
class WorkerProcess:
    """One process. `last` is what it told last; `cpu_shares` what it used of a processor, second by
    second of its own.
    """

    line: WorkerLine
    last: WorkerStatus = field(default_factory=lambda: WorkerStatus("none"))
    cpu_shares: list[float] = field(default_factory=list)
    is_ready: bool = False
    is_paced: bool = False
    is_over: bool = False


class Workers:
    """All of them: processes of this machine, or those that join at a gate. `seconds` is what they
    have measured so far.
    """

    def __init__(self, gate: JoinGate | None = None) -> None:
        self._gate = gate
        self._supervisor = Supervisor()
        self._workers: list[WorkerProcess] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        self.seconds: dict[int, Second] = {}
        self.groups: dict[str, PollPart] = {}
        self.servers: dict[str, PollPart] = {}
        self._held_until = math.inf

    @property
    def all(self) -> Sequence[WorkerProcess]:
        """In the order of their clients' numbers."""
        return self._workers

    async def start(self, orders: Sequence[Orders]) -> None:
        """Start one for each, and wait until all their clients exist. Raises `StartError`."""
        joined = iter(self._gate.joined) if self._gate is not None else None
        for order in orders:
            line = await self._start_one() if joined is None else next(joined)
            worker = WorkerProcess(line)
            self._workers.append(worker)
            self._tasks.append(asyncio.ensure_future(self._listen(worker)))
            line.order(msgspec.json.encode(order))
        self.hold(self._held_until)
        try:
            async with asyncio.timeout(READY_S_MAX):
                await self.until(lambda worker: worker.is_ready)
        except TimeoutError:
            raise StartError(f"the clients are not there after {READY_S_MAX:.0f} s") from None
        dead = self.ended_early
        if dead:
            raise StartError(dead)

    async def meet(self) -> None:
        """Wait until all have joined who are to. Raises `StartError`."""
        if self._gate is not None:
            await self._gate.full()

    @property
    def head_start_s(self) -> float:
        """Seconds between the word and the run's first: all hear it before that."""
        return HEAD_START_S if self._gate is None else HEAD_START_JOINED_S

    async def _start_one(self) -> LocalLine:
        return LocalLine(
            await self._supervisor.start(
                WORKER,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=LINE_SIZE_MAX,
                environment=worker_environment(os.environ),
            )
        )

    @property
    def ended_early(self) -> str:
        """Why the first worker that ended by itself did, or nothing."""
        for number, worker in enumerate(self._workers, 1):
            if not worker.is_over and (reason := worker.line.ended):
                return f"process {number} of {len(self._workers)} ended: {reason}"
        return ""

    def say(self, word: Word) -> None:
        """Send a line of JSON to every worker."""
        for worker in self._workers:
            worker.line.say(word)

    def hold(self, until: float) -> None:
        """Tell all of them until when their clients' numbers are theirs (`steady_now`): past that
        they stop by themselves.
        """
        self._held_until = until
        if math.isfinite(until):
            self.say(Word("hold", until))

    def turn_clocks(self, clocks: dict[str, float]) -> None:
        """Tell all of them which machines' clocks are to be wrong, and by how much."""
        self.say(Word("clocks", clocks=clocks))

    async def until(self, condition: Callable[[WorkerProcess], bool]) -> None:
        """Wait until it is true of all, or one has ended early."""
        while not all(condition(worker) for worker in self._workers) and not self.ended_early:
            self._changed.clear()
            await self._changed.wait()

    async def end(self) -> None:
        """Let all log their clients off and end; whoever does not is killed, at once if this is
        cancelled.
        """
        self.say(Word("stop"))
        if self._gate is not None:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=END_S_MAX)
            await self._gate.stop()
        await self._supervisor.end(is_asked=True, within_s=END_S_MAX)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def sum(self) -> WorkerStatus:
        """All that was told last, added up."""
        statuses = [worker.last for worker in self._workers]
        firsts = [one.first_report_at for one in statuses if one.first_report_at is not None]
        found = WorkerStatus("sum", first_report_at=min(firsts) if firsts else None)
        for name in (
            "clients",
            "runs",
            "reports",
            "others",
            "unsent",
            "running",
            "under_way",
            "gone",
            "holds",
            "holds_made",
            "holds_broken",
        ):
            setattr(found, name, sum(getattr(one, name) for one in statuses))
        found.holds_refused = next((one.holds_refused for one in statuses if one.holds_refused), "")
        found.holds_lost = next((one.holds_lost for one in statuses if one.holds_lost), "")
        return found

    async def _listen(self, worker: WorkerProcess) -> None:
        try:
            async for line in worker.line.lines():
                self._take(worker, line)
                self._changed.set()
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
            if not isinstance(worker.line, JoinedWorker):
                raise
            worker.line.gone(f"it says what no worker says: {error}")
        self._changed.set()

    def _take(self, worker: WorkerProcess, line: bytes) -> None:
        status = read_json(line, WorkerStatus)
        seconds = {
            whole(number, SECONDS_MAX): Second.from_json(second)
            for number, second in status.seconds.items()
        }
        merge(self.seconds, seconds)
        for known, told in ((self.groups, status.groups), (self.servers, status.servers)):
            if len(known.keys() | told.keys()) > NAMES_MAX:
                raise ValueError(f"more than {NAMES_MAX:,} names")
            for name in told:
                if len(name) > NAME_SIZE_MAX:
                    raise ValueError(f"a name of {len(name):,} characters")
            merge_parts(known, {name: PollPart.from_json(part) for name, part in told.items()})
        status.seconds, status.groups, status.servers = {}, {}, {}
        status.holds_refused = status.holds_refused[:LINE_TEXT_MAX]
        status.holds_lost = status.holds_lost[:LINE_TEXT_MAX]
        worker.last = status
        worker.is_ready = True
        worker.is_paced = worker.is_paced or status.kind in ("paced", "over")
        worker.is_over = status.kind == "over"
        if status.kind == "told" and len(worker.cpu_shares) < SECONDS_MAX:
            worker.cpu_shares.append(status.cpu_share)
