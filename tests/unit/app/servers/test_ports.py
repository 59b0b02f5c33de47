"""A start that cannot listen makes nothing."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from despoolr.console import run
from despoolr_app.process.settings import ConfigError, Listen
from despoolr_app.servers.ports import check_ports


def test_ports_that_are_free_stay_free() -> None:
    check_ports([Listen("127.0.0.1", 0), Listen("localhost", 0), Listen("127.0.0.1", 0)])


def test_two_servers_do_not_listen_in_one_place() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        place = Listen("127.0.0.1", one.getsockname()[1])
    with pytest.raises(ConfigError, match=f"{place} is in use"):
        check_ports([place, place])
    check_ports([place])


@pytest.mark.parametrize(
    ("host", "why"), [("192.0.2.1", "annot assign"), ("no.such.host.invalid", "not known|failure")]
)
def test_a_place_that_is_not_this_machines_is_refused_with_the_reason(host: str, why: str) -> None:
    with pytest.raises(ConfigError, match=f"cannot listen on {host}:8801: .*({why})"):
        check_ports([Listen(host, 8801)])


@pytest.mark.parametrize(
    "command", [("site", "--listen"), ("logon", "--listen"), ("all", "--listen-logon")]
)
def test_with_a_port_in_use_a_start_makes_no_directory(
    command: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    server, option = command
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        places = ("--listen", "127.0.0.1:0", option, place)
        assert run(["serve", server, *places, "--common", "common"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].count(f"{place} is in use") == 1
    assert list(tmp_path.iterdir()) == []
