"""A site's page hears of servers in other processes."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import aiohttp
import msgspec
import pytest

from despoolr_app.servers.follower import LOOK_S, TEXT_SIZE_MAX, Follower, _Past
from despoolr_core.records.episodes import ENDED_EACH
from despoolr_core.records.kinds.run import FaultBegan, FaultEnded
from despoolr_core.records.kinds.share import OpenGranted, OpenRefused, ShareStarted
from despoolr_core.records.live.fold import LiveFold
from despoolr_core.records.live.page_query import PageQuery
from despoolr_core.records.stream import Record, encode
from despoolr_server.engine.names import PATH_MAX, printable
from despoolr_server.http.live.feeds import LiveFeeds
from despoolr_server.loop import pace
from worlds.share_server import Site, serving


def granted(server: str, handle: str) -> OpenGranted:
    who = dict.fromkeys(("session", "machine", "user", "program", "share", "path"), "X")
    return OpenGranted(
        server=server,
        open=handle,
        access="READ",
        share_mode="READ",
        action="OPENED",
        purpose="",
        **who,
    )


def line(seq: int, at: float = 0.0) -> bytes:
    return encode(Record(seq, at, "LOGON1", ShareStarted(server="LOGON1"))) + b"\n"


def numbers(past: _Past, *lines: bytes) -> list[int]:
    return [record.seq for told in lines for record in past.news(told)]


def test_what_was_heard_before_an_interruption_is_passed_over() -> None:
    last = Record(7, 3.0, "LOGON1", ShareStarted(server="LOGON1"))
    told = (line(6, 2.0), line(7, 3.0), line(8, 4.0), b"\n", line(9, 5.0))
    assert numbers(_Past(last), *told) == [8, 9]
    assert numbers(_Past(None), *told) == [6, 7, 8, 9]


def test_a_server_with_other_records_is_heard_from_their_beginning() -> None:
    last = Record(7, 3.0, "LOGON1", ShareStarted(server="LOGON1"))
    assert numbers(_Past(last), line(1, 9.0), line(2, 9.5), b"\n", line(3, 10.0)) == [1, 2, 3]
    assert numbers(_Past(None), b"no record\n", line(1)) == [1]


def test_a_record_with_a_text_that_no_server_takes_is_passed_over() -> None:
    def refused(seq: int, **told: str) -> bytes:
        facts = {
            "server": "LOGON1",
            "machine": "WS1",
            "user": "",
            "program": "",
            "share": "S",
            "path": "F",
            "access": "READ",
            "share_mode": "READ",
            "nt_status": "STATUS_SHARING_VIOLATION",
            "win32": 32,
            "purpose": "",
            "episode": "LOGON1-E1",
            "blockers": [
                {
                    "open": "O1",
                    "machine": "WS2",
                    "user": "",
                    "program": told.get("of_blocker", ""),
                    "access": "READ",
                    "share_mode": "READ",
                    "opened_at": 0.0,
                }
            ],
        } | {name: text for name, text in told.items() if name == "path"}
        return encode(Record(seq, 0.0, "LOGON1", msgspec.convert(facts, OpenRefused))) + b"\n"

    longest = "x" * TEXT_SIZE_MAX
    assert numbers(
        _Past(None),
        refused(1, path=longest),
        refused(2, path=longest + "x"),
        refused(3, of_blocker=longest),
        refused(4, of_blocker=longest + "x"),
    ) == [1, 3]


def test_a_refused_path_is_never_too_long_to_be_heard_of() -> None:
    assert len(printable("\u202e" * 2 * PATH_MAX)) == TEXT_SIZE_MAX


def test_a_page_hears_of_a_servers_own_faults_and_no_other_in_its_process() -> None:
    feeds = LiveFeeds(LiveFold(), lambda: 5.0, start="1")
    follower = Follower("LOGON1", "http://127.0.0.1:1", "", feeds, lambda: 5.0)
    for number, server in enumerate(("LOGON1", "LOGON2"), 1):
        began = FaultBegan(fault="slow_share", where=f"{server} by 2s")
        follower._take(Record(number, 0.0, server, began))
    assert [mark.text for mark in feeds.live.faults.values()] == ["slow_share, LOGON1 by 2s"]
    ended = FaultEnded(fault="slow_share", where="LOGON1 by 2s")
    follower._take(Record(3, 9.0, "LOGON1", ended, 1))
    assert not feeds.live.faults


async def test_others_have_turns_while_the_opens_of_a_server_that_starts_again_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pace, "LONG_S", 0.0)
    feeds = LiveFeeds(LiveFold(), lambda: 5.0, start="1")
    follower = Follower("LOGON1", "http://127.0.0.1:1", "", feeds, lambda: 5.0)
    ledger, count = feeds.live.ledger, 20 * ENDED_EACH
    for number, server in enumerate(["LOGON2", *["LOGON1"] * count], 1):
        ledger.apply(Record(number, 1.0, server, granted(server, f"O{number}")))
    started = Record(count + 2, 2.0, "LOGON1", ShareStarted(server="LOGON1"))
    counts = [ledger.held_count]
    task = asyncio.create_task(follower._take_all([started]))
    while not task.done():
        await asyncio.sleep(0)
        counts.append(ledger.held_count)
    assert max(before - after for before, after in pairwise(counts)) <= ENDED_EACH
    assert [held.server for held in ledger.each_held()] == ["LOGON2"]
    assert {held.closed_at for held in ledger.opens(1.0) if held.server == "LOGON1"} == {2.0}
    at_once = LiveFold().ledger
    for number, server in enumerate(["LOGON2", *["LOGON1"] * count], 1):
        at_once.apply(Record(number, 1.0, server, granted(server, f"O{number}")))
    at_once.apply(started)
    assert at_once.opens(1.0) == ledger.opens(1.0)


async def test_a_page_follows_a_server_and_says_since_when_it_is_silent() -> None:
    feeds = LiveFeeds(LiveFold(), lambda: 5.0, start="1")
    live = feeds.live
    async with aiohttp.ClientSession() as http:
        with feeds.listening(PageQuery()) as feed:
            async with serving() as site:
                follower = Follower("LOGON1", site.base, site.token, feeds, lambda: 5.0)
                task = asyncio.create_task(follower.run(http))
                await site.ask("PUT", "/SMS_SHR/b.dat", b"old")
                await site.hold("b.dat")
                refused = await site.ask("PUT", "/SMS_SHR/b.dat", b"x", Despoolr_Program="DESPOOL")
                assert refused.status == 423
                while not live.ledger.waiting_count:
                    await feed.changed(10)
            while not live.silent:
                await feed.changed(10)
    assert live.silent == {"LOGON1": 5.0}
    assert live.ledger.waiting_count == 1, "its rows are as they were then"
    task.cancel()
    feeds.close()


@pytest.mark.slow
async def test_a_page_does_not_hear_a_server_while_the_line_to_it_is_cut() -> None:
    feeds = LiveFeeds(LiveFold(), lambda: 5.0, start="1")
    live, cut = feeds.live, [True]
    async with aiohttp.ClientSession() as http, serving() as site:
        follower = Follower("LOGON1", site.base, site.token, feeds, lambda: 5.0, lambda: cut[0])
        with feeds.listening(PageQuery()) as feed:
            task = asyncio.create_task(follower.run(http))
            await site.ask("PUT", "/SMS_SHR/b.dat", b"old")
            while not live.silent:
                await feed.changed(10)
            assert live.silent == {"LOGON1": 5.0} and not live.servers
            cut[0] = False
            while live.silent or not live.servers:
                await feed.changed(10)
            cut[0] = True
            await site.hold("b.dat")
            while not live.silent:
                await feed.changed(10)
            assert not list(live.ledger.each_held()), "it was opened while the line was cut"
            cut[0] = False
            while not list(live.ledger.each_held()):
                await feed.changed(10)
        task.cancel()
    feeds.close()


async def test_services_are_told_of_each_change_there_and_may_rest_until_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("despoolr_app.servers.follower.LOOK_S", 1e9)
    feeds = LiveFeeds(LiveFold(), lambda: 5.0, start="1")
    cut, stirred = [False], asyncio.Event()

    def follow(site: Site) -> Follower:
        return Follower(
            "LOGON1", site.base, site.token, feeds, lambda: 5.0, lambda: cut[0], stirred.set
        )

    async def news() -> object:
        """What is said when something was heard and nothing more comes."""
        await asyncio.wait_for(stirred.wait(), 60)
        stirred.clear()
        return told(0.0)

    async with aiohttp.ClientSession() as http:
        async with serving() as site:
            follower = follow(site)
            told = follower.watch("SMS_SHR", ["DESPOOLR.BOX"])
            assert told(0.0) is None, "nobody hears it yet: it must be asked"
            task = asyncio.create_task(follower.run(http))
            seen = [await news()]
            for content in (b"new", b"newer"):
                before = told(0.0)
                assert before == told(0.0) is not None, "nothing happens, and it says so"
                await site.ask("PUT", "/SMS_SHR/b.dat", content)
                seen.append(await news())
            assert None not in seen and len(set(seen)) == 3
            cut[0] = True
            assert told(0.0) is None
            cut[0] = False
            assert told(0.0) is not None
        with feeds.listening(PageQuery()) as feed:
            while not feeds.live.silent:
                await feed.changed(10)
        assert told(0.0) is None, "it has gone"
        task.cancel()
    feeds.close()


async def test_what_is_done_past_a_server_is_looked_for_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    feeds = LiveFeeds(LiveFold(), lambda: 5.0, start="1")
    follower = Follower("LOGON1", "http://127.0.0.1:1", "", feeds, lambda: 5.0)
    follower._hear()
    time = [100.0]
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: time[0], raising=False)
    told = follower.watch("SMS_SHR", [""])
    before = told(0.0)
    assert before == told(0.0)
    time[0] += LOOK_S
    assert told(0.0) not in (None, before)
