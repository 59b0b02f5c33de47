"""The one client of a server's API, for everybody who asks: commands, fleets, load runs, soaks,
scenarios, metrics.

The law: a call ends with an answer of the kind that was asked for, or in one of three ways, each a
`SiteError`: refused, unreachable, or not a Despoolr server. What carries the request is a
`Transport` that is handed in: a session of aiohttp, over sockets or on the simulated network, or
for a command that has no event loop `despoolr_app.site_client.blocking_client`. Opens that are
kept, and their sessions, are `despoolr_client.transport`'s.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from despoolr_app.site_client.errors import NotDespoolr, SiteError, SiteRefused, SiteUnreachable
from despoolr_core.share.fleet_api import (
    SetupFacts,
    SlotFacts,
    SlotNews,
    SlotRequest,
    TokenList,
    TokenRequest,
)
from despoolr_core.share.site_api import (
    JobCancelled,
    JobFacts,
    JobList,
    JobMade,
    JobRow,
    MachinesMade,
    MachineSpec,
    PackageList,
    PackageMade,
    PackageRow,
    PackageSpec,
    SiteFacts,
)
from despoolr_core.share.wire import GATEWAY_ERRORS, Problem
from despoolr_server.site.jobs.model import JobSpec

T = TypeVar("T")

ANSWER_SIZE_MAX: Final = 256 * 1024 * 1024
"""Bytes of an answer."""
RETRY_AFTER_S_MAX: Final = 3600
"""Seconds that a server may tell its callers to wait."""


class ServerAddress(msgspec.Struct, frozen=True):
    """A running server and the token to ask it with."""

    name: str
    url: str
    token: str


class HttpAnswer(msgspec.Struct, frozen=True):
    """What came back, whatever it means: `date` and `retry_after` are the headers, if there are
    any.
    """

    status: int
    body: bytes
    date: str = ""
    retry_after: str = ""


class Streamed(msgspec.Struct, frozen=True):
    """A body that is read while it is sent: so many bytes, in parts."""

    size: int
    parts: AsyncIterator[bytes]


Body = bytes | Streamed | None


class Transport(Protocol):
    """Carries one request and its answer."""

    async def __call__(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body,
        *,
        timeout_s: float | None,
        size_max: int,
    ) -> HttpAnswer:
        """The answer, or at least the first `size_max` bytes and one more of a larger one. Raises
        `OSError` for none, `TimeoutError` for none in time (None: the transport's own).
        """


class SiteClient:
    """Calls of one server as the holder of its address's token. Each raises `SiteError`.

    `called` is what messages call it, else its URL.
    """

    __slots__ = ("_transport", "called", "server", "timeout_s")

    def __init__(
        self,
        transport: Transport,
        server: ServerAddress,
        *,
        called: str = "",
        timeout_s: float | None = None,
    ) -> None:
        self.server = server
        self.called = called or server.url
        self.timeout_s = timeout_s
        self._transport = transport

    # -- what a site is asked

    async def setup(self) -> SetupFacts:
        """The server, its shares, its time; of a site server also the site and its servers."""
        return await self.call("GET", "setup", SetupFacts)

    async def site(self) -> SiteFacts:
        """The site as it is now."""
        return await self.call("GET", "site", SiteFacts)

    async def tokens(self, wanted: Sequence[TokenRequest]) -> list[str]:
        """A token for each, in their order."""
        return (await self.call("POST", "tokens", TokenList, wanted)).tokens

    async def lease_slots(self, request: SlotRequest) -> SlotFacts:
        """A range of client numbers; `count` 0 if none is free."""
        return await self.call("POST", "slots", SlotFacts, request)

    async def renew_slots(self, holder: str, news: SlotNews) -> SlotFacts:
        """Keep a holder's range for as long again."""
        return await self.call("PUT", f"slots/{holder}", SlotFacts, news)

    async def release_slots(self, holder: str, instance: str = "") -> None:
        """Give a holder's range back, with `instance` only if that process has it."""
        which = f"?instance={instance}" if instance else ""
        await self.send("DELETE", f"/api/v1/slots/{holder}{which}")

    async def add_machines(self, machines: Sequence[MachineSpec]) -> int:
        """Make machines known; how many."""
        return (await self.call("POST", "machines", MachinesMade, machines)).machines

    async def packages(self) -> list[PackageRow]:
        """Every package of the site, by PackageID."""
        return (await self.call("GET", "packages", PackageList)).packages

    async def make_package(self, spec: PackageSpec) -> str:
        """Make a package of what lies at its source; its PackageID."""
        return (await self.call("POST", "packages", PackageMade, spec)).package

    async def jobs(self) -> list[JobRow]:
        """Every job of the site, oldest first."""
        return (await self.call("GET", "jobs", JobList)).jobs

    async def job(self, job: str) -> JobFacts:
        """One job and its rows of Job Details, by id or name."""
        return await self.call("GET", f"jobs/{quote(job, safe='')}", JobFacts)

    async def make_job(self, spec: JobSpec) -> str:
        """Make a job; its JobID."""
        return (await self.call("POST", "jobs", JobMade, spec)).job

    async def cancel_job(self, job: str) -> JobRow:
        """Cancel a job; its row afterwards."""
        answer = await self.call("POST", f"jobs/{quote(job, safe='')}/cancel", JobCancelled)
        return answer.job

    # -- any call

    async def call(self, method: str, path: str, kind: type[T], body: object = None) -> T:
        """A call of `/api/v1/<path>` with a body that becomes JSON, answered by a `kind`. Raises
        `SiteError`.
        """
        data = None if body is None else msgspec.json.encode(body)
        return self._decoded(await self.exchange(method, f"/api/v1/{path}", data), kind)

    async def get(self, path: str, kind: type[T]) -> T:
        """`GET` of a path of the server, answered by a `kind`. Raises `SiteError`."""
        return self._decoded(await self.exchange("GET", path), kind)

    async def send(self, method: str, target: str, body: Body = None) -> bytes:
        """A request for a percent-encoded address, such as that of a file on a share: the bytes of
        its answer. Raises `SiteError`.
        """
        return (await self.exchange(method, target, body)).body

    async def exchange(
        self,
        method: str,
        target: str,
        body: Body = None,
        *,
        size_max: int = ANSWER_SIZE_MAX,
    ) -> HttpAnswer:
        """The same: the whole answer. Raises `SiteError`."""
        headers: dict[str, str] = {}
        if self.server.token:
            headers["Authorization"] = f"Bearer {self.server.token}"
        if isinstance(body, Streamed):
            headers["Content-Length"] = str(body.size)
            headers["Content-Type"] = "application/octet-stream"
        elif body is not None:
            headers["Content-Type"] = "application/json"
        url = self.server.url
        try:
            answer = await self._transport(
                method,
                url + target,
                headers,
                body,
                timeout_s=self.timeout_s,
                size_max=size_max,
            )
        except TimeoutError as error:
            within = f"no answer within {self.timeout_s:g} s" if self.timeout_s else ""
            raise SiteUnreachable(url, within or str(error) or "timed out") from None
        except OSError as error:
            raise SiteUnreachable(url, _network_reason(error)) from None
        if len(answer.body) > size_max:
            raise NotDespoolr(url, answer.status, f"more than {size_max} bytes")
        if answer.status >= 400:
            raise self._refusal(answer)
        return answer

    def _decoded(self, answer: HttpAnswer, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except msgspec.MsgspecError as error:
            raise NotDespoolr(self.server.url, answer.status, str(error)) from None

    def _refusal(self, answer: HttpAnswer) -> SiteError:
        try:
            problem = msgspec.json.decode(answer.body, type=Problem)
        except msgspec.MsgspecError:
            if answer.status in GATEWAY_ERRORS:
                return SiteUnreachable(self.server.url, f"a gateway answers {answer.status}")
            return NotDespoolr(self.server.url, answer.status)
        again = answer.retry_after
        wait_s = min(RETRY_AFTER_S_MAX, int(again)) if again.isdecimal() else 0.0
        return SiteRefused(self.called, problem, wait_s)


def _network_reason(error: OSError) -> str:
    """`Connection refused`, where aiohttp says with which host and port of which address too."""
    inner = getattr(error, "os_error", error)
    if isinstance(inner, ConnectionError) and inner.errno:
        return os.strerror(inner.errno)
    return str(error) or type(error).__name__
