"""A session on a share server, for a command that has no event loop. Every call blocks, and raises
`SiteError`.
"""

from __future__ import annotations

from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Self, TypeVar

import msgspec

from despoolr_app.site_client.blocking_client import TIMEOUT_S, call, client, now
from despoolr_app.site_client.errors import SiteError
from despoolr_core.share.wire import OpenReply, OpenRequest, SessionReply, SessionRequest

if TYPE_CHECKING:
    from despoolr_app.site_client.client import ServerAddress

T = TypeVar("T", bound=msgspec.Struct)


class ShareSession:
    """Begun when it is entered, ended whatever happens."""

    def __init__(
        self, server: ServerAddress, asked: SessionRequest, *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._server = server
        self._asked = asked
        self._timeout_s = timeout_s
        self._path = ""
        self.id = ""

    def __enter__(self) -> Self:
        self.id = self._post("sessions", self._asked, SessionReply).session
        self._path = f"/api/v1/sessions/{self.id}"
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with suppress(SiteError) if kind is not None else nullcontext():  # the first error says why
            self._call("DELETE", self._path)

    def renew(self) -> None:
        """Let the session's lease run from now again."""
        self._call("PUT", self._path)

    def open(self, asked: OpenRequest) -> OpenReply:
        """Open a file on one of the server's shares."""
        return self._post("opens", asked, OpenReply)

    def check(self, handle: str) -> None:
        """See that the server has not closed an open meanwhile."""
        self._call("GET", f"/api/v1/opens/{handle}")

    def write(self, handle: str, content: bytes) -> None:
        """Write from the beginning of an open file."""
        self._call("PUT", f"/api/v1/opens/{handle}/content", content)

    def read(self, handle: str) -> bytes:
        """All that an open file holds."""
        return self._call("GET", f"/api/v1/opens/{handle}/content")

    def close(self, handle: str) -> None:
        """Give an open back to the server."""
        self._call("DELETE", f"/api/v1/opens/{handle}")

    def _post(self, path: str, asked: msgspec.Struct, kind: type[T]) -> T:
        there = client(self._server, timeout_s=self._timeout_s)
        return now(there.call("POST", path, kind, asked))

    def _call(self, method: str, target: str, body: bytes | None = None) -> bytes:
        return call(self._server, method, target, body, timeout_s=self._timeout_s)
