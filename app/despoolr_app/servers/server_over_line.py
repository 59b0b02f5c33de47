"""What a server asks of others, over its own line where that may be broken
(`despoolr_server.faults.line`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from despoolr_client.transport.replies import Reply
from despoolr_client.transport.share_server import ShareServer
from despoolr_core.share.contract import ShareUnreachable
from despoolr_server.faults.line import ServerLine


class ServerOverLine(ShareServer):
    """A server as one reaches it over `line`, which is the asking machine's."""

    __slots__ = ("_line",)

    def __init__(self, line: ServerLine, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._line = line

    async def call(
        self,
        method: str,
        target: str,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """As `HttpCaller.call`. Raises `ShareUnreachable` as well where the line is cut."""
        line = self._line
        if line.is_cut(self.name):
            raise self._cut()
        call = asyncio.ensure_future(self._carry(method, target, data, headers))

        def reset() -> None:
            call.cancel()

        with line.carried(self.name, reset):
            try:
                return await call
            except asyncio.CancelledError:
                if line.is_cut(self.name):
                    raise self._cut() from None
                raise

    async def _carry(
        self, method: str, target: str, data: bytes | None, headers: Mapping[str, str] | None
    ) -> Reply:
        await self._line.delay()
        reply = await super().call(method, target, data, headers)
        await self._line.delay()
        return reply

    def _cut(self) -> ShareUnreachable:
        return ShareUnreachable(f"{self.name} does not answer: the line is cut on purpose")
