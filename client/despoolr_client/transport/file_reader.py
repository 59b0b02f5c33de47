"""Conditional reads of the files of one share, by many machines, each with its token.

The law: on the wire it is what `HttpShare.read_if_changed` of each of them would send, and it
raises what that raises. A server, a session and a share of its own, made for the one question that
an idle client has, cost as much as the question. A contract test holds the two side by side.
"""

from __future__ import annotations

from urllib.parse import quote

import aiohttp

from despoolr_client.transport.calls import HttpCaller


class FileReader(HttpCaller):
    """The files of one share, for whoever has a token. `http` is shared and stays its owner's."""

    __slots__ = ("_root",)

    def __init__(self, http: aiohttp.ClientSession, base_url: str, name: str, share: str) -> None:
        super().__init__(http, base_url, "", name=name)
        self._root = f"/{quote(share, safe='')}/"

    async def read_if_changed(self, token: str, path: str, etag: str) -> tuple[bytes, str] | None:
        """A file and its ETag; None while it still has `etag`. Raises `ShareError`,
        `ShareUnreachable`.
        """
        headers = {"Authorization": f"Bearer {token}"}
        if etag:
            headers["If-None-Match"] = etag
        reply = await self.call("GET", self._root + quote(path), headers=headers)
        return None if reply.status == 304 else (reply.body, reply.etag)
