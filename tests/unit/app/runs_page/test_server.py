"""The store's pages over HTTP: who may look, at what, and what a page may do."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec
import pytest
from yarl import URL

from despoolr.console import run
from despoolr_app.process.runtime import StartError
from despoolr_app.process.settings import Listen
from despoolr_app.runs.store import RunStore
from despoolr_app.runs_page.html import TEXT_SIZE_MAX
from despoolr_app.runs_page.server import PIECE, RunsPage
from despoolr_core.records.whatif.ladder import FIXES, Ladder, LadderRow
from worlds.raw_http import dial

TOKEN = "a-token-of-this-test"
NAME = "19960603T080000Z-demo-live-seed0"
EVIL = "<script>alert(1)</script>\x1b[31m & co"


class Got(NamedTuple):
    status: int
    body: bytes
    headers: Any

    @property
    def text(self) -> str:
        return self.body.decode()


class Client:
    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url = url
        self._http = http

    async def get(self, path: str, *, token: str = TOKEN, **headers: str) -> Got:
        auth = f"Basic {b64encode(f'anyone:{token}'.encode()).decode()}" if token else ""
        given = {"Authorization": auth, **headers} if auth else headers
        url = URL(self.url + path, encoded=True)
        async with self._http.get(url, headers=given) as reply:
            return Got(reply.status, await reply.read(), reply.headers)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "runs"
    keep(made, NAME)
    return made


def keep(root: Path, name: str, **facts: Any) -> Path:
    path = root / name
    path.mkdir(parents=True)
    summary = {"scenario": "demo-live", "version": "1.2", "passed": True, "verdict": "All right."}
    (path / "records.jsonl").write_text("{}\n")
    (path / "summary.json").write_bytes(msgspec.json.encode(summary | facts))
    return path


@asynccontextmanager
async def serving(root: Path) -> AsyncIterator[Client]:
    page = RunsPage(RunStore(root), TOKEN)
    url = await page.start(Listen("0.0.0.0", 0))
    assert url.startswith("http://127.0.0.1:"), "what is told can be opened"
    try:
        async with aiohttp.ClientSession() as http:
            yield Client(url, http)
    finally:
        await page.stop()


async def test_nothing_is_told_without_the_token(root: Path) -> None:
    async with serving(root) as client:
        for path in ("/", f"/runs/{NAME}", f"/runs/{NAME}/files/summary.json", "/nowhere"):
            for token in ("", "another", TOKEN + "x"):
                got = await client.get(path, token=token)
                assert got.status == 401 and NAME not in got.text and "All right" not in got.text
                assert got.headers["WWW-Authenticate"].startswith('Basic realm="Despoolr runs"')
        assert (await client.get("/", token="", Authorization="Basic ####")).status == 401
        assert (await client.get("/")).status == 200


async def test_a_name_that_somebody_else_may_own_is_not_this_server(root: Path) -> None:
    async with serving(root) as client:
        assert (await client.get("/", Host="runs.example.com")).status == 421


async def test_the_list_and_a_run_tell_all_that_is_known(root: Path) -> None:
    path = keep(root, "19960603T090000Z-demo-live-seed1", digest="ab" * 32)
    (path / "report.html").write_text("<p>report</p>")
    row = LadderRow("SMS 1.2 with forced disconnect", "setting", FIXES, worlds=1, held=1)
    ladder = Ladder("x", "the update is through", "it is not", (row,), sentence="SMS 1.2 would.")
    (path / "whatif.json").write_bytes(msgspec.json.encode(ladder))
    async with serving(root) as client:
        page = (await client.get("/")).text
        assert "All right." in page and "abababababab" in page and "SMS 1.2 would." in page
        assert f'href="/runs/{path.name}/report"' in page and f"/runs/{NAME}/report" not in page
        assert (await client.get("/?q=nobody")).text.count("<tr") == 0
        one = (await client.get(f"/runs/{path.name}")).text
        assert "SMS 1.2 with forced disconnect" in one and "1 of 1" in one and "ab" * 32 in one
        assert f'href="/runs/{path.name}/files/summary.json"' in one


async def test_what_a_run_says_is_text_and_no_page_has_a_script(root: Path) -> None:
    keep(root, "19960603T090000Z-demo-live-seed1", verdict=EVIL, scenario=EVIL, digest=EVIL)
    async with serving(root) as client:
        for path in ("/", f"/?q={'%3Cscript%3E'}", "/runs/19960603T090000Z-demo-live-seed1", "/no"):
            got = await client.get(path)
            assert "<script" not in got.text and "\x1b" not in got.text, path
            policy = got.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'") and "script-src" not in policy
            assert got.headers["Cache-Control"] == "no-store"
            assert not re.search(r"""\s(on\w+|style)=["']""", got.text)
            assert not re.search(r"""(src|href)="(?!/|#|/runs)""", got.text)


async def test_a_text_without_end_is_cut(root: Path) -> None:
    keep(root, "19960603T090000Z-demo-live-seed1", verdict="x" * (10 * TEXT_SIZE_MAX))
    async with serving(root) as client:
        page = (await client.get("/")).text
    assert f">{'x' * TEXT_SIZE_MAX}…<" in page


async def test_a_report_is_shown_where_it_has_no_origin_and_can_ask_for_nothing(
    root: Path,
) -> None:
    (root / NAME / "report.html").write_text("<script>steal()</script>")
    async with serving(root) as client:
        got = await client.get(f"/runs/{NAME}/report")
    assert got.status == 200 and got.text == "<script>steal()</script>"
    policy = got.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts") and "default-src 'none'" in policy
    assert "allow-same-origin" not in policy and "connect-src" not in policy


async def test_a_file_is_kept_and_never_shown(root: Path) -> None:
    whole = b"x" * (2 * PIECE + 1)
    (root / NAME / "records.jsonl").write_bytes(whole)
    async with serving(root) as client:
        got = await client.get(f"/runs/{NAME}/files/records.jsonl")
    assert got.body == whole and got.headers["Content-Disposition"] == "attachment"
    assert got.headers["Content-Type"] == "application/octet-stream"
    assert got.headers["X-Content-Type-Options"] == "nosniff"


async def test_head_is_answered_with_a_head_alone(root: Path) -> None:
    (root / NAME / "report.html").write_text("<!doctype html>")
    async with serving(root) as client:
        raw = await dial(int(client.url.rpartition(":")[2]))
        auth = b64encode(f"anyone:{TOKEN}".encode()).decode()
        told = f"Host: 127.0.0.1\r\nAuthorization: Basic {auth}\r\n\r\n"
        for path in (f"/runs/{NAME}/files/summary.json", f"/runs/{NAME}/report"):
            raw.say(f"HEAD {path} HTTP/1.1\r\n{told}GET /nowhere HTTP/1.1\r\n{told}".encode())
            head = await raw.reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ") and b"\r\nContent-Length: " in head
            assert (await raw.answer())[0] == 404
        raw.hang_up()


@pytest.mark.parametrize(
    "path",
    [
        "/runs/..",
        "/runs/%2e%2e/report",
        "/runs/..%2f../files/outside.json",
        f"/runs/{NAME}/files/..%2f..%2foutside.json",
        f"/runs/{NAME}/files/%2e%2e/%2e%2e/outside.json",
        f"/runs/{NAME}/files/link.json",
        f"/runs/{NAME}/files/%00",
        f"/runs/{NAME}/report",
        "/runs/19960603T080000Z-none",
    ],
)
async def test_nothing_outside_the_store_is_given_out(
    root: Path, tmp_path: Path, path: str
) -> None:
    (tmp_path / "outside.json").write_text("outside")
    (root / NAME / "link.json").symlink_to(tmp_path / "outside.json")
    async with serving(root) as client:
        got = await client.get(path)
    assert got.status == 404 and b"outside" not in got.body.replace(b"outside.json", b"")


@pytest.mark.slow
async def test_the_list_is_read_again_after_two_seconds_and_no_sooner(root: Path) -> None:
    async with serving(root) as client:
        (first, second) = await asyncio.gather(client.get("/"), client.get("/"))
        assert first.body == second.body
        keep(root, "19960603T100000Z-new-seed1")
        await asyncio.sleep(2.1)
        assert "new-seed1" in (await client.get("/")).text


async def test_a_port_that_is_taken_is_one_line(root: Path) -> None:
    async with serving(root) as client:
        page = RunsPage(RunStore(root), TOKEN)
        with pytest.raises(StartError, match=r"is in use; .* choose another --listen"):
            await page.start(Listen("127.0.0.1", URL(client.url).port or 0))


async def test_an_empty_store_says_how_runs_come_into_it(tmp_path: Path) -> None:
    async with serving(tmp_path / "none") as client:
        assert "despoolr kb run Q147819" in (await client.get("/")).text


def test_a_place_that_is_none_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", "serve", "--listen", "here:there"]) == 2
    assert "is not host:port, such as 127.0.0.1:8805" in capsys.readouterr().err
