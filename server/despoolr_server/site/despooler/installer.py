r"""What the Despooler does with a package: store the master copy, put it on distribution servers,
tell the clients, report.

The order of Q128458 and `domain.md` e.4: store -> unpack to a temp directory -> each server in turn
-> WINST records -> status. A server whose copy the share refused is tried again by a **retry
instruction** that lists only such servers, one retry interval later; when the retry rule says so
the job is Failed instead. Everything here may be done twice with one result: files are replaced
whole, reports carry their number, the retry instruction's name is the job's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from despoolr_core.formats.instruction import (
    DespoolerInstruction,
    Install,
    InstallKind,
    PackageTarget,
    RetryOf,
    render_instruction,
)
from despoolr_core.formats.winst import PackageServer, ServerType, WorkstationInstruction
from despoolr_core.records.kinds.site import CopyEnded, CopyStarted, FileCopied, InstructionWritten
from despoolr_core.rules.fold import fold
from despoolr_core.rules.remedies import COPY_STRATEGIES
from despoolr_core.share.contract import Share, ShareError, ShareUnreachable
from despoolr_core.share.modes import NtStatus
from despoolr_server.site.despooler.cancel import Cancelling
from despoolr_server.site.despooler.close_watch import CloseWatch
from despoolr_server.site.despooler.copy_strategies import STRATEGIES
from despoolr_server.site.despooler.copying.target import CopyResult, Target
from despoolr_server.site.despooler.episode_end import end_episode
from despoolr_server.site.despooler.forced_disconnect import ForcedDisconnect
from despoolr_server.site.despooler.job_reports import JobReports
from despoolr_server.site.despooler.package_servers import PackageServers
from despoolr_server.site.despooler.removal import PackageRemoval
from despoolr_server.site.jobs.model import DetailKind, DetailStatus
from despoolr_server.site.jobs.retry import (
    RetryState,
    after_failure,
    forces_disconnect,
    has_given_up,
    retry_file,
)
from despoolr_server.site.state import boxes, winst_box
from despoolr_server.site.state.concurrency import gather_all
from despoolr_server.site.state.context import SiteContext, SiteServerRole
from despoolr_server.site.state.mif_box import MifBox
from despoolr_server.site.state.packages import Files, PackageError, decompress
from despoolr_server.site.state.registry import (
    COPIED_FILES,
    MASTER_PACKAGES,
    RETRY_HISTORY,
    Registry,
)

COMPONENT: Final = "SMS_DESPOOLER"
RECORDS_AT_ONE_TIME: Final = 64
"""Clients whose instruction files are written side by side: they share the waits for the disk."""
MEGABYTE: Final = 1 << 20
TEMP_DIRECTORY: Final = r"D:\_S M0000.TMP"


class Outcome(msgspec.Struct, frozen=True):
    """What an attempt left to do: the servers that failed (while others succeeded?), and whether
    storing the master copy did.
    """

    failed: tuple[str, ...] = ()
    succeeded: bool = False
    store_failed: bool = False

    @property
    def is_complete(self) -> bool:
        return not self.failed and not self.store_failed


class Installer:
    """The Despooler's part that serves packages."""

    def __init__(
        self,
        site: SiteContext,
        root: Share,
        receive: Share,
        registry: Registry,
        mifs: MifBox,
        log: Callable[[str], None],
    ) -> None:
        self._site = site
        self._root = root
        self._receive = receive
        self._registry = registry
        self._reports = JobReports(site, mifs)
        self._log = log
        self._servers = PackageServers(site, registry, log)
        self._forced = ForcedDisconnect(site, registry, log)
        self._removal = PackageRemoval(site, root, registry, self._servers, self._reports, log)
        self.closes = CloseWatch(site, receive, log)
        """What stopped the last attempts, where somebody tells when it is closed."""
        self._cancelling = Cancelling(
            site, root, receive, registry, self._reports, self._forced, log
        )

    async def execute(
        self, name: str, install: Install, instruction: DespoolerInstruction, tick: float
    ) -> str:
        """One attempt at an install or update instruction. Returns what became of it, for the
        record.
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
            outcome = await self._attempt(install, state, tick)
        except PackageError as error:
            self._log(f"~{error}")
            await self._site.report_event(
                COMPONENT, 15, install.package_file, TEMP_DIRECTORY, job=install.job_id
            )
            await self._fail(install, state, tick, str(error))
            await self._clean_up(name, install)
            return f"Failed: {error}"
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
                install, succeeded=True, version=self._version(install), tick=tick
            )
            await self._reports.detail(
                install, DetailKind.COMPLETION, "", DetailStatus.COMPLETE, state, tick
            )
            await self._clean_up(name, install)
            self._log("~Despooler successfully executed one instruction.")
            return "Complete"
        if await self._warns_users(install, outcome, state):
            retry = await self._close_soon(install, outcome, state, tick)
        else:
            retry = await self._retry_later(
                install, outcome, state, tick, instruction.execute_at or tick
            )
        await self._clean_up(name, install, keep=retry, keep_package=outcome.store_failed)
        return "Retrying"

    # -- one attempt

    async def _attempt(self, install: Install, state: RetryState, tick: float) -> Outcome:
        if install.kind is InstallKind.REMOVE:
            return Outcome(await self._removal.remove(install, state, tick, self._purpose(install)))
        servers = self._servers.concerned(install)
        if servers:
            self._log(f"Decompressing package {install.package_id} to {TEMP_DIRECTORY}")
        files = await self._take_master(install)
        if files is None:
            await self._reports.detail(
                install, DetailKind.COMPLETION, "", DetailStatus.RETRYING, state, tick
            )
            return Outcome(store_failed=True)
        failed: list[str] = []
        if install.retry_of is RetryOf.SERVERS and not install.servers:
            await self._forget_servers(install)
        for role in servers:
            if install.users_warned:
                await self._forced.close_opens(role, install)
            if not await self._update(role, install, files, state, tick):
                failed.append(role.name)
            if install.users_warned:
                await self._forced.restore(role, install)
        if install.command_line and (holders := self._servers.holders(install.package_id)):
            await self._write_instructions(install, holders)
        return Outcome(tuple(failed), succeeded=len(servers) > len(failed))

    async def _forget_servers(self, install: Install) -> None:
        """Q153576: the retry instruction for the one server that failed lists none and ends as
        complete. Keep it so.
        """
        self._log("~No server is specified in the registry or in the instruction.")
        await self._site.report_event(COMPONENT, 13, job=install.job_id)
        for forgotten in list(self._registry.values(f"{RETRY_HISTORY}\\{install.job_id}")):
            reason = f"job {install.job_id} forgot to retry {forgotten} (Q153576)"
            await end_episode(self._site, self._registry, install, forgotten, reason)

    async def _take_master(self, install: Install) -> Files | None:
        """The package's files: from the one that came along, which is the new master copy, else
        from STORE. None: try later.

        What does not unpack never becomes a master copy: the good one stays.
        """
        path = f"{boxes.STORE}/{install.package_id}.PCK"
        if install.package_file and await self._receive.stat(install.package_file) is not None:
            data = await self._receive.read(install.package_file)
            files = decompress(data)
            if self._stored_version(install.package_id) >= install.package_version:
                return files
            try:
                await self._root.write(path, data, purpose=self._purpose(install))
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

    def _stored_version(self, package: str) -> int:
        return int(self._registry.get(MASTER_PACKAGES, package, "0"))

    def _version(self, install: Install) -> int:
        """The version an instruction is about; one that does not say means the master copy's."""
        return install.package_version or self._stored_version(install.package_id)

    # -- the servers

    async def _update(
        self, role: SiteServerRole, install: Install, files: Files, state: RetryState, tick: float
    ) -> bool:
        """Copy to one server with the version's strategy; report its row; say whether it is
        done.
        """
        attempt = state.retries // max(1, self._site.profile.retry_count_step) + 1
        cause = self._site.record(
            COMPONENT,
            CopyStarted(
                job=install.job_id,
                package=install.package_id,
                server=role.name,
                attempt=attempt,
            ),
        )
        there = self._servers.version(role, install.package_id)
        target = Target(
            share=self._site.share(role.name, role.package_share, COMPONENT),
            directory=self._servers.directory(role, install.package_id),
            files=files,
            purpose=self._purpose(install),
            refresh_every_file=self._site.profile.refresh_every_file,
            on_file=lambda file, result, win32: self._on_file(
                role, install, file, result, win32, cause
            ),
            has_package=there > 0,
            is_current=there == self._version(install),
            known=frozenset(self._registry.get(*self._known(role, install)).split()),
            attempt=attempt,
        )
        try:
            result = await STRATEGIES[self._site.profile.copy_strategy](target)
        except (ShareError, ShareUnreachable) as error:
            result = CopyResult(failed=(("", error),), directory=target.directory)
        self.closes.note(install.job_id, role, result)
        first = result.failed[0] if result.failed else None
        self._site.record(
            COMPONENT,
            CopyEnded(
                job=install.job_id,
                package=install.package_id,
                server=role.name,
                attempt=attempt,
                result="complete" if result.is_complete else "refused",
                file=first[0] if first else "",
                win32=result.win32,
            ),
            cause=cause,
        )
        if first is None:
            await self._is_installed(role, install, result.directory)
            self._registry.delete(f"{RETRY_HISTORY}\\{install.job_id}", role.name)
            self._registry.delete(*self._known(role, install))
            await self._server_row(install, role.name, DetailStatus.COMPLETE, state, tick)
            return True
        if result.known:
            self._registry.set(*self._known(role, install), " ".join(result.known))
        if isinstance(first[1], ShareError) and first[1].problem.episode:
            self._registry.set(
                f"{RETRY_HISTORY}\\{install.job_id}", role.name, first[1].problem.episode
            )
        await self._event_for_failure(role, install, files, first[1])
        reason = f"{first[0]}: {first[1]}"
        await self._server_row(install, role.name, DetailStatus.RETRYING, state, tick, reason)
        return False

    async def _server_row(
        self,
        install: Install,
        server: str,
        status: DetailStatus,
        state: RetryState,
        tick: float,
        reason: str = "",
    ) -> None:
        version = self._version(install)
        await self._reports.detail(
            install, DetailKind.SERVER, server, status, state, tick, reason, version=version
        )

    async def _is_installed(self, role: SiteServerRole, install: Install, directory: str) -> None:
        """Remember it; if the package moved to another directory, point the clients' instruction
        files there.
        """
        before = self._servers.unc(role, install.package_id)
        self._servers.has(role, install.package_id, self._version(install), directory)
        after = self._servers.unc(role, install.package_id)
        if after != before:
            count = await winst_box.point_elsewhere(self._root, install.package_id, before, after)
            self._log(
                f"~Package {install.package_id} is now in {after}, {count} instruction files "
                "point there."
            )

    def _on_file(
        self, role: SiteServerRole, install: Install, file: str, result: str, win32: int, cause: int
    ) -> None:
        self._site.record(
            COMPONENT,
            FileCopied(
                job=install.job_id,
                package=install.package_id,
                server=role.name,
                file=file,
                result=result,
                win32=win32,
            ),
            cause=cause,
        )
        if result == "refused":
            there = f"{self._servers.unc(role, install.package_id)}{file}".replace("/", "\\")
            self._log(
                f"~Copying {TEMP_DIRECTORY}\\{file} to {there}, Failed, Win32 Error = {win32}"
            )

    async def _event_for_failure(
        self,
        role: SiteServerRole,
        install: Install,
        files: Files,
        error: ShareError | ShareUnreachable,
    ) -> None:
        """108, or 109 with its numbers when the disk was full. 1.2 says 109 with blank numbers
        whatever else the reason (Q193766).
        """
        if isinstance(error, ShareError) and error.nt_status is NtStatus.DISK_FULL:
            left = error.problem.free_bytes
            numbers = (
                "" if left is None else left // MEGABYTE,
                math.ceil(sum(map(len, files.values())) / MEGABYTE),
            )
            await self._site.report_event(COMPONENT, 109, role.name, *numbers, job=install.job_id)
        elif self._site.profile.copy_failure_says_disk_full:
            await self._site.report_event(COMPONENT, 109, role.name, "", "", job=install.job_id)
        else:
            await self._site.report_event(
                COMPONENT, 108, f"\\\\{role.name}\\{role.package_share}", job=install.job_id
            )

    # -- what follows

    async def _retry_later(
        self, install: Install, outcome: Outcome, state: RetryState, tick: float, was_due: float
    ) -> str:
        """Write the retry instruction; its name. One interval after this attempt was due, so that
        lateness does not add up; after one that came early, when it was due anyway.
        """
        site = self._site
        later = after_failure(site.profile, state, tick)
        due = was_due + site.retry_s if install.early_for is None else install.early_for
        if due <= tick:
            due = tick + site.retry_s
        # Q195936: after a failed store the retry forgets to refresh the existing servers, unless
        # the profile keeps it.
        forgets = outcome.store_failed and not site.profile.retry_keeps_refresh
        is_ours = COPY_STRATEGIES[site.profile.copy_strategy].is_ours
        loses_list = outcome.succeeded and site.profile.partial_retry_list_lost and not is_ours
        failed = () if loses_list else tuple(t for t in self._targets(outcome.failed))
        retry = msgspec.structs.replace(
            install,
            retry_of=RetryOf.STORE if outcome.store_failed else RetryOf.SERVERS,
            servers=install.servers if outcome.store_failed else failed,
            refresh_existing=install.refresh_existing and not forgets,
            first_attempt_at=later.first_attempt_at
            if install.early_for is None
            else install.first_attempt_at,
            early_for=None,
            package_file=install.package_file if outcome.store_failed else "",
            users_warned=False,
        )
        # Q191360: only a site whose count moves by two tells what it is. Keep it so.
        is_told = site.profile.retry_count_step != 1
        count = f", retry count is now {later.retries}" if is_told else ""
        self._log(f"~We will retry job {install.job_id} later{count}")
        stale = (
            self._servers.holders(install.package_id)
            if forgets and install.refresh_existing
            else []
        )
        return await self._write_retry(retry, due, later.retries, [role.name for role in stale])

    async def _write_retry(
        self, retry: Install, due: float, retries: int, forgotten: Sequence[str] = ()
    ) -> str:
        file = retry_file(retry.job_id)
        await self._receive.write(
            file, render_instruction(retry.to_instruction(execute_at=due, retries=retries))
        )
        self._site.record(
            COMPONENT,
            InstructionWritten(
                file=file,
                type=retry.kind.type,
                job=retry.job_id,
                retries=retries,
                execute_at=due,
                servers=tuple(target.server for target in retry.servers),
                forgotten=tuple(forgotten),
            ),
        )
        return file

    async def _warns_users(self, install: Install, outcome: Outcome, state: RetryState) -> bool:
        """Whether this failure is the one after which users are told, because somebody has files
        open (Q128458).
        """
        if (
            outcome.store_failed
            or install.users_warned
            or not forces_disconnect(self._site.profile, state)
        ):
            return False
        roles = [
            role
            for role in self._site.servers
            if role.name in outcome.failed and not role.is_netware  # Q202063
        ]
        return any([await self._forced.warn(role, install) for role in roles])

    async def _close_soon(
        self, install: Install, outcome: Outcome, state: RetryState, tick: float
    ) -> str:
        """The attempt that may close files follows after the delay; it counts as the same retry."""
        due = tick + 60.0 * self._site.profile.forced_disconnect_delay_min
        forced = msgspec.structs.replace(
            install,
            retry_of=RetryOf.SERVERS,
            servers=tuple(self._targets(outcome.failed)),
            first_attempt_at=state.first_attempt_at,
            package_file="",
            early_for=None,
            users_warned=True,
        )
        return await self._write_retry(forced, due, state.retries)

    def _targets(self, names: tuple[str, ...]) -> list[PackageTarget]:
        return [
            PackageTarget(role.name, role.package_share)
            for role in self._site.servers
            if role.name in names
        ]

    async def _give_up(self, install: Install, state: RetryState, tick: float) -> None:
        reason = f"gave up after {state.retries} retries: job {install.job_id} is Failed"
        self._log(f"~Job {install.job_id} has failed, {reason}")
        for name in (
            [t.server for t in install.servers] if install.retry_of is RetryOf.SERVERS else []
        ):
            await self._server_row(install, name, DetailStatus.FAILED, state, tick, reason)
            await end_episode(self._site, self._registry, install, name, reason)
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

    async def _write_instructions(self, install: Install, holders: list[SiteServerRole]) -> None:
        """A WINST record for every target workstation, with the servers that hold the package (10
        at most: Q161310).
        """
        roles = holders[: self._site.profile.package_servers_max]
        record = WorkstationInstruction(
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
        for start in range(0, len(install.workstations), RECORDS_AT_ONE_TIME):
            some = install.workstations[start : start + RECORDS_AT_ONE_TIME]
            await gather_all(
                winst_box.put_record(self._root, w.domain, w.sms_id, record) for w in some
            )

    def _known(self, role: SiteServerRole, install: Install) -> tuple[str, str]:
        """Where the registry has what is new already on a server (`CopyResult.known`)."""
        return f"{COPIED_FILES}\\{install.job_id}", role.name

    def _purpose(self, install: Install) -> str:
        return f"job {install.job_id} package {install.package_id}"
