"""Whom a file tells of, as far as that decides which of two files is believed.

The law: a file is asked about its own clients only, for a log of one machine, or a capture on one
of two wires, knows nothing of the others. Two clients are one if an address or the first part of a
name is the same; one that has only a name may be any that has only an address. One that has
neither, as in samples that tell users alone, may be whoever has its user, and without one anybody.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_lab.imports.fold.names import Names
from despoolr_lab.imports.traces.seen import NOBODY, USER_ID, Who
from despoolr_lab.imports.traces.source import is_address

OF_A_FILE_MAX: Final = 10_000
"""Clients of a file that are remembered; one that has more may know anybody."""


class Client:
    """What can be compared of a client: its address, its name without its domain, its user."""

    __slots__ = ("address", "name", "user")

    def __init__(self, who: Who, names: Names) -> None:
        self.address = who.address
        called = "" if who.is_stranger else names.called(who.address, who.machine)
        if is_address(called):
            self.address, called = self.address or called, ""
        self.name = called.partition(".")[0]
        self.user = "" if who.user.startswith(USER_ID) else fold(who.user)

    def may_be(self, other: Client) -> bool:
        """Whether the two may be one client."""
        if self.address and self.address == other.address:
            return True
        if self.name and other.name:
            return self.name == other.name
        if self.address and other.address:
            return False
        is_bare = not (self.name or self.address) or not (other.name or other.address)
        return not (is_bare and self.user and other.user and self.user != other.user)


class KnownClients:
    """Those that a file tells of."""

    def __init__(self) -> None:
        self._whos: dict[Who, None] = {}
        self._addresses: set[str] = set()
        self._names: set[str] = set()
        self._users: set[str] = set()
        self._bare_users: set[str] = set()
        """Those of clients of whom it tells nothing else."""
        self._has_bare_name = self._has_bare_address = False
        self.is_anybody = False
        """Whether it tells of clients that it does not name, or of too many."""

    def add(self, who: Who) -> None:
        """It tells of that one."""
        if who.is_stranger:
            return
        one = Who(who.address, who.machine, who.user)
        if one in self._whos:
            return
        if one == NOBODY or len(self._whos) >= OF_A_FILE_MAX:
            self.is_anybody = True
        else:
            self._whos[one] = None

    def update(self, other: KnownClients) -> None:
        """It tells of all those, too."""
        self.is_anybody = self.is_anybody or other.is_anybody
        for who in other._whos:
            self.add(who)

    def settle(self, names: Names) -> None:
        """All files are read, so an address has its name if any of them has it."""
        self.is_anybody = self.is_anybody or not self._whos
        for who in self._whos:
            one = Client(who, names)
            if one.address:
                self._addresses.add(one.address)
            if one.name:
                self._names.add(one.name)
            self._users.add(one.user)
            if not one.name and not one.address:
                self._bare_users.add(one.user)
            elif not one.name:
                self._has_bare_address = True
            elif not one.address:
                self._has_bare_name = True

    def shares_any(self, other: KnownClients) -> bool:
        """Whether somebody is sure to be in both."""
        return bool(
            self._names & other._names
            or self._addresses & other._addresses
            or self._bare_users & other._bare_users
        )

    def may_have(self, one: Client) -> bool:
        """Whether that client may be one of them."""
        if self.is_anybody or one.address in self._addresses or one.name in self._names:
            return True
        if self._bare_users and (not one.user or self._bare_users & {one.user, ""}):
            return True
        if one.name and one.address:
            return False
        if one.name:
            return self._has_bare_address
        if one.address:
            return self._has_bare_name
        return not one.user or one.user in self._users or "" in self._users
