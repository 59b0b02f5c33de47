"""The records of a process over HTTP."""

from __future__ import annotations

import asyncio

import aiohttp

from despoolr_core.records.kinds.share import ShareStarted
from despoolr_core.records.stream import Record, decode
from despoolr_server.http.live.records import BEHIND_MAX, READERS_MAX, _Reader
from worlds.share_server import Site


async def line_of(answer: aiohttp.ClientResponse) -> bytes:
    async with asyncio.timeout(60):
        return (await answer.content.readline()).strip()


async def test_what_is_on_file_is_told_and_then_what_comes_each_once(site: Site) -> None:
    await site.ask("PUT", "/SMS_SHR/a.dat", b"x")
    headers = {"Authorization": f"Bearer {site.token}"}
    url = f"{site.base}/api/v1/records?follow=true"
    async with site.http.get(url, headers=headers) as answer:
        kinds = []
        while line := await line_of(answer):
            kinds.append(decode(line).kind)
        assert kinds == [record.kind for record in site.records]
        await site.ask("PUT", "/SMS_SHR/b.dat", b"x")
        assert decode(await line_of(answer)) == site.records[-1]
    once = await site.ask("GET", "/api/v1/records")
    assert [decode(line) for line in once.body.splitlines()] == site.records


async def test_a_client_reads_no_records(site: Site) -> None:
    assert (await site.ask("GET", "/api/v1/records", token=site.client_token)).status == 403


async def test_so_many_read_at_one_time_and_no_more(site: Site) -> None:
    headers = {"Authorization": f"Bearer {site.token}"}
    url = f"{site.base}/api/v1/records?follow=true"
    readers = [await site.http.get(url, headers=headers) for _ in range(READERS_MAX)]
    assert (await site.ask("GET", "/api/v1/records")).status == 503
    for reader in readers:
        reader.close()


def test_a_reader_that_is_too_slow_is_cut_off() -> None:
    reader, record = _Reader(), Record(1, 0.0, "x", ShareStarted(server="x"))
    for _ in range(BEHIND_MAX + 1):
        reader.hear(record)
    assert reader.is_behind
    assert len(reader.waiting) == BEHIND_MAX
