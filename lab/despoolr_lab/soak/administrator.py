"""What an administrator of a soak orders, over HTTP like anyone: packages, jobs, updates,
cancellations.

The law: an order is given exactly once, although a site server may die between doing it and saying
so: every job has a name of its own, and before an order is given again it is looked whether it
stands. A site that does not answer is asked again until the order stands or the time is up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from despoolr_app.site_client.client import SiteClient
from despoolr_app.site_client.errors import SiteError, SiteRefused
from despoolr_app.site_client.patience import patiently
from despoolr_core.share.site_api import JobRow, PackageSpec
from despoolr_lab.soak.plan import FILE_COUNT, SITE
from despoolr_server.site.jobs.model import JobSpec

AGAIN_S: Final = 0.5
GIVE_UP_S: Final = 120.0
REQUEST_S: Final = 20.0
FILE_SIZE: Final = 600
T = TypeVar("T")


@dataclass
class SoakAdministrator:
    """Orders by `site`. `site_now` tells site time. What is refused, or gets no answer for
    `GIVE_UP_S`, raises `SiteError`: a fault, or the stack is not what it was.
    """

    site: SiteClient
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
        """Make the package of its source, once. Returns its id."""

        async def once() -> str:
            there = await self.site.packages()
            known = next((row.package for row in there if row.name == package), "")
            spec = PackageSpec(package, rf"\\{SITE}\PKGSRC\{package}")
            return known or await self.site.make_package(spec)

        await self._until_done(lambda: self._mkcol(f"/PKGSRC/{package}"))
        await self.write_source(package, 0)
        return await self._until_done(once)

    # -- jobs

    async def order(self, spec: JobSpec) -> str:
        """Make a job of a name that no other job has. Returns its id."""

        async def once() -> str:
            known = next((row.job for row in await self.site.jobs() if row.name == spec.name), "")
            return known or await self.site.make_job(spec)

        return await self._until_done(once)

    async def cancel(self, job: str) -> None:
        """Cancel a job; one that is being cancelled, or has ended, stays as it is."""

        async def once() -> None:
            row = (await self.site.job(job)).job
            if row.status not in ("Cancelling", "Cancelled", "Complete", "Failed"):
                await self.site.cancel_job(job)

        await self._until_done(once)

    async def jobs(self) -> list[JobRow]:
        """Every job's row. Raises `SiteError`, for a silent site too."""
        return await self.site.jobs()

    # -- how

    async def _mkcol(self, path: str) -> None:
        try:
            await self.site.send("MKCOL", f"{path}?parents=true")
        except SiteRefused as error:
            if error.status not in (405, 409):  # it is there
                raise

    async def _put(self, path: str, body: bytes) -> None:
        await self.site.send("PUT", path, body)

    async def _until_done(self, once: Callable[[], Awaitable[T]]) -> T:
        return await patiently(once, wait_s=GIVE_UP_S, again_s=AGAIN_S, passes=is_passing)


def is_passing(error: SiteError) -> bool:
    """Whether it is only not now: nobody answers, the server stops, somebody has the file open."""
    return not error.status or error.status >= 500 or error.status == 423
