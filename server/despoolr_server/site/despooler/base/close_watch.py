"""Telling the Despooler that files which stopped it are closed, for the strategy that does not wait
for the retry interval.

The law: who holds what is asked of the server once a cycle, and the rule of sharing says who is in
the way. An attempt that comes early is no retry of its own: it neither counts nor moves the one
that is due, so that the rule for giving up ends a job as if nobody had ever closed a file. A
Despooler that was restarted knows of nothing to look for, and retries when the retry is due.
"""

from __future__ import annotations

from msgspec import structs

from despoolr_core.errors import FormatError
from despoolr_core.formats.instructions.instruction import (
    Install,
    parse_instruction,
    render_instruction,
)
from despoolr_core.records.kinds.site import InstructionWritten
from despoolr_core.rules.conflict import wants
from despoolr_core.rules.fold import fold
from despoolr_core.rules.remedies import COPY_STRATEGIES
from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_core.share.modes import Access, ShareMode, parse_flags
from despoolr_core.share.wire import OpenRow
from despoolr_server.site.despooler.base.part import COMPONENT, Desk, DespoolerPart
from despoolr_server.site.despooler.copying.target import CopyResult
from despoolr_server.site.jobs.retry import retry_file
from despoolr_server.site.state.context import SiteServerRole


class CloseWatch(DespoolerPart):
    """The files that stopped the last attempt of each job, by server."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._refused: dict[tuple[str, str], tuple[SiteServerRole, frozenset[str]]] = {}
        """By job and server: the folded paths that were in use."""
        self._tried: dict[tuple[str, str], frozenset[str]] = {}
        """The same, where an attempt has been made early."""

    @property
    def is_looking(self) -> bool:
        """Whether a cycle has to ask who holds what."""
        return bool(self._refused)

    def note(self, job: str, role: SiteServerRole, result: CopyResult) -> None:
        """Remember what an attempt was refused, in place of what the one before was. One that came
        early and got nowhere is not followed by another: the retry comes when it is due.
        """
        self._refused.pop((job, role.name), None)
        tried = self._tried.pop((job, role.name), None)
        if not COPY_STRATEGIES[self._site.profile.copy_strategy].retries_at_close:
            return
        paths = frozenset(
            fold(f"{result.directory}/{name}")
            for name, error in result.failed
            if isinstance(error, ShareError) and error.is_refusal
        )
        if paths and paths != tried:
            self._refused[job, role.name] = role, paths

    async def look(self, tick: float) -> list[str]:
        """Make the retries due of which a file is free now: their instruction files."""
        due: list[str] = []
        for job in {job: None for job, _ in self._refused}:
            ours = {
                role.name: (role, paths)
                for (of, _), (role, paths) in self._refused.items()
                if of == job
            }
            if await self._receive.stat(retry_file(job)) is None:
                for name in ours:  # given up, or cancelled
                    del self._refused[job, name]
                continue
            free = [
                name for name, (role, paths) in ours.items() if await self._is_free_now(role, paths)
            ]
            if free and await self._make_due(job, [role for role, _ in ours.values()], tick):
                names = ", ".join(free)
                self._log(f"~Files that stopped job {job} are closed on {names}, we try now.")
                due.append(retry_file(job))
                for name in free:
                    self._tried[job, name] = self._refused.pop((job, name))[1]
        return due

    async def _is_free_now(self, role: SiteServerRole, paths: frozenset[str]) -> bool:
        """Whether nobody is in the way of at least one of the files, or of any, for who copies all
        or none.
        """
        try:
            found = await self._site.connect_as(role.name, COMPONENT).opens(role.package_share)
        except (ShareError, ShareUnreachable):
            return False
        stopped = paths & {fold(row.path) for row in found.opens if self._stops(row)}
        needs_all = COPY_STRATEGIES[self._site.profile.copy_strategy].needs_all_at_once
        return not stopped if needs_all else stopped != paths

    async def _have_all_closed(self, install: Install, there: list[SiteServerRole]) -> bool:
        """Whether nobody has a file of the package open, on any server that is tried again."""
        if {one.server for one in install.servers} != {role.name for role in there}:
            return False
        below = fold(f"{install.package_id}/")
        for role in there:
            try:
                found = await self._site.connect_as(role.name, COMPONENT).opens(role.package_share)
            except (ShareError, ShareUnreachable):
                return False
            if any(fold(row.path).startswith(below) for row in found.opens):
                return False
        return True

    def _stops(self, row: OpenRow) -> bool:
        strategy = COPY_STRATEGIES[self._site.profile.copy_strategy]
        access, share_mode = (
            int(parse_flags(Access, row.access)),
            int(parse_flags(ShareMode, row.share_mode)),
        )
        return bool(row.range_count) or not strategy.could_pass(wants(access), share_mode)

    async def _make_due(self, job: str, there: list[SiteServerRole], tick: float) -> bool:
        """The retry that waits is tried now, as well as when it is due; its count stays what it was
        before that attempt. False if it is due anyway, or would close files by force of users who
        were warned and have their time; or its file cannot be written, for somebody has it open, or
        is no retry.
        """
        file = retry_file(job)
        try:
            waiting = parse_instruction(await self._receive.read(file))
            if (waiting.execute_at or 0.0) <= tick:
                return False
            install = Install.from_instruction(waiting)
            if install.users_warned and not await self._have_all_closed(install, there):
                return False
            retries = max(0, waiting.retries - self._site.profile.retry_count_step)
            install = structs.replace(install, early_for=waiting.execute_at)
            early = install.to_instruction(execute_at=tick, retries=retries)
            await self._receive.write(file, render_instruction(early))
        except (FormatError, ShareError):
            return False
        self._site.record(
            COMPONENT,
            InstructionWritten(
                file=file,
                type=early.type,
                job=job,
                retries=retries,
                execute_at=tick,
                servers=tuple(one.server for one in install.servers),
                forgotten=(),
            ),
        )
        return True
