"""The live page of a share that is watched: what it tells, whom, and that it closes nothing."""

from __future__ import annotations

import json
import socket
import stat
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from despoolr_app.clocks.time_source import wall_now
from despoolr_app.process import discovery
from despoolr_app.process.runtime import StartError
from despoolr_app.process.settings import ConfigError, Listen
from despoolr_core.records.kinds.import_note import ImportNote
from despoolr_core.records.kinds.share import OpenGranted, ShareStarted
from despoolr_core.records.live.model import LiveWatched
from despoolr_core.records.stream import Recorder
from despoolr_lab.imports.live.page import BATCH_MAX, WatchPage, listed

AT = float(int(wall_now()))
"""The page tells of the last day by its own clock."""
WATCHED = LiveWatched(run="runs/x-watch-FS1", proves="Grade B: opens", by_hand=["smbstatus -L"])


def granted(number: int) -> OpenGranted:
    return OpenGranted(
        server="FS1",
        open=f"O{number}",
        session="",
        machine="WS11",
        user="alice",
        program="",
        share="pkg",
        path=f"office/{number}.dat",
        access="READ",
        share_mode="READ",
        action="OPENED",
        purpose="",
    )


def made(secret: bytes | None = None) -> WatchPage:
    return WatchPage("FS1", WATCHED, Listen("127.0.0.1", 0), secret)


@pytest.fixture
def page() -> Iterator[WatchPage]:
    page = made()
    with page.serving():
        yield page


def ask(page: WatchPage, path: str, *, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(
        page.url + path,
        data=b"{}" if method == "POST" else None,
        headers={"Authorization": f"Bearer {page.token}", **headers},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def live(page: WatchPage) -> dict[str, Any]:
    code, text = ask(page, "/api/v1/live")
    assert code == 200
    told: dict[str, Any] = json.loads(text)
    return told


def test_what_the_watch_records_is_on_the_page_once_it_is_handed_over(page: WatchPage) -> None:
    recorder = Recorder(lambda: AT, [page.hear])
    recorder.record("FS1", ShareStarted(server="FS1"))
    recorder.record("WS11", granted(1))
    recorder.record("import", ImportNote(about="source", text="smbstatus -j", grade="C"))
    recorder.record("import", ImportNote(about="gap", text="a look failed"))
    assert live(page)["page"]["totals"]["opens"] == 0
    page.hand_over()
    told = live(page)
    assert (told["server"], told["is_site"], told["page"]["servers"]) == ("FS1", False, ["FS1"])
    assert told["watched"]["by_hand"] == ["smbstatus -L"]
    (held,) = told["page"]["opens"]
    assert (held["machine"], held["path"], held["opened_at"]) == ("WS11", "office/1.dat", AT)
    (mark,) = told["page"]["marks"]
    assert (mark["kind"], mark["text"]) == ("gap", "a look failed")
    health = json.loads(ask(page, "/healthz")[1])
    assert (health["status"], health["server"], health["opens"]) == ("ok", "FS1", 1)


def test_many_records_are_handed_over_in_between(page: WatchPage) -> None:
    recorder = Recorder(lambda: AT, [page.hear])
    for number in range(BATCH_MAX + 1):
        recorder.record("WS11", granted(number))
    assert live(page)["page"]["totals"]["opens"] == BATCH_MAX


def test_what_is_recorded_before_it_serves_is_on_it() -> None:
    page = made()
    recorder = Recorder(lambda: AT, [page.hear])
    for number in range(BATCH_MAX + 1):
        recorder.record("WS11", granted(number))
    with page.serving():
        page.hand_over()
        assert live(page)["page"]["totals"]["opens"] == BATCH_MAX + 1


def test_nothing_is_closed_or_changed_over_it(page: WatchPage) -> None:
    for method, path in (
        ("POST", "/api/v1/servers/FS1/opens/O1/release"),
        ("POST", "/api/v1/live"),
        ("PUT", "/pkg/office/1.dat"),
        ("DELETE", "/"),
        ("GET", "/api/v1/why"),
    ):
        code, said = ask(page, path, method=method)
        assert code == 404, path
        assert "is not a call of a watch" in json.loads(said)["detail"]
        assert "despoolr why runs/x-watch-FS1" in json.loads(said)["detail"]


def test_whoever_asks_shows_a_token_and_the_page_is_for_a_name_of_this_machine(
    page: WatchPage,
) -> None:
    assert ask(page, "/api/v1/live", Authorization="")[0] == 401
    assert ask(page, "/api/v1/live", Authorization=f"Bearer {made().token}")[0] == 401
    code, said = ask(page, "/", Authorization="")
    assert code == 200 and b"<title>Despoolr, live</title>" in said
    assert ask(page, "/", Authorization="", Host="files.example.com")[0] == 421


def test_without_a_secret_it_is_on_loopback_only() -> None:
    everywhere = Listen("0.0.0.0", 0)
    with pytest.raises(ConfigError, match=r"refusing to listen on 0\.0\.0\.0 without a configured"):
        WatchPage("FS1", WATCHED, everywhere, None)
    one = WatchPage("FS1", WATCHED, everywhere, b"sixteen bytes!!!")
    assert one.token == made(b"sixteen bytes!!!").token


def test_a_port_in_use_is_a_line_and_leaves_no_thread() -> None:
    before = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        page = WatchPage("FS1", WATCHED, Listen("127.0.0.1", taken.getsockname()[1]), None)
        with pytest.raises(StartError, match="choose another --listen"), page.serving():
            pass
    assert threading.active_count() == before


def test_top_finds_it_in_its_directory_and_others_do_not(page: WatchPage, tmp_path: Path) -> None:
    with listed(page, "FS1", tmp_path):
        assert discovery.running(tmp_path) == []
        (found,) = discovery.watches(tmp_path)
        assert (found.name, found.url) == ("FS1", page.url)
        token_file = Path(found.token_file)
        assert token_file.read_text() == f"{page.token}\n"
        assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    assert discovery.watches(tmp_path) == [] and not token_file.exists()
