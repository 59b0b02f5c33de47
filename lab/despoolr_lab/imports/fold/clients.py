"""Whom a file tells of, as far as that decides which of two files is believed.

The law: a file is asked about its own clients only, for a log of one machine, or a capture on one
of two wires, knows nothing of the others. Two clients are one if an address or the first part of a
name is the same; one that has only a name may be any that has only an address, and one that has
neither may be anybody.
"""

from __future__ import annotations

from typing import Final

from despoolr_lab.imports.fold.names import Names, is_address
from despoolr_lab.imports.traces.seen import NOBODY, Who

CLIENTS_MAX: Final = 10_000
"""KnownClients of a file that are remembered; one that has more may know anybody."""


class Client:
    """What can be compared of a client: its address, and its name without its domain."""

    __slots__ = ("address", "name")

    def __init__(self, who: Who, names: Names) -> None:
        self.address = who.address
        called = "" if who.is_stranger else names.called(who.address, who.machine)
        if is_address(called):
            self.address, called = self.address or called, ""
        self.name = called.partition(".")[0]

    def may_be(self, other: Client) -> bool:
        """Whether the two may be one client."""
        if self.address and self.address == other.address:
            return True
        if self.name and other.name:
            return self.name == other.name
        return not (self.address and other.address)


class KnownClients:
    """Those that a file tells of."""

    def __init__(self) -> None:
        self._whos: set[Who] = set()
        self._addresses: set[str] = set()
        self._names: set[str] = set()
        self._has_bare_name = self._has_bare_address = False
        self.is_anybody = False
        """Whether it tells of clients that it does not name, or of too many."""

    def add(self, who: Who) -> None:
        """It tells of that one."""
        if who.is_stranger:
            return
        one = Who(who.address, who.machine)
        if one in self._whos:
            return
        if one == NOBODY or len(self._whos) >= CLIENTS_MAX:
            self.is_anybody = True
        else:
            self._whos.add(one)

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
            self._has_bare_address = self._has_bare_address or not one.name
            self._has_bare_name = self._has_bare_name or not one.address

    def may_have(self, one: Client) -> bool:
        """Whether that client may be one of them."""
        if self.is_anybody or one.address in self._addresses or one.name in self._names:
            return True
        if one.name and one.address:
            return False
        if one.name:
            return self._has_bare_address
        return self._has_bare_name if one.address else True
