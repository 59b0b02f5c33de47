r"""Which distribution servers have a package, which version, in which directory, and which an
instruction concerns.

What is known lies in the registry (`Transfer Packages\W_<pkgid>\<server>`: Q235157, Q199994), so
that a restarted Despooler knows it too.
"""

from __future__ import annotations

from despoolr_core.formats.instructions.instruction import Install, InstallKind, RetryOf
from despoolr_core.rules.fold import fold
from despoolr_server.site.despooler.base.part import DespoolerPart
from despoolr_server.site.state.context import SiteServerRole
from despoolr_server.site.state.registry import (
    MASTER_PACKAGES,
    PACKAGE_DIRECTORIES,
    TRANSFER_PACKAGES,
)


class PackageServers(DespoolerPart):
    """What one site's Despooler knows of its distribution servers."""

    @property
    def roles(self) -> list[SiteServerRole]:
        """The distribution servers, in the site's order."""
        return [role for role in self._site.servers if role.distribution]

    def holders(self, package: str) -> list[SiteServerRole]:
        """The servers that have a package."""
        have = self._registry.values(f"{TRANSFER_PACKAGES}\\W_{package}")
        return [role for role in self.roles if role.name in have]

    def concerned(self, install: Install) -> list[SiteServerRole]:
        """Whom an instruction concerns.

        A retry lists its servers itself. Else: the specified ones (all, if none is named), of which
        a Run Command job leaves alone those that have the package (Q140051), and with Refresh
        Existing, or when a new one is added (Q235157), all that have it.
        """
        named = {fold(target.server) for target in install.servers}
        put_on = [role.name for role in self.roles if fold(role.name) in named]
        if install.retry_of is RetryOf.SERVERS:
            return [role for role in self.roles if role.name in put_on]
        if install.put_on_specified and not install.servers:
            put_on = [role.name for role in self.roles]
        have = {role.name for role in self.holders(install.package_id)}
        wanted = {name for name in put_on if name not in have}
        forgets = self._forgets(install)
        if install.refresh_existing or (wanted and have and not forgets):
            wanted |= have
        # Q140051: a Share Package job refreshes the specified servers, a Run Command job does not.
        # Keep it so.
        refreshes = self._site.profile.run_job_refreshes_specified
        if not forgets and (install.kind is InstallKind.SHARE or refreshes):
            wanted |= set(put_on)
        for name in sorted(set(put_on) & have - wanted):
            self._log(
                f"~Server {name} has package {install.package_id} already and no refresh was "
                "asked for, we'll skip this server."
            )
        return [role for role in self.roles if role.name in wanted]

    def _forgets(self, install: Install) -> bool:
        """Whether this is the retry after a failed store that leaves the existing servers as they
        are (Q195936).
        """
        return install.retry_of is RetryOf.STORE and not self._site.profile.retry_keeps_refresh

    def version(self, role: SiteServerRole, package: str) -> int:
        """Which version of a package a server has; 0 for none."""
        return int(self._registry.get(f"{TRANSFER_PACKAGES}\\W_{package}", role.name, "0"))

    def stored_version(self, package: str) -> int:
        """Which version of a package the site's master copy is; 0 for none."""
        return int(self._registry.get(MASTER_PACKAGES, package, "0"))

    def version_of(self, install: Install) -> int:
        """The version an instruction is about; one that does not say means the master copy's."""
        return install.package_version or self.stored_version(install.package_id)

    def directory(self, role: SiteServerRole, package: str) -> str:
        """Where a package lies on a server, relative to its package share."""
        return self._registry.get(f"{PACKAGE_DIRECTORIES}\\W_{package}", role.name, package)

    def unc(self, role: SiteServerRole, package: str) -> str:
        r"""The directory as clients are told: `\\SERVER\SMS_PKGD\BPC00001\`."""
        return f"\\\\{role.name}\\{role.package_share}\\{self.directory(role, package)}\\"

    def has(self, role: SiteServerRole, package: str, version: int, directory: str) -> None:
        """A server has a version of a package now."""
        self._registry.set(f"{TRANSFER_PACKAGES}\\W_{package}", role.name, str(version))
        if directory != self.directory(role, package):
            self._registry.set(f"{PACKAGE_DIRECTORIES}\\W_{package}", role.name, directory)

    def lost(self, role: SiteServerRole, package: str) -> None:
        """A server has a package no more."""
        self._registry.delete(f"{TRANSFER_PACKAGES}\\W_{package}", role.name)
        self._registry.delete(f"{PACKAGE_DIRECTORIES}\\W_{package}", role.name)
