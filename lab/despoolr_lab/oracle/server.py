"""A server to ask: `despoolr serve logon` in a process of its own, in a directory that is gone
afterwards.

The law: what is asked is the server anybody would run, over a socket, with tokens, on a disk;
nothing of it is imported here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from despoolr_app.process import discovery
from despoolr_app.process.supervisor import Lifeline
from despoolr_core.share.modes import Role
from despoolr_server.http.base.auth import Auth

SHARE: Final = "SMS_PKGD"
START_S_MAX: Final = 60.0
STOP_S_MAX: Final = 15.0
_SECRET: Final = "for the oracle, on loopback, for a minute"


class ServerError(Exception):
    """The server did not start; the message has what it said."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where it listens, and the means to speak for machines."""

    url: str
    auth: Auth

    def token(self, machine: str) -> str:
        """A service account's token on a machine."""
        return self.auth.issue(machine, machine, Role.SERVICE)


@contextmanager
def serving() -> Iterator[Server]:
    """Start one, on a free port of loopback, and stop it in the end. Raises `ServerError`."""
    with tempfile.TemporaryDirectory(prefix="despoolr-oracle-") as directory:
        place = Path(directory)
        (place / "secret").write_text(_SECRET)
        command = [
            sys.executable,
            "-m",
            "despoolr",
            "serve",
            "logon",
            "--listen",
            "127.0.0.1:0",
        ]
        command += [
            "--data",
            str(place / "data"),
            "--secret-file",
            str(place / "secret"),
            "--roles",
            "distribution",
        ]
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("DESPOOLR_")
        }
        with subprocess.Popen(
            command,
            cwd=place,
            **Lifeline().options(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                _await_ready(process)
                running = discovery.running(place)
                yield Server(running[0].url, Auth(_SECRET.encode()))
            finally:
                process.terminate()
                try:
                    process.communicate(timeout=STOP_S_MAX)
                except subprocess.TimeoutExpired:
                    process.kill()


def _await_ready(process: subprocess.Popen[str]) -> None:
    """Read what the server says until it is ready."""
    assert process.stdout is not None
    late = threading.Timer(START_S_MAX, process.kill)
    late.start()
    said: list[str] = []
    try:
        for line in process.stdout:
            said.append(line)
            if line.startswith("despoolr: ready"):
                return
    finally:
        late.cancel()
    raise ServerError("the server did not start:\n" + "".join(said))
