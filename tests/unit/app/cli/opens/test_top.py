"""`despoolr top` before its screen: what it needs, and what it says without it."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import msgspec
import pytest

import despoolr_app.cli.opens.top as top
from despoolr.console import run
from despoolr_app.site_client.client import ServerAddress
from despoolr_core.records.live.model import LivePage
from worlds.share_server import serving


def test_without_textual_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(top, "find_spec", lambda _: None)
    assert run(["top"]) == 2
    out, err = capsys.readouterr()
    assert not out and err.count("\n") == 1 and "pip install 'despoolr[tui]'" in err


def test_without_a_site_one_line_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DESPOOLR_URL", raising=False)
    monkeypatch.setattr(top, "find_spec", lambda _: object())
    assert run(["top"]) == 2
    assert "despoolr serve all" in capsys.readouterr().err


def test_a_server_that_is_not_there_is_told_before_there_is_a_screen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(top, "find_spec", lambda _: object())
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        assert run(["top", "--url", url, "--token", "t"]) == 2
    out, err = capsys.readouterr()
    assert not out and err.count("\n") == 1 and url in err


async def test_a_look_is_at_what_has_the_word_in_one_of_its_names() -> None:
    """Whatever is in the word, and at all without one."""
    async with serving() as site:
        await site.ask("PUT", "/SMS_SHR/a%26q%3Db.dat", b"x")
        await site.hold("a&q=b.dat", "EXCEL.EXE")
        await site.ask("PUT", "/SMS_SHR/c.dat", b"x")
        await site.hold("c.dat", "WINWORD.EXE")
        asked = top.AskedServer(ServerAddress("LOGON1", site.base, site.token))
        shown = await asyncio.to_thread(asked.look, "a&q=b")
        everything = await asyncio.to_thread(asked.look, "")
    assert (shown.server, shown.is_site) == ("LOGON1", False)
    assert holders(shown.page) == {"EXCEL.EXE"}
    assert holders(everything.page) == {"EXCEL.EXE", "WINWORD.EXE"}


def holders(page: LivePage) -> set[str]:
    text = msgspec.json.encode(page).decode()
    return {program for program in ("EXCEL.EXE", "WINWORD.EXE") if program in text}


def test_a_release_names_server_and_open_and_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, bytes]] = []
    monkeypatch.setattr(
        top, "call", lambda _server, method, path, body: asked.append((method, path, body))
    )
    top.AskedServer(ServerAddress("SITE1", "http://s", "t")).release("LOGON1", "R2O1")
    ((method, path, body),) = asked
    assert (method, path) == ("POST", "/api/v1/servers/LOGON1/opens/R2O1/release")
    assert json.loads(body) == {"reason": top.REASON}
