"""Several servers in one log, as a collector of logs writes it.

The law: what is open on one server is in nobody's way on another. A log of one server does not name
it, for other files may know it by an address; where there are several, each is called as the log
calls it, without its domain.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_lab.imports.traces.roots import Roots
from despoolr_lab.imports.traces.source import is_address, name

SERVERS_MAX: Final = 1000
"""Servers of a log that are told apart; what is on further ones is taken to be on the first."""


class LogServers:
    """Those of a log; `heads` are the hosts that its first lines name."""

    def __init__(self, heads: Iterable[str] = ()) -> None:
        self._known: dict[str, str] = {}
        self._roots: dict[str, Roots] = {}
        self._first = ""
        self._is_several = len({_called(host) for host in heads}) > 1

    @property
    def count(self) -> int:
        """How many were told apart: one that is called in two ways is one."""
        return len(set(self._known.values()))

    @property
    def told(self) -> str:
        """That there are several, in a sentence."""
        return (
            f"the log has the lines of {self.count:,} servers: what is open on one is in nobody's "
            "way on another"
        )

    def of(self, host: str) -> str:
        """The server that a line's host is; empty for the only one, or the first."""
        host = name(host)
        known = self._known.get(host)
        if known is not None:
            return known
        if len(self._known) >= SERVERS_MAX:
            return next(iter(self._known.values()))
        called = _called(host)
        self._first = self._first or called
        if called == self._first and not self._is_several:
            found = ""
        else:
            found = next((one for one in self._known.values() if fold(one) == called), "")
            found = found or (host if is_address(host) else host.partition(".")[0])
        self._known[host] = found
        return found

    def roots_of(self, server: str, first: Roots) -> Roots:
        """Where a server's shares lie; `first` are those of the one without a name."""
        return self._roots.setdefault(server, Roots()) if server else first


def _called(host: str) -> str:
    whole = name(host)
    return fold(whole if is_address(whole) else whole.partition(".")[0])
