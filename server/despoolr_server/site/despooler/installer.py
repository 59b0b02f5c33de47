r"""What the Despooler does with a package: store the master copy, put it on distribution servers,
tell the clients, report.

The order of Q128458 and `domain.md` e.4: store -> unpack to a temp directory -> each server in turn
-> WINST records -> status. A server whose copy the share refused is tried again by a **retry
instruction** that lists only such servers, one retry interval later; when the retry rule says so
the job is Failed instead. Everything here may be done twice with one result: files are replaced
whole, reports carry their number, the retry instruction's name is the job's.

A job's commands are an `Attempt`'s own step: of several that are ready together for the same many
clients, each client's file is written once (`despoolr_server.site.despooler.service`).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from despoolr_core.formats.instructions.instruction import (
    DespoolerInstruction,
    Install,
    InstallKind,
    RetryOf,
)
from despoolr_core.formats.instructions.winst import (
    PackageServer,
    ServerType,
    WorkstationInstruction,
)
from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import ShareError
from despoolr_server.site.despooler.base.close_watch import CloseWatch
from despoolr_server.site.despooler.base.forced_disconnect import ForcedDisconnect
from despoolr_server.site.despooler.base.job_reports import JobReports
from despoolr_server.site.despooler.base.package_servers import PackageServers
from despoolr_server.site.despooler.base.part import COMPONENT, Desk, DespoolerPart
from despoolr_server.site.despooler.cancel import Cancelling
from despoolr_server.site.despooler.removal import PackageRemoval
from despoolr_server.site.despooler.retries import Outcome, Retries
from despoolr_server.site.despooler.server_update import (
    TEMP_DIRECTORY,
    ServerUpdates,
    purpose_of,
)
from despoolr_server.site.jobs.model import DetailKind, DetailStatus
from despoolr_server.site.jobs.retry import RetryState, has_given_up
from despoolr_server.site.state import boxes, winst_box
from despoolr_server.site.state.context import SiteServerRole
from despoolr_server.site.state.packages import Files, PackageError, decompress
from despoolr_server.site.state.registry import MASTER_PACKAGES, RETRY_HISTORY


class Attempt(msgspec.Struct, frozen=True):
    """An attempt that is over but for its command, which is in no client's instruction file yet,
    and for what is told of it then. `due_at`: when it was to be made.
    """

    name: str
    install: Install
    state: RetryState
    outcome: Outcome
    command: WorkstationInstruction | None
    tick: float
    due_at: float


class Installer(DespoolerPart):
    """The Despooler's part that serves packages."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._reports = JobReports(desk)
        self._servers = PackageServers(desk)
        self._forced = ForcedDisconnect(desk)
        self._removal = PackageRemoval(desk, self._servers, self._reports)
        self.closes = CloseWatch(desk)
        """What stopped the last attempts, where somebody tells when it is closed."""
        self._updates = ServerUpdates(desk, self._servers, self._reports, self.closes)
        self._retries = Retries(desk, self._servers, self._forced)
        self._cancelling = Cancelling(desk, self._reports, self._forced)

    async def execute(
        self, name: str, install: Install, instruction: DespoolerInstruction, tick: float
    ) -> str | Attempt:
        """One attempt at an install or update instruction. Returns what became of it, for the
        record; or the attempt, if clients are to have a command: `write_commands` and `finish` it.
        """
        if install.kind is InstallKind.CANCEL:
            return await self._cancelling.execute(name, install, tick)
        state = RetryState(instruction.retries, install.first_attempt_at or tick)
        if has_given_up(self._site.profile, state, tick):
            await self._give_up(install, state, tick)
            await self._receive.delete(name)
            return "Failed: the retries are used up"
        if install.retry_of is RetryOf.NOTHING:
            await self._reports.arrived(install, state, tick)
        try:
            outcome, command = await self._attempt(install, state, tick)
        except PackageError as error:
            self._log(f"~{error}")
            await self._site.report_event(
                COMPONENT, 15, install.package_file, TEMP_DIRECTORY, job=install.job_id
            )
            await self._fail(install, state, tick, str(error))
            await self._clean_up(name, install)
            return f"Failed: {error}"
        due_at = instruction.execute_at or tick
        attempt = Attempt(name, install, state, outcome, command, tick, due_at)
        return await self.finish(attempt) if command is None else attempt

    async def write_commands(self, attempts: Sequence[Attempt]) -> None:
        """Give the clients of these attempts, the same of all, their commands. Raises as
        `winst_box.put_records`.
        """
        with self._site.master_writing.under_way():
            clients = ((one.domain, one.sms_id) for one in attempts[0].install.workstations)
            commands = [one.command for one in attempts if one.command is not None]
            await winst_box.put_records(self._root, clients, *commands)

    async def finish(self, attempt: Attempt) -> str:
        """Tell what became of an attempt, and clean up. Returns it, for the record."""
        name, install, state, tick = attempt.name, attempt.install, attempt.state, attempt.tick
        outcome = attempt.outcome
        if outcome.is_complete and self._has_nowhere_to_run(install):
            self._log("~No server is specified in the registry or in the instruction.")
            await self._site.report_event(COMPONENT, 13, job=install.job_id)
            await self._fail(
                install, state, tick, "no distribution server of this site has the package"
            )
            await self._clean_up(name, install)
            return "Failed: no server has the package"
        if outcome.is_complete:
            await self._reports.package(
                install, succeeded=True, version=self._servers.version_of(install), tick=tick
            )
            await self._reports.detail(
                install, DetailKind.COMPLETION, "", DetailStatus.COMPLETE, state, tick
            )
            await self._clean_up(name, install)
            self._log("~Despooler successfully executed one instruction.")
            return "Complete"
        retry = await self._retries.write(install, outcome, state, tick, attempt.due_at)
        await self._clean_up(name, install, keep=retry, keep_package=outcome.store_failed)
        return "Retrying"

    # -- one attempt

    async def _attempt(
        self, install: Install, state: RetryState, tick: float
    ) -> tuple[Outcome, WorkstationInstruction | None]:
        if install.kind is InstallKind.REMOVE:
            failed_of = await self._removal.remove(install, state, tick, purpose_of(install))
            return Outcome(failed_of), None
        servers = self._servers.concerned(install)
        if servers:
            self._log(f"Decompressing package {install.package_id} to {TEMP_DIRECTORY}")
        files = await self._take_master(install)
        if files is None:
            await self._reports.detail(
                install, DetailKind.COMPLETION, "", DetailStatus.RETRYING, state, tick
            )
            return Outcome(store_failed=True), None
        failed: list[str] = []
        if install.retry_of is RetryOf.SERVERS and not install.servers:
            await self._forget_servers(install)
        for role in servers:
            if install.users_warned:
                await self._forced.close_opens(role, install)
            if not await self._updates.update(role, install, files, state, tick):
                failed.append(role.name)
            if install.users_warned:
                await self._forced.restore(role, install)
        command = None
        if install.command_line and (holders := self._servers.holders(install.package_id)):
            command = self._command_of(install, holders)
        return Outcome(tuple(failed), succeeded=len(servers) > len(failed)), command

    async def _forget_servers(self, install: Install) -> None:
        """Q153576: the retry instruction for the one server that failed lists none and ends as
        complete. Keep it so.
        """
        self._log("~No server is specified in the registry or in the instruction.")
        await self._site.report_event(COMPONENT, 13, job=install.job_id)
        for forgotten in list(self._registry.values(f"{RETRY_HISTORY}\\{install.job_id}")):
            reason = f"job {install.job_id} forgot to retry {forgotten} (Q153576)"
            await self.end_episode(install, forgotten, reason)

    async def _take_master(self, install: Install) -> Files | None:
        """The package's files: from the one that came along, which is the new master copy, else
        from STORE. None: try later.

        What does not unpack never becomes a master copy: the good one stays.
        """
        path = f"{boxes.STORE}/{install.package_id}.PCK"
        if install.package_file and await self._receive.stat(install.package_file) is not None:
            data = await self._receive.read(install.package_file)
            files = decompress(data)
            if self._servers.stored_version(install.package_id) >= install.package_version:
                return files
            try:
                await self._root.write(path, data, purpose=purpose_of(install))
            except ShareError as error:
                await self._store_failed(install, path, error)
                return None
            self._registry.set(MASTER_PACKAGES, install.package_id, str(install.package_version))
            return files
        try:
            return decompress(await self._root.read(path))
        except ShareError as error:
            if not error.is_missing:
                raise
            ids = f"Job ID = {install.job_id} Package ID = W_{install.package_id}"
            self._log(f"Cannot find the package file. we'll fail the job ({ids})")
            await self._site.report_event(COMPONENT, 11, job=install.job_id)
            raise PackageError("Cannot find the package file.") from None

    async def _store_failed(self, install: Install, path: str, error: ShareError) -> None:
        shown = path.replace("/", "\\")
        self._log(
            f"~Failed to store the compressed package as {shown}, Win32 Error = {error.win32}"
        )
        await self._site.report_event(COMPONENT, 115, shown, job=install.job_id)
        await self._site.report_event(
            COMPONENT, 206, install.package_file, shown, job=install.job_id
        )

    async def _give_up(self, install: Install, state: RetryState, tick: float) -> None:
        reason = f"gave up after {state.retries} retries: job {install.job_id} is Failed"
        self._log(f"~Job {install.job_id} has failed, {reason}")
        for name in (
            [t.server for t in install.servers] if install.retry_of is RetryOf.SERVERS else []
        ):
            version = self._servers.version_of(install)
            kind, status = DetailKind.SERVER, DetailStatus.FAILED
            await self._reports.detail(
                install, kind, name, status, state, tick, reason, version=version
            )
            await self.end_episode(install, name, reason)
        await self._registry.save()
        await self._fail(install, state, tick, reason)
        await self._site.report_event(COMPONENT, 14, COMPONENT, job=install.job_id)

    async def _fail(self, install: Install, state: RetryState, tick: float, reason: str) -> None:
        """The site is done with the job, without success."""
        await self._reports.package(
            install, succeeded=False, version=install.package_version, tick=tick
        )
        await self._reports.detail(
            install, DetailKind.COMPLETION, "", DetailStatus.FAILED, state, tick, reason
        )

    def _has_nowhere_to_run(self, install: Install) -> bool:
        """Whether workstations are to run a package that no server of this site has."""
        wanted = (
            install.command_line and install.workstations and install.retry_of is RetryOf.NOTHING
        )
        return bool(wanted) and not self._servers.holders(install.package_id)

    async def _clean_up(
        self, name: str, install: Install, *, keep: str = "", keep_package: bool = False
    ) -> None:
        """What is known first, then the package, the instruction last: what is left tells a
        restarted despooler what to do.
        """
        await self._registry.save()
        if install.package_file and not keep_package:
            try:
                await self._receive.delete(install.package_file)
            except ShareError as error:
                if not error.is_missing:
                    raise
        if fold(name) != fold(keep):
            await self._receive.delete(name)

    def _command_of(
        self, install: Install, holders: list[SiteServerRole]
    ) -> WorkstationInstruction:
        """The WINST record for every target workstation, with the servers that hold the package (10
        at most: Q161310). Raises `WinstError` for one that no file can have.
        """
        roles = holders[: self._site.profile.package_servers_max]
        command = WorkstationInstruction(
            site_id=install.site,
            request_id=install.request_id,
            package_id=install.package_id,
            job_id=install.job_id,
            install_by_date=install.mandatory_after,
            install_by_full=int(install.mandatory_after is not None),
            display_date=install.offer_after,
            expiration_date=install.expires_after,
            expiration_full=int(install.expires_after is not None),
            user_input_flags=int(install.user_input_required),
            operating_system=install.operating_system,
            run_command=install.command_line,
            wcl_name=install.command_name,
            servers=tuple(
                PackageServer(
                    self._servers.unc(role, install.package_id),
                    ServerType.NETWARE3 if role.is_netware else ServerType.WINNT3,
                )
                for role in roles
            ),
            package_name=install.package_name,
            comments=install.comments,
        ).with_flags(background=install.background)
        winst_box.check_record(command)
        return command
