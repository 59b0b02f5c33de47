"""Servers that run in a directory are found there, and those that died are not."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from despoolr_app.process.discovery import RunningServer, publish, running, withdraw
from despoolr_app.process.settings import ConfigError


def _server(name: str, role: str = "logon", pid: int | None = None) -> RunningServer:
    return RunningServer(
        name, role, f"http://127.0.0.1/{name}", "token", os.getpid() if pid is None else pid
    )


def test_servers_of_two_processes_are_listed_together_with_the_site_first(tmp_path: Path) -> None:
    publish([_server("LOGON1")], tmp_path)
    publish([_server("SITE1", "site", os.getppid())], tmp_path)
    assert [s.name for s in running(tmp_path)] == ["SITE1", "LOGON1"]
    assert stat.S_IMODE((tmp_path / ".despoolr/servers.json").stat().st_mode) == 0o600


def test_a_clean_stop_takes_only_ones_own_servers_off_the_list(tmp_path: Path) -> None:
    data = tmp_path / "data"
    publish([_server("LOGON1")], tmp_path, data)
    publish([_server("SITE1", "site", os.getppid())], tmp_path)
    withdraw(os.getpid(), tmp_path, data)
    assert [s.name for s in running(tmp_path)] == ["SITE1"]
    assert not (data / "servers.json").exists()
    withdraw(os.getppid(), tmp_path)
    assert not (tmp_path / ".despoolr/servers.json").exists()


def test_a_server_whose_process_is_gone_is_not_found(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    publish([_server("DEAD", pid=child.pid), _server("ALIVE")], tmp_path)
    assert [s.name for s in running(tmp_path)] == ["ALIVE"]


def test_a_damaged_list_is_told_of_and_not_written_over(tmp_path: Path) -> None:
    publish([_server("LOGON1")], tmp_path)
    file = tmp_path / ".despoolr/servers.json"
    file.write_text("{")
    for use in (lambda: running(tmp_path), lambda: publish([_server("LOGON2")], tmp_path)):
        with pytest.raises(ConfigError, match=r"servers\.json is damaged .*; move it away"):
            use()
    withdraw(os.getpid(), tmp_path)
    assert file.read_text() == "{"


def test_where_signal_0_is_ctrl_c_no_process_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish([_server("LOGON1")], tmp_path)
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("a process was sent a signal"))
    assert running(tmp_path) == []
