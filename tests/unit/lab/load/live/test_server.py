"""Who looks at a running load gets the newest page, never a queue, and in the end the report."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import pytest

from despoolr_app.process.runtime import StartError
from despoolr_app.process.settings import Listen
from despoolr_lab.load.live.server import LISTENERS_MAX, LiveLoad
from despoolr_lab.load.measure.tally import Second
from despoolr_lab.load.run import LoadProgress
from despoolr_lab.load.spec.file import parse_load
from despoolr_lab.load.workers.protocol import WorkerStatus

LOAD = parse_load('name = "one"\ntitle = "One"\n[load]\n[[clients]]\nname = "A"\ncount = 4\n')


def progress(second: float) -> LoadProgress:
    return LoadProgress("running", second, 300.0, WorkerStatus("told"), Second(), None)


class Looking:
    """One who looks."""

    def __init__(self, reply: aiohttp.ClientResponse) -> None:
        self._reply = reply

    async def event(self) -> tuple[str, str]:
        """The next event: its name and its text."""
        async with asyncio.timeout(60):
            lines = [(await self._reply.content.readline()).decode() for _ in range(3)]
        return (
            lines[0].removeprefix("event: ").strip(),
            msgspec.json.decode(lines[1].removeprefix("data: ")),
        )


@asynccontextmanager
async def live() -> AsyncIterator[tuple[LiveLoad, str, aiohttp.ClientSession]]:
    page = LiveLoad(LOAD, "19960603T080000Z")
    url = await page.start(Listen("0.0.0.0", 0))
    assert url.startswith("http://127.0.0.1:"), "what is told can be opened"
    async with aiohttp.ClientSession(read_bufsize=2**20) as http:
        yield page, url, http
    await page.end("")


async def test_who_looks_gets_the_page_as_it_is_and_then_each_newer_one() -> None:
    async with live() as (page, url, http):
        page.show(progress(1.5))
        async with http.get(f"{url}/events") as reply:
            assert reply.headers["Content-Type"].startswith("text/event-stream")
            looking = Looking(reply)
            name, text = await looking.event()
            assert name == "course" and "running: 0:01 of 5:00" in text
            for second in (2.5, 3.5, 4.5):
                page.show(progress(second))
            assert "running: 0:04 of 5:00" in (await looking.event())[1]


async def test_in_the_end_the_report_comes_and_nobody_is_waited_for_who_is_gone() -> None:
    async with live() as (page, url, http):
        async with http.get(f"{url}/events") as reply:
            looking = Looking(reply)
            page.show(progress(1.5))
            await looking.event()
            ending = asyncio.ensure_future(page.end("<!doctype html>\n<p>over</p>"))
            assert await looking.event() == ("over", "<!doctype html>\n<p>over</p>")
            async with asyncio.timeout(60):
                await ending
        with pytest.raises(aiohttp.ClientError):
            await http.get(url)


async def test_only_so_many_look_at_one_time_and_a_place_comes_free() -> None:
    async with live() as (page, url, http):
        page.show(progress(1.5))
        replies = [await http.get(f"{url}/events") for _ in range(LISTENERS_MAX)]
        assert [reply.status for reply in replies] == [200] * LISTENERS_MAX
        refused = await http.get(f"{url}/events")
        assert refused.status == 503 and refused.headers["Retry-After"] == "5"
        replies[0].close()
        async with asyncio.timeout(60):
            while (again := await http.get(f"{url}/events")).status != 200:
                page.show(progress(2.5))  # who is gone is noticed when something is sent
                await asyncio.sleep(0.05)
        for reply in (*replies, refused, again):
            reply.close()


async def test_a_page_of_another_name_is_refused_and_the_page_runs_no_script_but_its_own() -> None:
    async with live() as (_, url, http):
        async with http.get(url, headers={"Host": "evil.example"}) as reply:
            assert reply.status == 421
        async with http.get(f"{url}/events", headers={"Host": "evil.example"}) as reply:
            assert reply.status == 421
        async with http.get(url) as reply:
            policy = reply.headers["Content-Security-Policy"]
            assert "script-src 'sha256-" in policy and "default-src 'none'" in policy
            assert "unsafe-inline" not in policy.partition("style-src")[0]


async def test_nobody_looks_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[float] = []
    async with live() as (page, url, http):
        make = page._make

        def counted(told: LoadProgress) -> None:
            made.append(told.second)
            make(told)

        monkeypatch.setattr(page, "_make", counted)
        for second in (1.5, 2.5, 3.5):
            page.show(progress(second))
        assert made == []
        async with http.get(f"{url}/events") as one, http.get(f"{url}/events") as other:
            for reply in (one, other):
                await Looking(reply).event()
        assert made == [3.5]


async def test_an_address_that_is_taken_is_one_line() -> None:
    async with live() as (_, url, _http):
        other = LiveLoad(LOAD, "19960603T080000Z")
        with pytest.raises(StartError, match=r"is in use.* choose another --page"):
            await other.start(Listen("127.0.0.1", int(url.rpartition(":")[2])))
