"""A server to ask: `despoolr serve logon` in a process of its own, in a directory that is gone
afterwards.

The law: what is asked is the server anybody would run, over a socket, with tokens, on a disk;
nothing of it is imported here.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from despoolr_app.process import discovery
from despoolr_app.process.children.output import SERVER_READY, Output
from despoolr_app.process.children.supervisor import BlockingSupervisor
from despoolr_core.share.modes import Role
from despoolr_server.http.base.auth import Auth

SHARE: Final = "SMS_PKGD"
STOP_S_MAX: Final = 15.0
_SECRET: Final = "for the oracle, on loopback, for a minute"


@dataclass(frozen=True, slots=True)
class OracleServer:
    """Where it listens, and the means to speak for machines."""

    url: str
    auth: Auth

    def token(self, machine: str) -> str:
        """A service account's token on a machine."""
        return self.auth.issue(machine, machine, Role.SERVICE)


@contextmanager
def serving() -> Iterator[OracleServer]:
    """Start one, on a free port of loopback, and stop it in the end. Raises `ProcessDied` if it
    does not come up.
    """
    supervisor = BlockingSupervisor()
    with tempfile.TemporaryDirectory(prefix="despoolr-oracle-") as directory:
        place = Path(directory)
        (place / "secret").write_text(_SECRET)
        command = [
            *(sys.executable, "-m", "despoolr", "serve", "logon"),
            *("--listen", "127.0.0.1:0", "--roles", "distribution"),
            *("--data", str(place / "data"), "--secret-file", str(place / "secret")),
        ]
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("DESPOOLR_")
        }
        try:
            output = Output("the server", place / "server.log")
            child = supervisor.start(command, output, environment=environment, cwd=place)
            child.await_said(SERVER_READY)
            running = discovery.running(place)
            yield OracleServer(running[0].url, Auth(_SECRET.encode()))
        finally:
            supervisor.end(STOP_S_MAX)
