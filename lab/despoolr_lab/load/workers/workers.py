"""The worker processes of a run, as the process that directs them sees them: started, told,
listened to, ended.

The law: a worker that ends before it was told to is not hidden; its clients are gone, and the run
is invalid. Workers are in a session of their own, so that Ctrl-C reaches the director alone, who
ends them in order. None outlives the director (`despoolr_app.process.supervisor`): they log their
clients off when nobody listens any more, and have `GRACE_S` for it.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from despoolr_app.process.runtime import StartError
from despoolr_app.process.supervisor import Supervisor
from despoolr_lab.load.measure.tally import PollPart, Second, merge, merge_parts
from despoolr_lab.load.workers.protocol import LINE_SIZE_MAX, Orders, Word, WorkerStatus

READY_S_MAX: Final = 300.0
"""Seconds until all clients are registered and exist."""
END_S_MAX: Final = 30.0
"""Seconds a worker has to log its clients off."""


@dataclass(slots=True)
class WorkerProcess:
    """One process. `last` is what it told last; `cpu_shares` what it used of a processor, second by
    second of its own.
    """

    process: asyncio.subprocess.Process
    last: WorkerStatus = field(default_factory=lambda: WorkerStatus("none"))
    cpu_shares: list[float] = field(default_factory=list)
    complaint: str = ""
    is_ready: bool = False
    is_paced: bool = False
    is_over: bool = False


class Workers:
    """All of them. `seconds` is what they have measured so far."""

    def __init__(self) -> None:
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
        for order in orders:
            process = await self._supervisor.start(
                (sys.executable, "-m", "despoolr_lab.load.workers.worker"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=LINE_SIZE_MAX,
                environment={
                    name: value
                    for name, value in os.environ.items()
                    if not name.startswith("DESPOOLR_") or name == "DESPOOLR_DEBUG"
                },
            )
            worker = WorkerProcess(process)
            self._workers.append(worker)
            self._tasks += [
                asyncio.ensure_future(self._listen(worker)),
                asyncio.ensure_future(self._complaints(worker)),
            ]
            assert process.stdin is not None
            data = msgspec.json.encode(order)
            process.stdin.write(len(data).to_bytes(8, "big") + data)
        self.hold(self._held_until)
        try:
            async with asyncio.timeout(READY_S_MAX):
                await self.until(lambda worker: worker.is_ready)
        except TimeoutError:
            raise StartError(f"the clients are not there after {READY_S_MAX:.0f} s") from None
        dead = self.ended_early
        if dead:
            raise StartError(dead)

    @property
    def ended_early(self) -> str:
        """Why the first worker that ended by itself did, or nothing."""
        for number, worker in enumerate(self._workers, 1):
            if worker.process.returncode is not None and not worker.is_over:
                reason = worker.complaint or f"exit code {worker.process.returncode}"
                return f"process {number} of {len(self._workers)} ended: {reason}"
        return ""

    def say(self, word: Word) -> None:
        """Send a line of JSON to every worker."""
        for worker in self._workers:
            if worker.process.stdin is not None and not worker.process.stdin.is_closing():
                worker.process.stdin.write(msgspec.json.encode(word) + b"\n")

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
        assert worker.process.stdout is not None
        while line := await worker.process.stdout.readline():
            status = msgspec.json.decode(line, type=WorkerStatus)
            merge(
                self.seconds,
                {number: Second.from_json(second) for number, second in status.seconds.items()},
            )
            for known, told in ((self.groups, status.groups), (self.servers, status.servers)):
                merge_parts(known, {name: PollPart.from_json(part) for name, part in told.items()})
            status.seconds, status.groups, status.servers = {}, {}, {}
            worker.last = status
            worker.is_ready = True
            worker.is_paced = worker.is_paced or status.kind in ("paced", "over")
            worker.is_over = status.kind == "over"
            if status.kind == "told":
                worker.cpu_shares.append(status.cpu_share)
            self._changed.set()
        await worker.process.wait()
        self._changed.set()

    async def _complaints(self, worker: WorkerProcess) -> None:
        assert worker.process.stderr is not None
        while line := await worker.process.stderr.readline():
            worker.complaint = line.decode(errors="replace").strip() or worker.complaint
