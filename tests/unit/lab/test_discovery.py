"""Servers that run in a directory are found there, and those that died are not."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

from despoolr_lab.discovery import RunningServer, publish, running, withdraw


def _server(name: str, role: str = "logon", pid: int | None = None) -> RunningServer:
    return RunningServer(name, role, f"http://127.0.0.1/{name}", "token", os.getpid() if pid is None else pid)


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


def test_a_damaged_list_is_an_empty_one(tmp_path: Path) -> None:
    publish([_server("LOGON1")], tmp_path)
    (tmp_path / ".despoolr/servers.json").write_text("{")
    assert running(tmp_path) == []
    withdraw(os.getpid(), tmp_path)
