"""`despoolr top` before its screen: what it needs, and what it says without it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import despoolr_app.cli.opens.top as top
from despoolr.console import run
from despoolr_app.site_client.client import ServerAddress


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


def test_a_release_names_server_and_open_and_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, bytes]] = []
    monkeypatch.setattr(
        top, "call", lambda _server, method, path, body: asked.append((method, path, body))
    )
    top.AskedServer(ServerAddress("SITE1", "http://s", "t")).release("LOGON1", "R2O1")
    ((method, path, body),) = asked
    assert (method, path) == ("POST", "/api/v1/servers/LOGON1/opens/R2O1/release")
    assert json.loads(body) == {"reason": top.REASON}
