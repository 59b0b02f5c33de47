"""Chromium without a window, driven over its DevTools protocol: for tests of pages."""

from __future__ import annotations

import asyncio
import base64
import itertools
import shutil
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from worlds.process import until
from worlds.support import program

SWITCHES: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A tab does the same whether it lies above the others or below.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--remote-debugging-port=0",
)
WAIT_S: Final = 90.0
"""Seconds in which Chromium answers, and in which a page comes to what is waited for."""


class PageError(AssertionError):
    """What a script of the page, or of the test, failed with."""


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._waits: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.errors: list[str] = []
        """What was said on the console as an error, and what was thrown and not caught."""
        self.requests: list[str] = []
        self._loads: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        """By the id of its loader: that a document, and no other before it, has loaded."""
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._socket:
            told = msgspec.json.decode(message.data)
            if "id" in told:
                self._waits.pop(told["id"]).set_result(told)
            elif told["method"] == "Runtime.exceptionThrown":
                self.errors.append(str(told["params"]["exceptionDetails"])[:1000])
            elif told["method"] == "Log.entryAdded" and told["params"]["entry"]["level"] == "error":
                self.errors.append(told["params"]["entry"]["text"])
            elif told["method"] == "Page.lifecycleEvent" and told["params"]["name"] == "load":
                self._loads[told["params"]["loaderId"]].set()
            elif told["method"] == "Network.requestWillBeSent":
                self.requests.append(told["params"]["request"]["url"])

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A call of the DevTools protocol."""
        number = next(self._ids)
        wait = self._waits[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_str(
            msgspec.json.encode({"id": number, "method": method, "params": params}).decode()
        )
        async with asyncio.timeout(WAIT_S):
            told = await wait
        if "error" in told:
            raise PageError(f"{method}: {told['error']}")
        found: dict[str, Any] = told["result"]
        return found

    async def begin(self) -> None:
        """Listen to what the page says."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")
        await self.call("Page.setLifecycleEventsEnabled", enabled=True)

    async def end(self) -> None:
        """Let go of the tab."""
        self._reader.cancel()
        with suppress(asyncio.CancelledError):
            await self._reader

    async def look(self, width: int, height: int = 900, *, dark: bool = False) -> None:
        """The window's size, and what the person prefers."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", media="", features=[scheme])

    async def open(self, url: str) -> None:
        """Go there, from an empty page, so that the same address is loaded anew."""
        for address in ("about:blank", url):
            told = await self.call("Page.navigate", url=address)
            if "errorText" in told:
                raise PageError(f"{address}: {told['errorText']}")
            async with asyncio.timeout(WAIT_S):
                await self._loads[told["loaderId"]].wait()

    async def value(self, script: str) -> Any:
        """What an expression comes to; a promise is waited for."""
        told = await self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in told:
            raise PageError(f"{script}: {told['exceptionDetails']}")
        return told["result"].get("value")

    async def spent_ms(self) -> float:
        """Milliseconds of the processor that the page's own thread has used, since it was first
        asked: what other processes do meanwhile is not in it.
        """
        await self.call("Performance.enable", timeDomain="threadTicks")
        told = await self.call("Performance.getMetrics")
        found = {metric["name"]: metric["value"] for metric in told["metrics"]}
        return float(found["TaskDuration"]) * 1000

    async def until(self, script: str, within_s: float = WAIT_S) -> None:
        """Wait until an expression is true."""
        end = f"Date.now() + {within_s * 1000}"
        asked = (
            f"new Promise(done => {{ const end = {end}; const look = () => {{ let is = false; "
            f"try {{ is = ({script}); }} catch {{}} "
            "if (is) done(true); else if (Date.now() > end) done(false); "
            "else setTimeout(look, 30); }; look(); })"
        )
        is_so = None
        while is_so is None:
            try:
                is_so = await self.value(asked)
            except PageError as error:
                if "navigated" not in str(error):  # another page came in the place of that one
                    raise
        if not is_so:
            text = await self.value("document.body.innerText")
            raise PageError(f"not so within {within_s} s: {script}\n{text[:1500]}\n{self.errors}")

    async def click(self, selector: str) -> None:
        """Click the first that fits."""
        await self.value(f"document.querySelector({selector!r}).click()")

    async def picture(self, file: Path) -> None:
        """The whole page, as a PNG."""
        told = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(told["data"]))


@dataclass(frozen=True)
class Browser:
    """A Chromium that runs: the address of its DevTools protocol."""

    url: str

    @asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        """A tab of a profile of its own, which ends with it: no other test's storage, no other's
        errors.
        """
        async with aiohttp.ClientSession() as http, _connected(http, self.url) as whole:
            made = await whole.call("Target.createBrowserContext")
            profile = made["browserContextId"]
            try:
                tab = await whole.call(
                    "Target.createTarget", url="about:blank", browserContextId=profile
                )
                url = f"{self.url.partition('/devtools/')[0]}/devtools/page/{tab['targetId']}"
                async with _connected(http, url) as page:
                    await page.begin()
                    yield page
            finally:
                await whole.call("Target.disposeBrowserContext", browserContextId=profile)


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A browser, started and stopped. Leaves the test out where there is no Chromium."""
    chromium = program("chromium", "chromium")
    home = Path(tempfile.mkdtemp(prefix="despoolr-browser-"))
    process = subprocess.Popen(
        [chromium, *SWITCHES, f"--user-data-dir={home}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield Browser(until(lambda: _address(home / "DevToolsActivePort"), "Chromium answers"))
    finally:
        process.terminate()
        try:
            process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(home, ignore_errors=True)


def _address(file: Path) -> str:
    """The port and path that Chromium wrote down; empty as long as it has not."""
    with suppress(OSError, ValueError):
        port, path = file.read_text().splitlines()
        return f"ws://127.0.0.1:{port}{path}"
    return ""


@asynccontextmanager
async def _connected(http: aiohttp.ClientSession, url: str) -> AsyncIterator[Page]:
    async with http.ws_connect(url, max_msg_size=64 * 1024 * 1024) as socket:
        page = Page(socket)
        try:
            yield page
        finally:
            await page.end()
