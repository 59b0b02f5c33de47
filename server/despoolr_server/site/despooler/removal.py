"""Removing a package (Remove Package From Server): its directory on each server, its commands in
clients' instruction files.

A file in use cannot be deleted: the directory is remembered and tried again later, like an update
(event 106). Commands go from all WINST records of the package, the only way besides cancelling that
they do.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.formats.instructions.instruction import Install, RetryOf
from despoolr_core.share.contract import Share, ShareError, ShareUnreachable
from despoolr_core.share.wire import Entry
from despoolr_server.site.despooler.base.job_reports import JobReports
from despoolr_server.site.despooler.base.package_servers import PackageServers
from despoolr_server.site.despooler.base.part import COMPONENT, Desk, DespoolerPart
from despoolr_server.site.despooler.copying.ours.leftovers import beside
from despoolr_server.site.despooler.copying.target import CopyResult
from despoolr_server.site.jobs.model import DetailKind, DetailStatus
from despoolr_server.site.jobs.retry import RetryState
from despoolr_server.site.state import winst_box
from despoolr_server.site.state.context import SiteServerRole
from despoolr_server.site.state.registry import REMEMBERED_DIRECTORIES

GARBLED: Final = "\xe2O\xf8w\xf4\xefv"
"""The name that Q153637 prints in the place of a directory."""


class PackageRemoval(DespoolerPart):
    """The Despooler's part that takes packages off servers."""

    def __init__(self, desk: Desk, servers: PackageServers, reports: JobReports) -> None:
        super().__init__(desk)
        self._servers = servers
        self._reports = reports

    async def remove(
        self, install: Install, state: RetryState, tick: float, purpose: str
    ) -> tuple[str, ...]:
        """Take the package off its servers: the specified ones, or all that have it. Returns those
        where it is still.
        """
        named = {target.server for target in install.servers}
        roles = [
            role for role in self._servers.roles if role.name in named
        ] or self._servers.holders(install.package_id)
        failed: list[str] = []
        for role in roles:
            is_gone = await self._remove_from(role, install, purpose)
            status = DetailStatus.COMPLETE if is_gone else DetailStatus.RETRYING
            await self._reports.detail(install, DetailKind.SERVER, role.name, status, state, tick)
            if not is_gone:
                failed.append(role.name)
        if not self._servers.holders(install.package_id):
            await remove_commands(self._root, install.package_id)
        return tuple(failed)

    async def _remove_from(self, role: SiteServerRole, install: Install, purpose: str) -> bool:
        """Delete the package's directory on one server, or what was remembered in its place;
        whether it has gone.
        """
        key = f"{REMEMBERED_DIRECTORIES}\\{install.job_id}"
        lost = self._registry.get(key, role.name)
        if lost and install.retry_of is RetryOf.SERVERS:
            self._log(f"Failed to deltree {lost}, Win32 Error = 0")
            await self._site.report_event(COMPONENT, 107, lost, job=install.job_id)
            return False
        share = self._site.share(role.name, role.package_share, COMPONENT)
        directory = self._servers.directory(role, install.package_id)
        result = await remove_package(share, directory, purpose)
        if result.is_complete:
            self._servers.lost(role, install.package_id)
            return True
        # Q153637: 1.0 and 1.1 lose the name where the server is one of NetWare's. Keep it so.
        is_lost = role.is_netware and self._site.profile.removal_forgets_netware_name
        if is_lost and any(isinstance(error, ShareError) for _, error in result.failed):
            self._registry.set(key, role.name, GARBLED)
            await self._ends_waiting(share, result, install)
        there = f"\\\\{role.name}\\{role.package_share}"
        await self._site.report_event(COMPONENT, 106, install.package_id, there, job=install.job_id)
        return False

    async def _ends_waiting(self, share: Share, result: CopyResult, install: Install) -> None:
        """Nobody will ask for these files again."""
        for _, error in result.failed:
            if isinstance(error, ShareError) and error.problem.episode:
                reason = f"job {install.job_id} remembers a garbled name (Q153637)"
                await share.end_episode(error.problem.episode, reason)


async def remove_package(share: Share, directory: str, purpose: str) -> CopyResult:
    """Delete the package's directory on one server, and what lies beside it; what could not go is
    `failed`, a server that does not answer too.
    """
    failed: list[tuple[str, ShareError | ShareUnreachable]] = []
    try:
        for entry in await beside(share, directory):
            if entry.directory:
                await _remove_tree(share, entry.name, purpose, failed)
            else:
                await share.delete(entry.name, purpose=purpose)
        await _remove_tree(share, directory, purpose, failed)
    except (ShareError, ShareUnreachable) as error:
        failed.append(("", error))
    return CopyResult((), tuple(failed), directory)


async def _remove_tree(
    share: Share, top: str, purpose: str, failed: list[tuple[str, ShareError | ShareUnreachable]]
) -> None:
    """Delete what is in a directory, then the directory, if all of it could go."""
    ahead = [("", iter(await _entries(share, top)), 0)]
    while ahead:
        below, entries, known = ahead[-1]
        entry = next(entries, None)
        name = f"{below}{entry.name}" if entry else below.rstrip("/")
        if entry and entry.directory:
            ahead.append((f"{name}/", iter(await _entries(share, f"{top}/{name}")), len(failed)))
            continue
        if entry is None:
            ahead.pop()
            if len(failed) > known:
                continue
        try:
            await share.delete(f"{top}/{name}" if name else top, purpose=purpose)
        except ShareError as error:
            if not error.is_missing:
                failed.append((name if entry else below, error))


async def _entries(share: Share, path: str) -> list[Entry]:
    """What is in a directory; nothing if it has gone."""
    try:
        return await share.list(path)
    except ShareError as error:
        if not error.is_missing:
            raise
        return []


async def remove_commands(root: Share, package: str) -> int:
    """Remove the package's records from every master WINST file. Returns how many files changed."""
    return await winst_box.drop_records(root, lambda record: record.package_id == package)
