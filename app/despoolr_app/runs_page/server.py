"""The pages of a store over HTTP.

| Address | Shows |
| --- | --- |
| `GET /?q=WORD&by=COLUMN&page=N` | the runs |
| `GET /runs/{run}` | one of them |
| `GET /runs/{run}/report` | its report |
| `GET /runs/{run}/files/{name}` | a file of it, to keep |

The law: the guard and the token of the live page (`Basic`, whose name is of no matter: a browser
remembers it for this server alone, and it is in no address). A report is somebody's HTML: it is
shown in a sandbox without an origin, and its policy lets it ask for nothing. What is not a listed
run, or a listed file of one, is 404.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import Awaitable, Callable
from typing import BinaryIO, Final

from aiohttp import hdrs, web

from despoolr_app.process.http_listener import HttpListener
from despoolr_app.process.settings import Listen
from despoolr_app.runs.directory import RunError
from despoolr_app.runs.remedy import kept_ladder, kept_remedy
from despoolr_app.runs.store import KeptRun, RunStore
from despoolr_app.runs_page.files import FILES_MAX, REPORT, files_of, open_file
from despoolr_app.runs_page.html import Beside, list_page, message_page, run_page, style
from despoolr_app.runs_page.lists import listed, wanted_of
from despoolr_server.http.base.browser_guard import POLICY, BrowserGuard, page_headers
from despoolr_server.http.base.problem import Refused, answer
from despoolr_server.http.handling.over_aiohttp import StreamedResponse

KEPT_S: Final = 2.0
"""Seconds for which the list that was read is shown again: reading a store of thousands takes as
long.
"""
PIECE: Final = 256 * 1024
"""Bytes of a file that are held at once."""
SANDBOX: Final = "sandbox allow-scripts allow-modals; default-src 'none'; img-src data:; {inline}"
_INLINE: Final = "script-src 'unsafe-inline'; style-src 'unsafe-inline'"
_CHALLENGE: Final = 'Basic realm="Despoolr runs", charset="UTF-8"'

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RunsPage:
    """The pages of one store, listening. Whoever asks shows `token` as the password."""

    def __init__(self, store: RunStore, token: str) -> None:
        self._store = store
        self._token = token.encode()
        self._guard = BrowserGuard()
        self._listener = HttpListener()
        self._reading = asyncio.Lock()
        self._read: list[KeptRun] = []
        self._read_at = float("-inf")

    async def start(self, listen: Listen) -> str:
        """Listen; the URL. Raises `StartError`."""
        self._guard = BrowserGuard([listen.host])
        app = web.Application(middlewares=[self._middleware], client_max_size=1024)
        app.add_routes(
            [
                web.get("/", self._list),
                web.get("/runs/{run}", self._run),
                web.get("/runs/{run}/report", self._report),
                web.get("/runs/{run}/files/{name:.+}", self._file),
            ]
        )
        return (await self._listener.start(app, listen)).url

    async def stop(self) -> None:
        """Stop answering, and free the port."""
        await self._listener.stop()

    # -- who asks

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            self._guard.check(request)
        except Refused as refused:
            return answer(refused.problem)
        if not self._is_known(request.headers.get(hdrs.AUTHORIZATION, "")):
            told = message_page(
                "A token is needed",
                "`despoolr runs serve` says it where it runs: the password, with any name.",
            )
            return _html(told, 401, {hdrs.WWW_AUTHENTICATE: _CHALLENGE})
        try:
            return await handler(request)
        except (FileNotFoundError, RunError, web.HTTPNotFound):
            told = "It may have been removed, or the address is mistyped."
            return _html(message_page("There is nothing here", told), 404)
        except web.HTTPException as error:
            return _html(message_page(error.reason, "This server has pages to read."), error.status)
        except ConnectionError:  # whoever asked has gone
            raise
        except OSError as error:
            return _html(message_page("It cannot be read", error.strerror or str(error)), 500)

    def _is_known(self, header: str) -> bool:
        scheme, _, rest = header[:4096].partition(" ")
        try:
            given = base64.b64decode(rest.strip(), validate=True).partition(b":")[2]
        except ValueError:
            return False
        return scheme in ("Basic", "basic") and hmac.compare_digest(given, self._token)

    # -- pages

    async def _list(self, request: web.Request) -> web.StreamResponse:
        asked = request.query
        wanted = wanted_of(asked.get("q", ""), asked.get("by", ""), asked.get("page", ""))
        try:
            runs = await self._runs()
        except RunError as error:
            return _html(message_page("The runs cannot be listed", str(error)), 500)
        found = listed(runs, wanted)
        beside = await asyncio.to_thread(self._beside, found.rows)
        return _html(list_page(str(self._store.root), wanted, found, len(runs), beside))

    async def _run(self, request: web.Request) -> web.StreamResponse:
        def told() -> str:
            run = self._store.find(request.match_info["run"])
            path = self._store.root / run.name
            kept = files_of(path)
            return run_page(run, kept, kept_ladder(path), is_cut=len(kept) >= FILES_MAX)

        return _html(await asyncio.to_thread(told))

    async def _report(self, request: web.Request) -> web.StreamResponse:
        opened, size = await asyncio.to_thread(self._open, request, REPORT)
        headers = {
            hdrs.CONTENT_TYPE: "text/html; charset=utf-8",
            "Content-Security-Policy": SANDBOX.format(inline=_INLINE),
        }
        return await _give(request, opened, size, headers)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        opened, size = await asyncio.to_thread(self._open, request, name)
        headers = {
            hdrs.CONTENT_TYPE: "application/octet-stream",
            hdrs.CONTENT_DISPOSITION: "attachment",
            "Content-Security-Policy": f"{POLICY}; sandbox",
        }
        return await _give(request, opened, size, headers)

    # -- the store

    async def _runs(self) -> list[KeptRun]:
        """All runs, read at most every `KEPT_S` seconds, by one thread at a time."""
        loop = asyncio.get_running_loop()
        async with self._reading:
            if loop.time() - self._read_at >= KEPT_S:
                self._read = await asyncio.to_thread(self._store.runs)
                self._read_at = loop.time()
            return self._read

    def _beside(self, rows: list[KeptRun]) -> dict[str, Beside]:
        places = {run.name: self._store.root / run.name for run in rows}
        return {
            name: Beside((path / REPORT).is_file(), kept_remedy(path))
            for name, path in places.items()
        }

    def _open(self, request: web.Request, name: str) -> tuple[BinaryIO, int]:
        run = self._store.find(request.match_info["run"])
        return open_file(self._store.root / run.name, name)


async def _give(
    request: web.Request, file: BinaryIO, size: int, headers: dict[str, str]
) -> web.StreamResponse:
    """A file in pieces, as long as it was when it was opened: a run may go on."""
    with file:
        reply = StreamedResponse(headers={**_GUARDED, **headers})
        reply.content_length = size
        await reply.prepare(request)
        if reply.is_head_only:
            return reply
        while size and (piece := await asyncio.to_thread(file.read, min(PIECE, size))):
            size -= len(piece)
            await reply.write(piece)
    return reply


def _html(text: str, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    given = {**_GUARDED, **page_headers(styles=[style()]), **(headers or {})}
    policy = given["Content-Security-Policy"].replace("form-action 'none'", "form-action 'self'")
    return web.Response(
        text=text, status=status, headers={**given, "Content-Security-Policy": policy}
    )


_GUARDED: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    hdrs.CACHE_CONTROL: "no-store",
}
