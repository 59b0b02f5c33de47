"""The instruction that follows a failed attempt: when it is due, what it still knows of the job.

The law: one retry interval after this attempt was due, so that lateness does not add up; after one
that came early, when it was due anyway. Where users are warned first (Q128458), the attempt that
may close their files follows after the delay, and counts as the same retry. What versions forget
in between is on purpose (Q195936, Q153576). It may be written twice with one result: its name is
the job's.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from despoolr_core.formats.instructions.instruction import (
    Install,
    PackageTarget,
    RetryOf,
    render_instruction,
)
from despoolr_core.records.kinds.site import InstructionWritten
from despoolr_core.rules.remedies import COPY_STRATEGIES
from despoolr_server.site.despooler.base.forced_disconnect import ForcedDisconnect
from despoolr_server.site.despooler.base.package_servers import PackageServers
from despoolr_server.site.despooler.base.part import COMPONENT, Desk, DespoolerPart
from despoolr_server.site.jobs.retry import (
    RetryState,
    after_failure,
    forces_disconnect,
    retry_file,
)


class Outcome(msgspec.Struct, frozen=True):
    """What an attempt left to do: the servers that failed (while others succeeded?), and whether
    storing the master copy did.
    """

    failed: tuple[str, ...] = ()
    succeeded: bool = False
    store_failed: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to do."""
        return not self.failed and not self.store_failed


class Retries(DespoolerPart):
    """The Despooler's part that tries again."""

    def __init__(self, desk: Desk, servers: PackageServers, forced: ForcedDisconnect) -> None:
        super().__init__(desk)
        self._servers = servers
        self._forced = forced

    async def write(
        self, install: Install, outcome: Outcome, state: RetryState, tick: float, was_due: float
    ) -> str:
        """Write the instruction for the next attempt. Returns its name. `was_due` is when this
        attempt was to be.
        """
        if await self._warns_users(install, outcome, state):
            return await self._soon(install, outcome, state, tick)
        return await self._later(install, outcome, state, tick, was_due)

    async def _later(
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
        return await self._write(retry, due, later.retries, [role.name for role in stale])

    async def _write(
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

    async def _soon(
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
        return await self._write(forced, due, state.retries)

    def _targets(self, names: tuple[str, ...]) -> list[PackageTarget]:
        return [
            PackageTarget(role.name, role.package_share)
            for role in self._site.servers
            if role.name in names
        ]
