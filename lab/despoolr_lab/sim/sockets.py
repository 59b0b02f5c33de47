"""The network's other twin: the same host names and the same two calls, over real sockets on
loopback.

`serve` binds a free loopback port and remembers it under the host's name and port; `session`
resolves those names. A scenario therefore uses the URL `http://logon1/...` in real, scaled and
virtual time.
"""

from __future__ import annotations

import errno
import socket
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from despoolr_client.transport.session_options import session_options
from despoolr_lab.sim.network import LIMIT

__all__ = ["SocketNetwork"]

LOOPBACK = "127.0.0.1"


class SocketNetwork:
    """Named hosts on loopback ports of this machine."""

    carries_values = False
    """Whether requests may go as values: sockets carry bytes."""

    def __init__(self) -> None:
        self._sites: dict[tuple[str, int], web.TCPSite] = {}

    async def serve(self, runner: web.BaseRunner, host: str, port: int = 80) -> web.TCPSite:
        """Let a runner that has been set up answer as `host:port`; its `cleanup` ends it. Raises
        `OSError` (name in use).
        """
        old = self._sites.get((host.lower(), port))
        if old is not None and old in old._runner.sites:
            raise OSError(errno.EADDRINUSE, f"address {host}:{port} is already in use")
        site = web.TCPSite(runner, LOOPBACK, 0)
        await site.start()
        self._sites[host.lower(), port] = site
        return site

    def reaches(self, source: str, host: str, port: int = 80) -> bool:  # noqa: ARG002
        """Whether somebody answers as `host:port`."""
        site = self._sites.get((host, port))
        return site is not None and site in site._runner.sites

    def session(
        self,
        source: str,  # noqa: ARG002 - `Network` tells it by name
        *,
        limit: int = LIMIT,
        **kwargs: Any,
    ) -> aiohttp.ClientSession:
        """A cookie-less client session, to be closed; nobody sees `source`. `kwargs` go to
        `aiohttp.ClientSession`.
        """
        connector = aiohttp.TCPConnector(
            resolver=_Names(self._sites), limit=limit, use_dns_cache=False
        )
        return aiohttp.ClientSession(connector=connector, **session_options(kwargs))


class _Names(AbstractResolver):
    def __init__(self, sites: dict[tuple[str, int], web.TCPSite]) -> None:
        self._sites = sites

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - aiohttp gives it by name
    ) -> list[ResolveResult]:
        if not any(known == host.lower() for known, _ in self._sites):
            raise socket.gaierror(socket.EAI_NONAME, f"no host {host!r} on this network")
        site = self._sites.get((host.lower(), port))
        # nobody listens on tcpmux: the host is known, the port is closed
        real_port = 1 if site is None else site.port
        return [
            ResolveResult(
                hostname=host,
                host=LOOPBACK,
                port=real_port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """There is nothing to close."""
