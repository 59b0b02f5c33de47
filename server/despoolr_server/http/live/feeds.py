"""Pages of one fold for all who look: made when something changed, sent as what changed.

The law: nobody looks, nothing is made. A page is made in steps, between which others have a turn,
so many at one time and no more. It is made anew at most once in `REFRESH_S`, and at most a quarter
of the time is spent on it. What one and the same question is answered is one `Feed`,
however many look; it numbers its pages and remembers the last patches, so that who was away for a
little gets what it missed, and who was away for longer, or asks a server that was started again,
gets a whole page. An id is `start.feed.number`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from despoolr_core.records.live.fold import LiveFold
from despoolr_core.records.live.page import page_steps
from despoolr_core.records.live.page_query import PageQuery
from despoolr_core.records.live.patch import patch_of
from despoolr_core.records.stream import Record
from despoolr_server.http.base.problem import Refused, known
from despoolr_server.http.base.uploads import Queries
from despoolr_server.loop.pace import turn

FEEDS_MAX: Final = 16
"""Different questions that are answered at one time."""
LISTENERS_MAX: Final = 64
"""Who look at one time, at all servers of a process."""
CLIENTS_PART: Final = 2
"""Clients have one in so many of both together: they keep nobody from looking who runs the site."""
CLIENT_LISTENERS_MAX: Final = 4
"""How often one client looks at one time."""
PAGES_MAX: Final = 2
"""Pages that are made at one time for those who run the site, and as many for clients; the others
wait.
"""
ASKED_MAX: Final = 64
"""Pages that are asked for at one time, each once, by those who run the site; and by clients."""
CALLER_ASKED_MAX: Final = 8
"""Of them, those that one caller asks for."""
PATCHES_MAX: Final = 256
"""Patches that a feed remembers."""
PATCHES_SIZE_MAX: Final = 2 * 1024 * 1024
"""Bytes of them."""
REFRESH_S: Final = 0.25
"""Seconds of the machine between two pages."""
SHARE: Final = 3.0
"""Seconds of rest for each second that a page took to make."""
BEAT_S: Final = 5.0
"""Seconds after which a page is made although nothing happened: what has become too old leaves
it.
"""

Event = tuple[str, str, bytes]
"""Name, id, and the JSON of an event."""


class Feed:
    """One question, its page and what changed of late."""

    def __init__(self, asked: PageQuery, prefix: str) -> None:
        self.asked = asked
        self.listeners = 0
        self.version = 0
        self.is_old = True
        """Nobody looked, and it has not been made since."""
        self.renewing = asyncio.Lock()
        self.page: dict[str, Any] = {}
        self._prefix = prefix
        self._patches: deque[tuple[int, bytes]] = deque()
        self._size = 0
        self._changed = asyncio.Event()

    def take(self, page: dict[str, Any], now: float) -> None:
        """The page as it is now; who waits is told if it is another."""
        patch = patch_of(self.page, page)
        # the number of the last record alone is no news
        if self.version and not patch.keys() - {"record", "at"}:
            return
        self.page = page
        self.version += 1
        text = msgspec.json.encode({"now": now, "patch": patch})
        self._patches.append((self.version, text))
        self._size += len(text)
        while len(self._patches) > PATCHES_MAX or self._size > PATCHES_SIZE_MAX:
            self._size -= len(self._patches.popleft()[1])
        self.wake()

    def wake(self) -> None:
        """Let those who wait look."""
        self._changed.set()
        self._changed = asyncio.Event()

    def version_of(self, last_id: str) -> int:
        """The number in an id of this feed's; 0 for any other."""
        prefix, _, number = last_id.rpartition(".")
        if f"{prefix}." != self._prefix or not (number.isascii() and number.isdigit()):
            return 0
        return int(number[:9])

    def since(self, version: int, now: float) -> list[Event]:
        """What brings a reader of that version to the newest: patches, or the whole page."""
        if version == self.version:
            return []
        oldest = self._patches[0][0] if self._patches else self.version + 1
        if 0 < version < self.version and oldest <= version + 1:
            return [
                ("delta", f"{self._prefix}{number}", text)
                for number, text in self._patches
                if number > version
            ]
        text = msgspec.json.encode({"now": now, "page": self.page})
        return [("snapshot", f"{self._prefix}{self.version}", text)]

    async def changed(self, wait_s: float) -> None:
        """Returns when there is another version, or after `wait_s`."""
        try:
            async with asyncio.timeout(wait_s):
                await self._changed.wait()
        except TimeoutError:
            return


class LiveFeeds:
    """All feeds of a process. `hear` is a listener of its records; `start` tells this start of it
    from any other.
    """

    def __init__(self, live: LiveFold, now: Callable[[], float], *, start: str) -> None:
        self.live = live
        self.now = now
        self.is_closed = False
        self._start = start
        self._serial = 0
        self._feeds: dict[PageQuery, Feed] = {}
        self._has_news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._room = {is_client: asyncio.Semaphore(PAGES_MAX) for is_client in (False, True)}
        self._asked = {
            is_client: Queries(count_max=ASKED_MAX, per_caller_max=CALLER_ASKED_MAX)
            for is_client in (False, True)
        }

    def hear(self, record: Record) -> None:
        """A listener of the records: take one in, and have the pages made that need it."""
        self.live.apply(record)
        self.has_changed()

    def has_changed(self) -> None:
        """The fold knows more: have the pages made that somebody looks at."""
        if self._task is not None and not self._has_news.is_set():
            self._has_news.set()

    async def page_once(self, asked: PageQuery, caller: str) -> dict[str, Any]:
        """A page for one who asks and does not stay. Raises `Refused` (503) if too many do."""
        with self._asked[bool(asked.only)].one(caller):
            return await self.page(asked)

    async def page(self, asked: PageQuery) -> dict[str, Any]:
        """A page as it is now, as it goes over the wire."""
        async with self._room[bool(asked.only)]:
            steps = page_steps(self.live, asked, self.now())
            while True:
                try:
                    next(steps)
                except StopIteration as made:
                    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(made.value))
                    return found
                await turn()

    async def renew(self, feed: Feed) -> None:
        """Make the page of a feed at which nobody looked, once for all who come meanwhile."""
        async with feed.renewing:
            if feed.is_old:
                feed.take(await self.page(feed.asked), self.now())
                feed.is_old = False

    @contextmanager
    def listening(self, asked: PageQuery) -> Iterator[Feed]:
        """The feed of a question, for as long as somebody looks. Raises `Refused` (503) if too many
        do.
        """
        feed = self._feed(asked)
        feed.listeners += 1
        if self._task is None:
            self._task = asyncio.create_task(self._keep_making(), name="live page")
        try:
            yield feed
        finally:
            feed.listeners -= 1
            feed.is_old = not feed.listeners
            if not any(one.listeners for one in self._feeds.values()):
                self._rest()

    def close(self) -> None:
        """End every stream: the server stops."""
        self.is_closed = True
        self._rest()
        for feed in self._feeds.values():
            feed.wake()

    def _rest(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _feed(self, asked: PageQuery) -> Feed:
        if sum(feed.listeners for feed in self._feeds.values()) >= LISTENERS_MAX:
            raise _too_many(f"{LISTENERS_MAX} look at the live page")
        if asked.only:
            self._check_clients(asked)
        feed = self._feeds.get(asked)
        if feed is not None:
            self._feeds[asked] = self._feeds.pop(asked)  # the newest goes last
            return feed
        if len(self._feeds) >= FEEDS_MAX:
            idle = next((a for a, feed in self._feeds.items() if not feed.listeners), None)
            if idle is None:
                raise _too_many(f"{FEEDS_MAX} different filters are in use")
            del self._feeds[idle]
        self._serial += 1
        feed = self._feeds[asked] = Feed(asked, f"{self._start}.{self._serial}.")
        return feed

    def _check_clients(self, asked: PageQuery) -> None:
        """Raises `Refused` if this client, or clients together, have what they may have."""
        looked_at = [feed for feed in self._feeds.values() if feed.listeners and feed.asked.only]
        mine = sum(feed.listeners for feed in looked_at if feed.asked.only == asked.only)
        if mine >= CLIENT_LISTENERS_MAX:
            raise _too_many(f"{asked.only} looks at the live page {mine} times")
        count = sum(feed.listeners for feed in looked_at)
        if count >= LISTENERS_MAX // CLIENTS_PART:
            raise _too_many(f"{count} clients look at the live page")
        asked_for = {feed.asked for feed in looked_at}
        if asked not in asked_for and len(asked_for) >= FEEDS_MAX // CLIENTS_PART:
            raise _too_many(f"{len(asked_for)} different filters of clients are in use")

    async def _keep_making(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(BEAT_S):
                    await self._has_news.wait()
            except TimeoutError:
                pass
            self._has_news.clear()
            took_s = 0.0
            for feed in [feed for feed in self._feeds.values() if feed.listeners]:
                began = loop.time()
                feed.take(await self.page(feed.asked), self.now())
                took_s += loop.time() - began
                await turn()
            await asyncio.sleep(max(REFRESH_S, took_s * SHARE))


def _too_many(what: str) -> Refused:
    return Refused(
        known("server-busy", f"{what} already. Close one, or try again in a second."),
        {"Retry-After": "1"},
    )
