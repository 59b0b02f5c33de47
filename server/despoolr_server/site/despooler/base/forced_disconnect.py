"""Forced disconnect (Q128458): how SMS 1.2 gets an update past users who keep files open, when it
is told to.

The ladder: nobody but the service account may open files of the package any more (who has one open
keeps it) -> a message to everyone who has -> the delay -> their opens are closed -> the copy ->
access is restored -> "available again". The texts of the messages are UNKNOWN; these are ours.
Where SMS failed to restore access (Q182414), so does the profile.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.formats.instructions.instruction import Install
from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_core.share.modes import Role
from despoolr_core.share.wire import OpenRow
from despoolr_server.site.despooler.base.part import COMPONENT, DespoolerPart
from despoolr_server.site.state.context import RemoteServer, SiteServerRole

FORCED_DISCONNECT: Final = r"SMS_Despooler\Forced Disconnect"
NO_ENTRY: Final = "(none)"


class ForcedDisconnect(DespoolerPart):
    """The ladder for one site's Despooler."""

    async def warn(self, role: SiteServerRole, install: Install) -> bool:
        """Revoke new opens and tell those who have files open; whether anybody has."""
        server = self._server(role)
        holders = await self._holders(server, role, install)
        if not holders:
            return False
        key = self._key(install)
        # What is to be given back is on disk before anything is taken, and a second warning (after
        # a death in the middle of the first) must not remember the revoked state as the former one.
        is_first = not self._registry.get(key, role.name)
        if is_first:
            self._registry.set(key, role.name, NO_ENTRY)
            await self._registry.save()
        former = await server.set_rights(
            role.package_share, install.package_id, Role.CLIENT, "NONE"
        )
        if is_first and former:
            self._registry.set(key, role.name, former)
        minutes = self._site.profile.forced_disconnect_delay_min
        for machine in sorted({row.machine for row in holders}):
            text = (
                f"The files of package {install.package_name or install.package_id} on "
                f"{role.name} are about to be updated. "
                f"Please close them: they will be closed in {minutes} minutes."
            )
            await server.send_message(machine, text)
            self._log(
                f"~{machine} has been told to close the files of package {install.package_id} on "
                f"{role.name}."
            )
        return True

    async def close_opens(self, role: SiteServerRole, install: Install) -> None:
        """Close every open below the package's directory."""
        server = self._server(role)
        for row in await self._holders(server, role, install):
            try:
                await server.close_by_force(row.open, "forced disconnect")
            except ShareError:
                continue  # its owner closed it a moment ago
            self._log(f"~{row.path} of {row.machine} has been closed by force.")

    async def restore(self, role: SiteServerRole, install: Install) -> None:
        """Give access back as it was, and say so to nobody in particular (who was told is not
        remembered).
        """
        key = self._key(install)
        former = self._registry.get(key, role.name)
        if not former:
            return
        self._registry.delete(key, role.name)
        if not self._site.profile.forced_disconnect_restores_rights:
            # Q182414: the directory stays with the service account alone. Keep it so.
            self._log(
                f"~Permissions of package {install.package_id} on {role.name} stay restricted to "
                "the service account."
            )
            return
        server = self._server(role)
        await server.set_rights(
            role.package_share,
            install.package_id,
            Role.CLIENT,
            None if former == NO_ENTRY else former,
        )
        self._log(f"~Package {install.package_id} on {role.name} is available again.")

    async def _holders(
        self, server: RemoteServer, role: SiteServerRole, install: Install
    ) -> list[OpenRow]:
        below = fold(f"{install.package_id}/")
        try:
            found = await server.opens(role.package_share)
        except (ShareError, ShareUnreachable):
            return []
        return [row for row in found.opens if fold(row.path).startswith(below)]

    def _server(self, role: SiteServerRole) -> RemoteServer:
        return self._site.connect_as(role.name, COMPONENT)

    def _key(self, install: Install) -> str:
        return f"{FORCED_DISCONNECT}\\{install.job_id}"
