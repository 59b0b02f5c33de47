"""Where a small server of a process's own listens: a page, a gate, a fleet's health."""

from __future__ import annotations

import errno
from typing import Final

from aiohttp import web

from despoolr_app.process.runtime import StartError
from despoolr_app.process.settings import Listen
from despoolr_server.http.connections.connections import Runner
from despoolr_server.http.handling.application import App

SHUTDOWN_S: Final = 1.0
"""Seconds that calls have to end when a listener stops."""


class HttpListener:
    """One application, listening at one address until it is stopped."""

    def __init__(self, option: str = "--listen") -> None:
        self._option = option
        self._runner: web.AppRunner | None = None

    async def start(self, app: App | web.Application, listen: Listen) -> Listen:
        """Listen; where, its port chosen. Raises `StartError`, which names the `option` to
        change.
        """
        self._runner = Runner(app, handle_signals=False, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        site = web.TCPSite(self._runner, listen.host, listen.port)
        try:
            await site.start()
        except OSError as error:
            await self.stop()
            raise StartError(why_not(listen, error, self._option)) from None
        return Listen(listen.host, site.port)

    async def stop(self) -> None:
        """Stop answering, and free the port."""
        if self._runner is not None:
            await self._runner.cleanup()


def why_not(listen: Listen, error: OSError, options: str) -> str:
    """One line: why nobody can listen there, and what to do."""
    if error.errno == errno.EADDRINUSE:
        what = f"{listen} is in use; stop the process that listens there, or"
        return f"{what} choose another {options}"
    return f"cannot listen on {listen}: {error.strerror or error}; choose another {options}"
