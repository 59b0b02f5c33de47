"""Feeds: what a reader that comes again is sent."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any

import msgspec
import pytest

from despoolr_core.records.live.page_query import PageQuery
from despoolr_core.records.live.steps import STEP
from despoolr_server.http.base.problem import Refused
from despoolr_server.http.live.feeds import (
    ASKED_MAX,
    CALLER_ASKED_MAX,
    CLIENT_LISTENERS_MAX,
    CLIENTS_PART,
    FEEDS_MAX,
    LISTENERS_MAX,
    PAGES_MAX,
    PATCHES_MAX,
    Feed,
    LiveFeeds,
)
from worlds.live import applied, blocked_update

NOW = 5.0


def fed(count: int) -> Feed:
    feed = Feed(PageQuery(), "3.1.")
    for n in range(count):
        feed.take({"n": n, "record": n, "more": {}}, NOW)
    return feed


def test_a_reader_that_was_away_gets_what_it_missed() -> None:
    feed = fed(3)
    events = feed.since(feed.version_of("3.1.1"), NOW)
    assert [(name, event_id) for name, event_id, _ in events] == [
        ("delta", "3.1.2"),
        ("delta", "3.1.3"),
    ]
    page = {"n": 0, "record": 0, "more": {}}
    for _, _, text in events:
        page = applied(page, msgspec.json.decode(text)["patch"])
    assert page == feed.page
    assert feed.since(feed.version_of("3.1.3"), NOW) == []


@pytest.mark.parametrize("last", ["", "2.1.2", "3.2.2", "3.1.x", "3.1.9", "3.1.²", "3.1.-1", "x"])
def test_a_reader_of_another_start_or_another_feed_gets_the_whole_page(last: str) -> None:
    feed = fed(3)
    ((name, event_id, text),) = feed.since(feed.version_of(last), NOW)
    assert (name, event_id) == ("snapshot", "3.1.3")
    assert msgspec.json.decode(text) == {"now": NOW, "page": feed.page}


def test_a_reader_that_was_away_for_too_long_gets_the_whole_page() -> None:
    feed = fed(PATCHES_MAX + 2)
    assert [name for name, _, _ in feed.since(1, NOW)] == ["snapshot"]
    assert len(feed.since(2, NOW)) == PATCHES_MAX


def test_the_number_of_the_last_record_alone_is_no_news() -> None:
    feed = fed(1)
    feed.take({"n": 0, "record": 7, "more": {}}, NOW)
    assert feed.version == 1


async def test_so_many_look_and_so_many_questions_are_asked_and_no_more() -> None:
    feeds = LiveFeeds(blocked_update().fold, lambda: NOW, start="1")
    with feeds.listening(PageQuery()) as feed:
        feed.listeners = LISTENERS_MAX
        with pytest.raises(Refused, match="look"), feeds.listening(PageQuery()):
            pass
        feed.listeners = 1
        others = [feeds.listening(PageQuery(word=str(n))) for n in range(FEEDS_MAX - 1)]
        for other in others:
            other.__enter__()
        with pytest.raises(Refused, match="filters"), feeds.listening(PageQuery(word="one more")):
            pass
        others.pop().__exit__(None, None, None)
        with feeds.listening(PageQuery(word="one more")):
            pass
        for other in others:
            other.__exit__(None, None, None)
    feeds.close()


@pytest.mark.slow
async def test_pages_are_made_in_turns_with_others_and_so_many_at_one_time() -> None:
    began: list[float] = []

    def now() -> float:
        began.append(NOW)
        return NOW

    told = blocked_update()
    for n in range(10 * STEP):
        told.refused(told.holds(f"PC{n}"), episode=f"E{n}", job=f"BPC1{n:04}")
    feeds = LiveFeeds(told.fold, now, start="1")
    pages = [asyncio.create_task(feeds.page(PageQuery(word=str(n)))) for n in range(PAGES_MAX + 3)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(began) == PAGES_MAX and not any(page.done() for page in pages)
    of_client = asyncio.create_task(feeds.page(PageQuery(only="PC1")))
    await asyncio.sleep(0)
    assert len(began) == PAGES_MAX + 1, "those who run the site do not keep clients waiting"
    await asyncio.gather(*pages, of_client)
    assert len(began) == PAGES_MAX + 4


async def test_who_comes_while_a_feed_is_made_anew_has_no_other_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    feeds = LiveFeeds(blocked_update().fold, lambda: NOW, start="1")
    made: list[PageQuery] = []
    page = feeds.page

    async def counted(asked: PageQuery) -> dict[str, Any]:
        made.append(asked)
        return await page(asked)

    monkeypatch.setattr(feeds, "page", counted)
    with ExitStack() as stack:
        listening = [stack.enter_context(feeds.listening(PageQuery())) for _ in range(5)]
        await asyncio.gather(*map(feeds.renew, listening))
        assert listening[-1].page["totals"]["waiters"] == 1
    assert len(made) == 1
    feeds.close()


async def test_a_feed_at_which_nobody_looked_is_made_anew_for_the_next_who_does() -> None:
    told = blocked_update()
    feeds = LiveFeeds(told.fold, lambda: NOW, start="1")
    for waiters in (1, 2):
        with feeds.listening(PageQuery()) as feed:
            await feeds.renew(feed)
            assert feed.page["totals"]["waiters"] == waiters
        told.refused(told.holds("PC9"), episode="E9", job="BPC00009")
    feeds.close()


async def test_one_client_looks_so_often_and_no_more() -> None:
    feeds = LiveFeeds(blocked_update().fold, lambda: NOW, start="1")
    with ExitStack() as lookers:
        for n in range(CLIENT_LISTENERS_MAX):
            lookers.enter_context(feeds.listening(PageQuery(word=str(n), only="PC1")))
        for word in ("0", "another"):
            mine = feeds.listening(PageQuery(word=word, only="PC1"))
            with pytest.raises(Refused, match="PC1 looks"), mine:
                pass
        lookers.enter_context(feeds.listening(PageQuery(only="PC2")))
    with feeds.listening(PageQuery(only="PC1")):
        pass
    feeds.close()


async def test_half_of_those_who_look_are_clients_and_no_more() -> None:
    feeds = LiveFeeds(blocked_update().fold, lambda: NOW, start="1")
    with feeds.listening(PageQuery(only="PC1")) as feed:
        feed.listeners = LISTENERS_MAX // CLIENTS_PART
        with pytest.raises(Refused, match="clients look"), feeds.listening(PageQuery(only="PC2")):
            pass
        with feeds.listening(PageQuery()):
            pass
        feed.listeners = 1
    feeds.close()


async def test_clients_keep_nobody_from_looking_who_runs_the_site() -> None:
    feeds = LiveFeeds(blocked_update().fold, lambda: NOW, start="1")
    with ExitStack() as lookers:
        for n in range(FEEDS_MAX // CLIENTS_PART):
            lookers.enter_context(feeds.listening(PageQuery(only=f"PC{n}")))
        with pytest.raises(Refused, match="of clients"), feeds.listening(PageQuery(only="PC99")):
            pass
        for n in range(FEEDS_MAX - FEEDS_MAX // CLIENTS_PART):
            lookers.enter_context(feeds.listening(PageQuery(word=str(n))))
    feeds.close()


@pytest.mark.slow
async def test_so_many_pages_are_asked_for_at_one_time_and_no_more() -> None:
    told = blocked_update()
    for n in range(10 * STEP):
        told.refused(told.holds(f"PC{n}"), episode=f"E{n}", job=f"BPC1{n:04}")
    feeds = LiveFeeds(told.fold, lambda: NOW, start="1")

    def asking(count: int, caller: str, only: str = "") -> list[asyncio.Task[dict[str, Any]]]:
        asked = PageQuery(only=only)
        return [asyncio.create_task(feeds.page_once(asked, caller)) for _ in range(count)]

    tasks = asking(CALLER_ASKED_MAX, "ADMIN")
    for n in range(ASKED_MAX // CALLER_ASKED_MAX - 1):
        tasks += asking(CALLER_ASKED_MAX, f"A{n}")
    await asyncio.sleep(0)
    for caller, says in (("ADMIN", "You ask for"), ("ONE MORE", "This server is asked for")):
        with pytest.raises(Refused, match=says) as refused:
            await feeds.page_once(PageQuery(), caller)
        assert refused.value.problem.status == 503
        assert refused.value.headers == {"Retry-After": "1"}
    await feeds.page_once(PageQuery(only="PC1"), "PC1")  # clients have room of their own
    tasks.pop().cancel()  # a caller that hangs up makes room
    await asyncio.sleep(0)
    await feeds.page_once(PageQuery(), "ONE MORE")
    await asyncio.gather(*tasks)
    await asyncio.gather(*asking(CALLER_ASKED_MAX, "ADMIN"))
