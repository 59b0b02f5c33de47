"""An order is given exactly once, whatever the site server does in the middle of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from despoolr_app.site_client.client import ServerAddress, SiteClient
from despoolr_app.site_client.errors import SiteRefused, SiteUnreachable
from despoolr_app.site_client.over_aiohttp import aiohttp_transport
from despoolr_core.share.site_api import JobRow
from despoolr_core.share.wire import Problem
from despoolr_lab.soak import administrator as module
from despoolr_lab.soak.administrator import SoakAdministrator
from despoolr_server.site.jobs.model import JobSpec


class Site:
    """A site's calls, as an administrator sees them; `dies` times it does what was ordered and says
    nothing.
    """

    def __init__(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.dies = 0
        self.status = 0

    async def get_jobs(self, _: web.Request) -> web.Response:
        return web.json_response({"jobs": self.jobs})

    async def post_job(self, request: web.Request) -> web.Response:
        if self.status:
            problem = Problem("about:blank", "No", self.status, "no such package")
            return web.Response(status=self.status, body=msgspec.json.encode(problem))
        body = await request.json()
        row = msgspec.to_builtins(JobRow("", "", "", "", "", "", "", "", "", 0.0, 0.0, 0.0))
        made = {"job": f"BPC{len(self.jobs):05}", "name": body["name"], "status": "Pending"}
        self.jobs.append(row | made)
        if self.dies:
            self.dies -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"job": self.jobs[-1]["job"]})

    async def get_job(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "job": next(j for j in self.jobs if j["job"] == request.match_info["job"]),
                "details": [],
            }
        )

    async def cancel(self, request: web.Request) -> web.Response:
        job = next(j for j in self.jobs if j["job"] == request.match_info["job"])
        assert job["status"] == "Pending", "a job is cancelled once"
        job["status"] = "Cancelling"
        if self.dies:
            self.dies -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"job": job}, status=202)


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
async def administrator(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SoakAdministrator]:
    monkeypatch.setattr(module, "AGAIN_S", 0.001)
    app = web.Application()
    app.add_routes(
        [
            web.get("/api/v1/jobs", site.get_jobs),
            web.post("/api/v1/jobs", site.post_job),
            web.get("/api/v1/jobs/{job}", site.get_job),
            web.post("/api/v1/jobs/{job}/cancel", site.cancel),
        ]
    )
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    listening = web.TCPSite(runner, "127.0.0.1", 0)
    await listening.start()
    async with aiohttp.ClientSession() as http:
        address = ServerAddress("SITE1", f"http://127.0.0.1:{listening.port}", "token")
        client = SiteClient(aiohttp_transport(http), address)
        yield SoakAdministrator(client, lambda: 0.0)
    await runner.cleanup()


async def test_a_job_whose_answer_was_lost_is_not_made_again(
    site: Site, administrator: SoakAdministrator
) -> None:
    site.dies = 1
    assert await administrator.order(JobSpec("RUN0001", "BPC00001")) == "BPC00000"
    assert [job["name"] for job in site.jobs] == ["RUN0001"]


async def test_a_cancellation_whose_answer_was_lost_is_not_asked_again(
    site: Site, administrator: SoakAdministrator
) -> None:
    job = await administrator.order(JobSpec("OFFER0001", "BPC00001"))
    site.dies = 1
    await administrator.cancel(job)
    assert site.jobs[0]["status"] == "Cancelling"


async def test_an_order_that_is_refused_is_a_finding(
    site: Site, administrator: SoakAdministrator
) -> None:
    site.status = 400
    with pytest.raises(SiteRefused, match="no such package"):
        await administrator.order(JobSpec("RUN0001", "GHOST"))


async def test_a_site_that_stays_away_is_given_up(
    administrator: SoakAdministrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GIVE_UP_S", 0.05)
    administrator.site.server = ServerAddress("SITE1", "http://127.0.0.1:9", "token")
    with pytest.raises(SiteUnreachable, match="does not answer"):
        await administrator.order(JobSpec("RUN0001", "BPC00001"))
