r"""Cancelling a job at one site: what waits for it goes, its commands leave the instruction files,
running copies are not undone.

"Cancelling only stops new tasks" (Q191338): files already on distribution servers stay there, and
what a workstation has reported stays its last word. Event 6 says that the package will not be
installed. Doing it twice changes nothing.
"""

from __future__ import annotations

from despoolr_core.formats.instructions.instruction import Install
from despoolr_core.share.contract import ShareError
from despoolr_server.site.despooler.base.forced_disconnect import ForcedDisconnect
from despoolr_server.site.despooler.base.job_reports import JobReports
from despoolr_server.site.despooler.base.part import COMPONENT, Desk, DespoolerPart
from despoolr_server.site.jobs.model import DetailKind, DetailStatus
from despoolr_server.site.jobs.retry import RetryState, retry_file
from despoolr_server.site.state import winst_box
from despoolr_server.site.state.registry import (
    COPIED_FILES,
    REMEMBERED_DIRECTORIES,
    RETRY_HISTORY,
)

EVENT_CANCELLED = 6


class Cancelling(DespoolerPart):
    """The Despooler's part that takes a job back."""

    def __init__(self, desk: Desk, reports: JobReports, forced: ForcedDisconnect) -> None:
        super().__init__(desk)
        self._reports = reports
        self._forced = forced

    async def execute(self, name: str, install: Install, tick: float) -> str:
        """Cancel the job. Returns what became of it, for the record."""
        waiting = [file for file in self._files_of(install.job_id) if await self._drop(file)]
        tried = [
            server
            for key in (RETRY_HISTORY, COPIED_FILES, REMEMBERED_DIRECTORIES)
            for server in self._registry.values(f"{key}\\{install.job_id}")
        ]
        for server in dict.fromkeys(tried):
            await self.end_episode(install, server, f"job {install.job_id} was cancelled")
        for role in self._site.servers:
            if role.distribution:
                await self._forced.restore(role, install)
        await self._registry.save()
        count = await winst_box.drop_records(
            self._root, lambda record: record.request_id == install.request_id
        )
        self._log(
            f"~Job {install.job_id} has been cancelled: {count} commands and {len(waiting)} "
            "waiting files removed."
        )
        await self._site.report_event(COMPONENT, EVENT_CANCELLED, job=install.job_id)
        await self._reports.detail(
            install, DetailKind.COMPLETION, "", DetailStatus.CANCELED, RetryState(), tick
        )
        await self._receive.delete(name)
        return f"Canceled: {count} commands removed"

    def _files_of(self, job: str) -> tuple[str, ...]:
        return (retry_file(job), f"{job}.INS", f"{job}.IST", f"{job}.NIL", f"{job}.PCK")

    async def _drop(self, file: str) -> bool:
        try:
            await self._receive.delete(file)
        except ShareError as error:
            if not error.is_missing:
                raise
            return False
        return True
