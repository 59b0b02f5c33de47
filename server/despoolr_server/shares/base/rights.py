"""Who may do what below a share: one small table of prefixes, as the File Manager's Permissions
dialog kept it.

The law: the longest prefix that names the caller's role decides; a role that nothing names has no
access. `Change` and `Read` are the masks of Windows NT. Service and administrators have Full
Control everywhere, so that they need no entry. Sources: [Q189809] (directories of the logon
server), [Q167656] and [Q272923] (package access is Read or Read/Write), [Q125453] (senders write to
`SMS_SITE` with the service account).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import Role


class Rights(IntEnum):
    """The standard permissions, each the access mask it stands for; READ_WRITE is Special Access
    (RWX): Change without Delete.
    """

    NONE = 0
    READ = 0x1200A9
    READ_WRITE = 0x1201BF
    CHANGE = 0x1301BF
    FULL = 0x1F01FF


PREFIXES_MAX: Final = 8
"""Entries that are tried one by one before anybody walks up."""


class FixedNames:
    """The directories of a share that clients and services leave where they are, those above them
    included.

    `names` are paths; of a path in `parents` every name directly in it is fixed as well (a
    directory for each domain).
    """

    def __init__(self, names: Iterable[str] = (), parents: Iterable[str] = ()) -> None:
        self._parents = frozenset(map(fold, parents))
        keys = [*map(fold, names), *self._parents]
        self._keys = frozenset(
            "/".join(key.split("/")[:depth])
            for key in keys
            for depth in range(1, key.count("/") + 2)
        )

    def __contains__(self, key: str) -> bool:
        """Whether the name with this key is fixed."""
        return key in self._keys or (
            bool(self._parents) and key.rpartition("/")[0] in self._parents
        )


class RightsTable:
    """The permissions of one share. Entries may change while it is served (a forced disconnect
    revokes and restores).

    What is `fixed` stays whatever the entries allow, except for an administrator.
    """

    def __init__(
        self,
        entries: Mapping[str, Mapping[Role, Rights]] | None = None,
        fixed: FixedNames | None = None,
    ) -> None:
        self._fixed = fixed or FixedNames()
        self.change_count = 0
        """How often an entry was set: while it is the same, so are all answers."""
        self._entries: dict[str, dict[Role, Rights]] = {}
        self._prefixes: tuple[str, ...] = ()
        """A key that begins with none of these has no entry, nor has any directory above it but the
        root.
        """
        for prefix, by_role in (entries or {}).items():
            for role, rights in by_role.items():
                self.set(prefix, role, rights)

    def allowed(self, role: Role, key: str) -> int:
        """The access mask a role has on a name, by the name's key."""
        if not key.startswith(self._prefixes):  # nobody walks up for nothing from each file
            key = ""
        entries = self._entries
        while True:
            by_role = entries.get(key)
            if by_role is not None and role in by_role:
                return by_role[role]
            if not key:
                return Rights.NONE if role is Role.CLIENT else Rights.FULL
            key = key.rpartition("/")[0]

    def is_fixed(self, role: Role, key: str) -> bool:
        """Whether a role must leave a name's directory where it is, and may put no file in its
        place.
        """
        return key in self._fixed and role is not Role.ADMIN

    def set(self, prefix: str, role: Role, rights: Rights | None) -> Rights | None:
        """Change one entry (None takes it out, so that the directory above decides); returns what
        it was.
        """
        key = fold(prefix.replace("\\", "/").strip("/"))
        self.change_count += 1
        by_role = self._entries.setdefault(key, {})
        former = by_role.pop(role, None)
        if rights is not None:
            by_role[role] = rights
        if not by_role:
            del self._entries[key]
        is_few = len(self._entries) <= PREFIXES_MAX
        self._prefixes = tuple(filter(None, self._entries)) if is_few else ("",)
        return former

    def copy(self) -> RightsTable:
        """The same entries, independent of later changes."""
        return RightsTable(self._entries, self._fixed)


def _clients(default: Rights, changeable: tuple[str, ...] = ()) -> dict[str, dict[Role, Rights]]:
    return {"": {Role.CLIENT: default}} | {
        prefix: {Role.CLIENT: Rights.CHANGE} for prefix in changeable
    }


_REPORTED_TO: Final = (
    "CCR.BOX",
    "DESPOOLR.BOX",
    "INVENTRY.BOX",
    "ISVMIF.BOX",
    "PCMPKG.SRC",
    "SMSID",
)
_READ_FROM: Final = ("PCMINS.BOX", "INVENCFG.BOX", "APPCTL.SRC")

SMS_SHR: Final = RightsTable(
    _clients(Rights.READ, _REPORTED_TO), FixedNames([*_REPORTED_TO, *_READ_FROM])
)
"""A logon server's share: clients Change in the boxes they report through, Read elsewhere
[Q189809]. The boxes stay.
"""

PACKAGE_SHARE: Final = RightsTable(_clients(Rights.READ_WRITE))
"""A package root: Users have Special Access (RWX) in packages; a manual says Read [Q272923]."""

SERVICE_ONLY: Final = RightsTable()
"""`SMS_SITE` and the like: the service account and administrators."""

SOURCE: Final = RightsTable(_clients(Rights.READ))
"""A package source directory: read by whoever makes the package, written by administrators."""

EVERYONE: Final = RightsTable(_clients(Rights.FULL))
"""Everyone Full Control: the default of a new Windows NT share."""
