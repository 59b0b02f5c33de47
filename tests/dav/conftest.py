"""A logon server in a process of its own, for WebDAV clients that are programs; `make test-dav`
runs these tests.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from despoolr_core.share.modes import Role
from despoolr_server.http.base.auth import Auth
from worlds.dav_clients import PACKAGES, DavServer
from worlds.process import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    made = Workshop(tmp_path)
    try:
        yield made
    finally:
        for process in made.processes:
            if process.process.poll() is None:
                process.kill()


@pytest.fixture
def server(workshop: Workshop) -> DavServer:
    """LOGON1, and a token with which a person's client may change everything on it."""
    workshop.start("serve", "logon", "--listen", "127.0.0.1:0", "--data", "data")
    address = workshop.servers()["LOGON1"]
    auth = Auth((workshop.path / "data" / "secret").read_bytes().strip())
    return DavServer(
        address.url, PACKAGES, "anna", auth.issue("WS7", "anna", Role.SERVICE), address.token
    )


@pytest.fixture(scope="session", autouse=True)
def clients_are_installed() -> None:
    """A client that is not there is a failure, not a test left out."""
    needed = {
        "litmus": "litmus",
        "cadaver": "cadaver",
        "rclone": "rclone",
        "mount.davfs": "davfs2",
        "curl": "curl",
    }
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [
        package for program, package in needed.items() if not shutil.which(program, path=path)
    ]
    if missing:
        pytest.fail(
            "these tests need programs that are not installed; on Debian: apt-get install "
            f"{' '.join(missing)}"
        )
