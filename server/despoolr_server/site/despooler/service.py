r"""Despooler: executes the instructions that arrive in `DESPOOLR.BOX\RECEIVE`.

The law of its order: `.IST` and `.NIL` first (work a dead process left), then `.SNI` (client
results, retries), then `.INS` (new instructions), 50 files a batch (Q168130). A new `.INS` becomes
`.IST` if it has a package, else `.NIL`, and stays under that name until it is done (Q152468). One
whose execution time has not come is left alone. Up to 1.2 SP3 that holds for clients' reports too,
which carry the time of the client's clock (Q172899: the profile's `results_wait_for_client_date`).

What cannot be read, or names a file that no share could have, is moved aside to `DESPOOLR.BOX\BAD`
with a reason beside it, event 1 is logged, and the rest goes on. What a share refuses stays where
it is, is tried on the next poll, and the rest goes on.

Jobs for the same many clients that are ready together are concluded together: each client's
instruction file is written once for all of them. Two jobs for 20,000 clients took 40,000 writes
else, the second 20,000 of them over files, which cost twice as much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import ClassVar, Final

import msgspec
from msgspec.structs import replace

from despoolr_core.errors import FormatError
from despoolr_core.formats.dates import render_sms_date
from despoolr_core.formats.instructions.instruction import (
    INVENTORY,
    WIREMOVE,
    DespoolerInstruction,
    Install,
    InstallKind,
    MifTransfer,
    WireRemove,
    parse_instruction,
    render_instruction,
)
from despoolr_core.records.kinds.site import InstructionExecuted
from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import Share, ShareError, ShareUnreachable, Watch
from despoolr_core.share.modes import NtStatus
from despoolr_core.share.wire import Entry
from despoolr_server.site.despooler.base.part import COMPONENT, Desk
from despoolr_server.site.despooler.client_results import ClientResults, Failure
from despoolr_server.site.despooler.installer import Attempt, Installer
from despoolr_server.site.despooler.mif_transfer import MifTransfers
from despoolr_server.site.services.service import Service
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import SiteContext
from despoolr_server.site.state.inbox import Inbox
from despoolr_server.site.state.mif_box import MifBox
from despoolr_server.site.state.quarantine import quarantine
from despoolr_server.site.state.registry import Registry

ORDER: Final = {".IST": 0, ".NIL": 1, ".SNI": 2, ".INS": 3}
BATCH_MAX: Final = 50
SHARED_MIN: Final = 256
"""Clients of jobs that wait for each other; the files of fewer are written job by job."""
PASSES_MAX: Final = 10_000
RESULT_NAME_MAX: Final = 12
EVENT_CANNOT_WRITE: Final = 248
NEXT_POLL_S: Final = 1.0
"""Seconds after this cycle's time: long enough that only the next cycle looks again."""


class _Begun(msgspec.Struct):
    """An instruction that is being executed, under its working name. `was_put_off`: it could not be
    done before. Of one whose `report` was read at once, nothing more is told than that.
    """

    name: str
    instruction: DespoolerInstruction
    was_put_off: bool
    report: WireRemove | None


_Unwritten = tuple[_Begun, Attempt]
"""An instruction whose commands are in no client's file yet."""


class Despooler(Service):
    """The service SMS_DESPOOLER of one site."""

    component: ClassVar[str] = COMPONENT

    def __init__(self, site: SiteContext) -> None:
        super().__init__(site)
        root = site.share(site.server, boxes.ROOT_SHARE, self.component)
        self._root = root
        self._receive = site.share(site.server, boxes.SITE_SHARE, self.component)
        self._registry = Registry(root)
        self._mifs = MifBox(root, "X")
        desk = Desk(site, root, self._receive, self._registry, self._mifs, self.log)
        self._installer = Installer(desk)
        self._results = ClientResults(desk)
        self._transfers = MifTransfers(desk)
        self._inbox = Inbox(self._receive, "")
        self._waits_for: dict[str, float] = {}
        """Instruction to its execution time, where that lies ahead: an extra cycle may be due for
        it.
        """
        self._put_off_until: dict[str, float] = {}
        """Instruction that could not be executed to the time from which on a cycle may try it
        again.
        """
        self._said_waiting = False

    async def started(self) -> None:
        await self._registry.load()
        await self._mifs.started()
        await self._transfers.started()
        self._waits_for.clear()
        self._put_off_until.clear()
        self._inbox.wake()
        if self.site.profile.restart_resets_retry_count:
            await self._reset_retry_counts()

    def watched(self) -> Sequence[Watch]:
        return (self._inbox.watch,)

    async def cycle(self, tick: float) -> None:
        for name in await self._installer.closes.look(tick):
            self._waits_for.pop(name, None)
            self._inbox.wake()
        for _ in range(PASSES_MAX):
            todo = await self._due(tick)
            if not todo:
                break
            self._said_waiting = False
            for start in range(0, len(todo), BATCH_MAX):
                await self._execute_batch(todo[start : start + BATCH_MAX], tick)
            self._inbox.wake()  # a retry instruction takes the name of the one it repeats
        self.wake_at = min(self._waits_for.values(), default=math.inf)
        if not self._installer.closes.is_looking:
            self.idle_until = min(self.wake_at, *self._put_off_until.values(), math.inf)
        if not self._said_waiting:
            self._said_waiting = True
            self.log("~Waiting for ready instruction file....")

    async def _due(self, tick: float) -> list[str]:
        """The names to execute now, in the Despooler's order."""
        is_due = any(
            at <= tick for at in (*self._waits_for.values(), *self._put_off_until.values())
        )
        entries = await self._inbox.files(anyway=is_due)
        if entries or is_due:  # what is gone from the box is waited for no more
            names = {entry.name for entry in entries}
            self._waits_for = {name: at for name, at in self._waits_for.items() if name in names}
            self._put_off_until = {
                name: at for name, at in self._put_off_until.items() if name in names
            }
        ready = [
            e.name
            for e in entries
            if _kind(e) in ORDER
            and max(self._waits_for.get(e.name, 0.0), self._put_off_until.get(e.name, 0.0)) <= tick
        ]
        if not ready:
            self._inbox.rest()
        return sorted(ready, key=lambda name: (ORDER[_extension(name)], name))

    async def _execute_batch(self, names: list[str], tick: float) -> None:
        """In order; but results of clients together, so that they share the waits for the disk."""
        for are_results, run in groupby(names, _is_result):
            if are_results:
                await self._execute_results(list(run), tick)
                continue
            unwritten: list[_Unwritten] = []
            for name in run:
                begun = await self._begin(name, await _read(self._receive, name), tick)
                if begun is not None:
                    await self._execute(begun, tick, unwritten)
            await self._write_commands(unwritten, tick)

    async def _execute(self, begun: _Begun, tick: float, unwritten: list[_Unwritten]) -> None:
        """Execute one instruction. What waits for its commands is added to `unwritten`, which goes
        first if this one cannot wait with it.
        """
        if unwritten and not _may_wait_with(begun.instruction, unwritten):
            await self._write_commands(unwritten, tick)
        outcome = await self._outcome(begun, tick)
        if isinstance(outcome, Attempt):
            unwritten.append((begun, outcome))
            if len(begun.instruction.workstations) < SHARED_MIN:
                await self._write_commands(unwritten, tick)
            return
        await self._write_commands(unwritten, tick)
        await self._conclude(begun, outcome, tick)

    async def _write_commands(self, unwritten: list[_Unwritten], tick: float) -> None:
        """Give clients the commands that wait, and conclude their instructions in order."""
        some = unwritten.copy()
        unwritten.clear()
        failure: Failure | None = None
        if some:
            try:
                await self._installer.write_commands([attempt for _, attempt in some])
            except (FormatError, ShareError, ShareUnreachable) as error:
                failure = error
        for begun, attempt in some:
            outcome: str | Failure
            try:
                outcome = await self._installer.finish(attempt) if failure is None else failure
            except (FormatError, ShareError, ShareUnreachable) as error:
                outcome = error
            await self._conclude(begun, outcome, tick)

    async def _execute_results(self, names: list[str], tick: float) -> None:
        found = zip(names, await self._receive.read_all(names), strict=True)
        all_begun = [
            begun
            for name, data in found
            if (begun := await self._begin(name, data, tick)) is not None
        ]
        results: list[tuple[_Begun, WireRemove]] = []
        for begun in all_begun:
            if begun.instruction.type != WIREMOVE:
                unwritten: list[_Unwritten] = []
                await self._execute(begun, tick, unwritten)
                await self._write_commands(unwritten, tick)
                continue
            try:
                result = begun.report or WireRemove.from_instruction(begun.instruction)
                results.append((begun, result))
            except FormatError as error:
                await self._conclude(begun, error, tick)
        outcomes: Sequence[str | Failure]
        try:
            outcomes = await self._results.execute_all(
                [(begun.name, result) for begun, result in results], tick
            )
        except (
            ShareError,
            ShareUnreachable,
        ) as error:  # the disk of a share keeps nothing: all of them come again
            outcomes = [error] * len(results)
        for (begun, _), outcome in zip(results, outcomes, strict=True):
            await self._conclude(begun, outcome, tick)

    async def _begin(self, name: str, data: bytes | ShareError, tick: float) -> _Begun | None:
        """Read an instruction and take it up; None if it is not to be executed now."""
        if isinstance(data, ShareError):
            # Still held by its sender: to be tried on the next poll (Q161043).
            self.warn(f"failed to open {self._local(name)} WIN32 ERROR = {data.win32}")
            self._put_off_until[name] = tick + NEXT_POLL_S
            return None
        try:
            report = WireRemove.read(data) if _is_result(name) else None
            instruction = report.without_fields() if report else parse_instruction(data)
        except FormatError as error:
            await self._set_aside(name, str(error), tick)
            return None
        due = self._due_time(instruction)
        if due > tick:
            self._waits_for[name] = due
            self.log(
                f"Instruction {self._local(name)} won't be processed till {render_sms_date(due)}"
            )
            return None
        self._waits_for.pop(name, None)
        was_put_off = self._put_off_until.pop(name, None) is not None
        begun = _Begun(name, instruction, was_put_off, report)
        try:
            begun.name = await self._take_up(name, instruction)
        except (ShareError, ShareUnreachable) as error:
            await self._conclude(begun, error, tick)
            return None
        self.log(f"~Found ready instruction {begun.name.lower()}")
        self.log(f"~Executing instruction of type {instruction.type}")
        return begun

    def _due_time(self, instruction: DespoolerInstruction) -> float:
        """From when on an instruction may be executed: 0 for at once."""
        if instruction.type == WIREMOVE and not self.site.profile.results_wait_for_client_date:
            return 0.0
        return instruction.execute_at or 0.0

    async def _outcome(self, begun: _Begun, tick: float) -> str | Failure | Attempt:
        try:
            return await self._dispatch(begun.name, begun.instruction, tick)
        except (FormatError, ShareError, ShareUnreachable) as error:
            return error

    async def _conclude(self, begun: _Begun, outcome: str | Failure, tick: float) -> None:
        """Put on record what became of an instruction, or lay it aside, or leave it for the next
        poll.
        """
        name, instruction = begun.name, begun.instruction
        if isinstance(outcome, FormatError):
            await self._set_aside(name, str(outcome), tick)
            return
        if isinstance(outcome, ShareError | ShareUnreachable):
            if (
                isinstance(outcome, ShareError)
                and outcome.nt_status is NtStatus.OBJECT_NAME_INVALID
            ):
                await self._set_aside(name, str(outcome), tick)
            else:
                await self._put_off(name, outcome, tick, is_first=not begun.was_put_off)
            return
        self.site.record(
            self.component,
            InstructionExecuted(
                file=name, type=instruction.type, job=_job_of(instruction), result=outcome
            ),
        )

    async def _take_up(self, name: str, instruction: DespoolerInstruction) -> str:
        """A new instruction gets its working name: `.IST` with a package, `.NIL` without."""
        if _extension(name) != ".INS":
            return name
        stem = name.rpartition(".")[0]
        working = f"{stem}.IST" if instruction.fields.get("PackageFile") else f"{stem}.NIL"
        # A name that is taken is a refusal: this one waits until the other is done.
        await self._receive.rename(name, working)
        return working

    async def _dispatch(
        self, name: str, instruction: DespoolerInstruction, tick: float
    ) -> str | Attempt:
        if instruction.type == WIREMOVE:
            (outcome,) = await self._results.execute_all(
                [(name, WireRemove.from_instruction(instruction))], tick
            )
            if isinstance(outcome, Exception):
                raise outcome
            return outcome
        if instruction.type == INVENTORY:
            return await self._transfers.execute(name, MifTransfer.from_instruction(instruction))
        return await self._installer.execute(
            name, Install.from_instruction(instruction), instruction, tick
        )

    async def _put_off(
        self, name: str, error: ShareError | ShareUnreachable, tick: float, *, is_first: bool = True
    ) -> None:
        """A share refused what the instruction needs: it stays, and is tried again on the next
        poll.

        A full disk is an event, once: nothing that this instruction would write has room.
        """
        where = error.problem.path if isinstance(error, ShareError) else ""
        self.warn(
            f"~Cannot execute the instruction {name} yet: {where}: {error}, Win32 Error = "
            f"{error.win32}"
        )
        self._put_off_until[name] = tick + NEXT_POLL_S
        if is_first and isinstance(error, ShareError) and error.nt_status is NtStatus.DISK_FULL:
            await self.site.report_event(
                self.component, EVENT_CANNOT_WRITE, where.replace("/", "\\")
            )

    async def _set_aside(self, name: str, reason: str, tick: float) -> None:
        self.warn(f"~Despooler failed to execute the instruction {name}: {reason}")
        self.log("Logging an event for the error.~")
        try:
            data = await self._receive.read(name)
            await quarantine(self._root, boxes.BAD_INSTRUCTIONS, name, data, reason)
            await self.site.report_event(self.component, 1)
            await self._receive.delete(name)
        except ShareError as error:
            # nothing is lost: it lies in RECEIVE until there is room for it
            await self._put_off(name, error, tick)
            return
        self.site.record(
            self.component,
            InstructionExecuted(file=name, type="", job="", result=f"refused: {reason}"),
        )

    async def _reset_retry_counts(self) -> None:
        """Q140374: a Despooler that restarts begins to count its retries anew, so a job can retry
        for ever (1.1, 1.2).
        """
        for entry in await self._receive.list():
            if _kind(entry) != ".SNI":
                continue
            try:
                instruction = parse_instruction(await self._receive.read(entry.name))
            except (FormatError, ShareError):
                continue  # the cycle deals with it
            if instruction.retries:
                await self._receive.write(
                    entry.name, render_instruction(replace(instruction, retries=0))
                )

    def _local(self, name: str) -> str:
        return f"D:\\SMS\\{boxes.RECEIVE.lower()}\\{name.lower()}".replace("/", "\\")


async def _read(share: Share, name: str) -> bytes | ShareError:
    try:
        return await share.read(name)
    except ShareError as error:
        return error


def _may_wait_with(instruction: DespoolerInstruction, unwritten: Sequence[_Unwritten]) -> bool:
    """Whether an instruction can be executed before the commands of others are written: it is for
    the same clients, and for other packages, so that it changes none of theirs.
    """
    return (
        instruction.type == InstallKind.INSTALL.type
        and instruction.workstations == unwritten[0][0].instruction.workstations
        and all(instruction.words[2:] != begun.instruction.words[2:] for begun, _ in unwritten)
    )


def _extension(name: str) -> str:
    return fold(name[-4:])


def _is_result(name: str) -> bool:
    """Whether a name can be a client's result: retry instructions have longer ones."""
    return len(name) <= RESULT_NAME_MAX and _extension(name) == ".SNI"


def _kind(entry: Entry) -> str:
    return "" if entry.directory else _extension(entry.name)


def _job_of(instruction: DespoolerInstruction) -> str:
    return instruction.words[1] if len(instruction.words) > 1 else ""
