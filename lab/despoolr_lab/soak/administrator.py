"""What an administrator of a soak orders, over HTTP like anyone: packages, jobs, updates,
cancellations.

The law: an order is given exactly once, although a site server may die between doing it and saying
so: every job has a name of its own, and before an order is given again it is looked whether it
stands. A site that does not answer is asked again until the order stands or the time is up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import aiohttp
import msgspec

from despoolr_lab.soak.plan import FILE_COUNT, SITE

AGAIN_S: Final = 0.5
GIVE_UP_S: Final = 120.0
REQUEST_S: Final = 20.0
FILE_SIZE: Final = 600
T = TypeVar("T")


class OrderRefused(Exception):
    """The site said no to an order that should stand: a fault, or the stack is not what it was."""


@dataclass
class SoakAdministrator:
    """Orders by `http` at `url`. `site_now` tells site time."""

    http: aiohttp.ClientSession
    url: str
    token: str
    site_now: Callable[[], float]

    # -- packages

    async def write_source(self, package: str, edition: int) -> None:
        """Put the package's files on the source share: each edition has other bytes."""
        for number in range(FILE_COUNT):
            text = f"{package} file {number} edition {edition}\r\n"
            body = (text * (FILE_SIZE // len(text) + 1)).encode()
            await self._until_done(
                lambda n=number, b=body: self._put(f"/PKGSRC/{package}/F{n}.DAT", b)  # type: ignore[misc]
            )

    async def make_package(self, package: str) -> str:
        """Make it of its source, once; its id."""

        async def once() -> str:
            there = (await self.ask("GET", "packages"))["packages"]
            known = next((row["package"] for row in there if row["name"] == package), "")
            body = {"name": package, "source": f"\\\\{SITE}\\PKGSRC\\{package}"}
            return str(known or (await self.ask("POST", "packages", body))["package"])

        await self._until_done(lambda: self._mkcol(f"/PKGSRC/{package}"))
        await self.write_source(package, 0)
        return await self._until_done(once)

    # -- jobs

    async def order(self, name: str, package: str, **spec: Any) -> str:
        """Make a job of a name that no other has; its id."""

        async def once() -> str:
            there = await self.jobs()
            known = next((row["job"] for row in there if row["name"] == name), "")
            return str(
                known
                or (await self.ask("POST", "jobs", {"name": name, "package": package, **spec}))[
                    "job"
                ]
            )

        return await self._until_done(once)

    async def cancel(self, job: str) -> None:
        """Cancel a job; one that is being cancelled, or has ended, stays as it is."""

        async def once() -> None:
            row = (await self.ask("GET", f"jobs/{job}"))["job"]
            if row["status"] not in ("Cancelling", "Cancelled", "Complete", "Failed"):
                await self.ask("POST", f"jobs/{job}/cancel", {})

        await self._until_done(once)

    async def jobs(self) -> list[dict[str, Any]]:
        """Every job's row. Raises aiohttp's errors for a site that is silent."""
        return list((await self.ask("GET", "jobs"))["jobs"])

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One call. Raises `OrderRefused`, or aiohttp's errors."""
        data = None if body is None else msgspec.json.encode(body)
        raw = await self._call(method, f"/api/v1/{path}", data)
        return msgspec.json.decode(raw) if raw else None

    # -- how

    async def _mkcol(self, path: str) -> None:
        await self._call("MKCOL", f"{path}?parents=true", None, allowed=(405, 409))

    async def _put(self, path: str, body: bytes) -> None:
        await self._call("PUT", path, body)

    async def _call(
        self, method: str, target: str, body: bytes | None, allowed: tuple[int, ...] = ()
    ) -> bytes:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        timeout = aiohttp.ClientTimeout(total=REQUEST_S)
        async with self.http.request(
            method, self.url + target, data=body, headers=headers, timeout=timeout
        ) as response:
            raw = await response.read()
            if response.status in allowed:
                return raw
            # it stops, or somebody has the file open: not now
            if response.status >= 500 or response.status == 423:
                raise aiohttp.ClientConnectionError(f"HTTP {response.status}")
            if response.status >= 400:
                raise OrderRefused(
                    f"{method} {target}: {response.status} {raw[:300].decode('utf-8', 'replace')}"
                )
            return raw

    async def _until_done(self, once: Callable[[], Awaitable[T]]) -> T:
        deadline = asyncio.get_running_loop().time() + GIVE_UP_S
        while True:
            try:
                return await once()
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise OrderRefused(
                        f"{self.url} takes no order for {GIVE_UP_S:g} s: {error}"
                    ) from None
                await asyncio.sleep(AGAIN_S)
