"""One server on another machine, as one token sees it: its shares, and an operator's calls.

Many `ShareServer`s (one for each client of a fleet) stand on one `aiohttp.ClientSession`, whose
pool bounds what is in flight; an idle one costs a few hundred bytes. What it has open there, and
the session it has it in, are those of its `ServerSession`.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import msgspec

from despoolr_client.transport.calls import HttpCaller, encode, query
from despoolr_client.transport.http_share import HttpShare
from despoolr_client.transport.server_session import ServerSession
from despoolr_core.clock import Clock
from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_core.share.modes import Role
from despoolr_core.share.wire import OpenList

if TYPE_CHECKING:
    import aiohttp


class ShareServer(HttpCaller):
    """One server, as the machine and user of one token see it. Use it as an async context, or
    `close` it. Its calls raise `ShareError` for what the server refuses, `ShareUnreachable` for no
    answer.

    `http` is shared and stays its owner's. `timeout` bounds one request on the event loop's clock
    (None: the session's own). `lease_s` is that of its `session`.
    """

    __slots__ = ("session",)

    def __init__(
        self,
        http: aiohttp.ClientSession,
        base_url: str,
        token: str,
        clock: Clock,
        *,
        name: str = "",
        program: str = "",
        lease_s: float = 0.0,
        timeout: aiohttp.ClientTimeout | None = None,
    ) -> None:
        super().__init__(http, base_url, token, name=name, program=program, timeout=timeout)
        self.session = ServerSession(self, clock, lease_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def share(self, name: str) -> HttpShare:
        """One of the server's shares. It costs no round trip; a share that is not there is found
        out when it is used.
        """
        return HttpShare(self.session, name)

    async def close(self) -> None:
        """Log off, if logged on, and stop keeping alive. A server that does not answer will find
        out by the lease.
        """
        try:
            await self.session.end()
        except (ShareError, ShareUnreachable):
            pass

    def abandon(self) -> None:
        """Fall silent, as a machine without power does: nothing is closed, and no lease is renewed
        any more.
        """
        self.session.abandon()

    # -- questions and an operator's calls

    async def opens(self, share: str = "", path: str = "", machine: str = "") -> OpenList:
        """The opens that stand on the server: all, or those of a share, a path, a machine."""
        return await self.call_json(
            "GET", "/api/v1/opens" + query(share=share, path=path, machine=machine), OpenList
        )

    async def close_by_force(self, handle: str, reason: str = "") -> None:
        """Close somebody else's open. Takes a token of role `service` or `admin`."""
        await self.call(
            "DELETE", f"/api/v1/opens/{quote(handle, safe='')}" + query(force="true", reason=reason)
        )

    async def set_rights(
        self, share: str, prefix: str, role: Role, rights: str | None
    ) -> str | None:
        """Change what a role may do below a directory (`NONE`, `READ`, `CHANGE`, `FULL`; None: no
        entry). Returns what it was.
        """
        body = encode({"prefix": prefix, "role": role, "rights": rights})
        reply = await self.call("PUT", f"/api/v1/shares/{quote(share, safe='')}/rights", body)
        former = msgspec.json.decode(reply.body, type=dict[str, str | None])
        return former["former"]

    async def send_message(self, machine: str, text: str) -> None:
        """What NET SEND does: a line for the user of a machine."""
        await self.call("POST", "/api/v1/messages", encode({"machine": machine, "text": text}))

    async def messages(self) -> list[str]:
        """What was sent to this machine's user since it was asked last."""
        reply = await self.call("GET", "/api/v1/messages")
        return msgspec.json.decode(reply.body, type=dict[str, list[str]])["messages"]
