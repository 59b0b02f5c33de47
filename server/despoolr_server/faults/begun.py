"""A fault that has begun: where it is, and how it is mended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec

from despoolr_server.files import FileStore
from despoolr_server.site.services.service import Executive


class CannotBegin(Exception):
    """A fault that there cannot be here; the message says why."""


class Breakable(Protocol):
    """The machines that something is broken on. Every method raises `CannotBegin` for what there is
    not.
    """

    def executive(self, site: str) -> Executive | None:
        """The services of a site, by its code (`""`: the only site, or the first); None while its
        process is down.
        """

    async def package(self, package: str) -> tuple[str, str]:
        """The site that a package is of, and its PackageID."""

    def with_ids(self, path: str) -> str:
        """A path as it is on the share, if it is told by the names of packages."""

    def stores(self, server: str) -> Mapping[str, FileStore]:
        """The files of a server, by its shares."""

    def cut(self, server: str, other: str) -> None:
        """Cut a server off the network; with `other`, the way between the two."""

    def mend(self, server: str, other: str) -> None:
        """Let pass again what `cut` keeps from passing."""

    def slow_down(self, server: str, delay_s: float | None) -> None:
        """Let whatever a server sends or is sent take so long; None: as long as it did."""

    async def turn_clock(self, machine: str, by_s: float) -> None:
        """Set a client's clock so much ahead of what it was, or back."""

    def when_killed(self, site: str, end: Callable[[], Awaitable[None]]) -> None:
        """Have this done when the process of a site server is killed."""


class Begun(msgspec.Struct, frozen=True):
    """One fault, and what ends it. `end` may be called when the world has moved on: then it does
    nothing.
    """

    where: str
    end: Callable[[], Awaitable[None]]
