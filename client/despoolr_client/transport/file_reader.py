"""Conditional reads of the files of one share, by many machines, each with its token.

The law: on the wire it is what `HttpShare.read_if_changed` of each of them would send, and it
raises what that raises. A server, a session and a share of its own, made for the one question that
an idle client has, cost as much as the question. A contract test holds the two side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import aiohttp

from despoolr_client.transport.calls import HttpCaller, is_success
from despoolr_client.transport.exchange import (
    Address,
    address_of,
    exchange_several,
    may_ask_several,
)
from despoolr_client.transport.message import header_lines
from despoolr_client.transport.replies import Reply
from despoolr_core.share.contract import ShareError, ShareUnreachable


class FileReader(HttpCaller):
    """The files of one share, for whoever has a token. `http` is shared and stays its owner's."""

    __slots__ = ("_address", "_root")

    def __init__(self, http: aiohttp.ClientSession, base_url: str, name: str, share: str) -> None:
        super().__init__(http, base_url, "", name=name)
        self._address: Address | None = None
        self._root = f"/{quote(share, safe='')}/"

    async def read_if_changed(self, token: str, path: str, etag: str) -> tuple[bytes, str] | None:
        """A file and its ETag; None while it still has `etag`. Raises `ShareError`,
        `ShareUnreachable`.
        """
        reply = await self.call("GET", self._root + quote(path), headers=_headers(token, etag))
        return _told(reply)

    @property
    def may_ask_several(self) -> bool:
        """Whether several files may be asked for at once, now."""
        return self._ask is not None and may_ask_several(self._there())

    async def read_several(
        self, wanted: Sequence[tuple[str, str, str]]
    ) -> list[tuple[bytes, str] | ShareError | ShareUnreachable | None]:
        """What `read_if_changed` says of each token, path and ETag, or would raise. Of those that
        are left over nothing is known: ask for each alone.
        """
        root, own = self._root, self._lines
        gets = [
            (root + quote(path), own + header_lines(_headers(token, etag)))
            for token, path, etag in wanted
        ]
        replies = await exchange_several(self._there(), gets, self.may_act)
        return [_told(reply) if is_success(reply) else self.failure(reply) for reply in replies]

    def _there(self) -> Address:
        if self._address is None:
            self._address = address_of(self._http, self._base)
        return self._address


def _headers(token: str, etag: str) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {token}"}
    if etag:
        headers["If-None-Match"] = etag
    return headers


def _told(reply: Reply) -> tuple[bytes, str] | None:
    return None if reply.status == 304 else (reply.body, reply.etag)
