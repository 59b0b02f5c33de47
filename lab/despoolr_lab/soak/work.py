"""The plan's work, ordered step by step, and what came of it.

The law: steps of one kind are done in their order, each at its time or as soon after as the site
takes orders. A package is removed only when every job that runs it has ended, and runs no more
until that is done: else machines would have no result.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from despoolr_app.site_client.errors import SiteError
from despoolr_core.share.site_api import JobRow
from despoolr_lab.soak.administrator import SoakAdministrator, is_passing
from despoolr_lab.soak.counts import ENDED
from despoolr_lab.soak.plan import HELD_PACKAGE, OFFERED_PACKAGE, RUN_PACKAGES, SoakPlan, Step
from despoolr_server.site.jobs.model import (
    DistributePhase,
    JobSpec,
    JobType,
    RunPhase,
    SendPhase,
)

LOOK_S: Final = 2.0
EVERYWHERE: Final = DistributePhase(("*",))
OFFER_SITE_S: Final = 3600.0
NIGHTLY_SITE_S: Final = 2 * 3600.0
NIGHTLY: Final = "NIGHTLY"


@dataclass
class Work:
    """What is ordered of one stack. `ordered` are the names of all jobs, `run` of those that every
    machine must run.
    """

    plan: SoakPlan
    administrator: SoakAdministrator
    now: Callable[[], float]
    """The plan's time."""
    packages: dict[str, str] = field(default_factory=dict)
    ordered: list[str] = field(default_factory=list)
    run: list[str] = field(default_factory=list)
    rows: list[JobRow] = field(default_factory=list)
    """The jobs as the site showed them last."""
    _removing: defaultdict[str, asyncio.Lock] = field(
        default_factory=lambda: defaultdict(asyncio.Lock)
    )
    """By package: nobody orders that it runs while it is being removed."""
    _numbers: Counter[str] = field(default_factory=Counter)
    _edition: int = 0

    async def prepare(self) -> None:
        """Make the packages, and put the one that is held where it can be."""
        for package in (*RUN_PACKAGES, HELD_PACKAGE, OFFERED_PACKAGE):
            self.packages[package] = await self.administrator.make_package(package)
        await self._order("FIRST", HELD_PACKAGE, type=JobType.SHARE_PACKAGE, distribute=EVERYWHERE)
        await self.until_ended(["FIRST"])
        # One that repeats: every two hours of site time the offered package is put where it may be
        # missing.
        await self._order(
            NIGHTLY,
            OFFERED_PACKAGE,
            type=JobType.SHARE_PACKAGE,
            distribute=EVERYWHERE,
            repeat_every_s=NIGHTLY_SITE_S,
        )

    async def do(self) -> None:
        """All steps of work, each kind in its own order; ends when the last is done."""
        kinds: dict[str, Callable[[Step], Awaitable[None]]] = {
            "run": self._run,
            "update": self._update,
            "offer": self._offer,
            "remove": self._remove,
        }
        async with asyncio.TaskGroup() as group:
            for what, act in kinds.items():
                group.create_task(self._in_order(self.plan.of(what), act))

    async def end(self) -> None:
        """Let nothing repeat any more."""
        for row in await self._look():
            if row.name == NIGHTLY and row.status == "Pending":
                await self.administrator.cancel(row.job)

    async def until_ended(self, names: Iterable[str]) -> None:
        """Wait until these jobs have ended."""
        wanted = set(names)
        while True:
            if all(row.status in ENDED for row in await self._look() if row.name in wanted):
                return
            await asyncio.sleep(LOOK_S)

    async def look(self) -> list[JobRow]:
        """The jobs, as they are now, or as they were when the site answered last."""
        try:
            self.rows = await self.administrator.jobs()
        except SiteError as error:
            if not is_passing(error):
                raise
        return self.rows

    async def _look(self) -> list[JobRow]:
        while True:
            try:
                self.rows = await self.administrator.jobs()
            except SiteError as error:
                if not is_passing(error):
                    raise
                await asyncio.sleep(LOOK_S)
                continue
            return self.rows

    # -- steps

    async def _in_order(
        self, steps: Iterable[Step], act: Callable[[Step], Awaitable[None]]
    ) -> None:
        for step in steps:
            await asyncio.sleep(max(0.0, step.at_s - self.now()))
            await act(step)

    async def _run(self, step: Step) -> None:
        name = self._name("RUN")
        self.run.append(name)
        run = RunPhase("SETUP.EXE", mandatory_after=self.administrator.site_now())
        async with self._removing[step.on]:
            await self._order(name, step.on, machines=("*",), distribute=EVERYWHERE, run=run)

    async def _update(self, step: Step) -> None:
        self._edition += 1
        await self.administrator.write_source(step.on, self._edition)
        await self._order(
            self._name("UPDATE"),
            step.on,
            type=JobType.SHARE_PACKAGE,
            send=SendPhase.EVEN_IF_SENT,
            distribute=DistributePhase(refresh_existing=True),
        )

    async def _offer(self, step: Step) -> None:
        name = self._name("OFFER")
        expires_after = self.administrator.site_now() + OFFER_SITE_S
        run = RunPhase("GAME.EXE", expires_after=expires_after)
        job = await self._order(name, step.on, machines=("*",), distribute=EVERYWHERE, run=run)
        await asyncio.sleep(max(0.0, step.until_s - self.now()))
        await self.administrator.cancel(job)

    async def _remove(self, step: Step) -> None:
        name, package = self._name("REMOVE"), self.packages[step.on]
        while True:
            async with self._removing[step.on]:
                if all(row.status in ENDED for row in await self._look() if row.package == package):
                    await self._order(
                        name, step.on, type=JobType.REMOVE_PACKAGE, distribute=EVERYWHERE
                    )
                    await self.until_ended([name])
                    return
            await asyncio.sleep(LOOK_S)

    async def _order(self, name: str, package: str, **spec: Any) -> str:
        self.ordered.append(name)
        return await self.administrator.order(JobSpec(name, self.packages[package], **spec))

    def _name(self, what: str) -> str:
        self._numbers[what] += 1
        return f"{what}{self._numbers[what]:04}"
