"""A PostgreSQL server of our own for tests: Debian's program, a private cluster on loopback, gone
afterwards.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from worlds.process import until
from worlds.support import free_port, program


@dataclass
class Postgres:
    """A running server. `url` is for a database that `create` made."""

    port: int
    password: str
    data: Path
    process: subprocess.Popen[bytes]
    made: list[str] = field(default_factory=list)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://despoolr:{self.password}@127.0.0.1:{self.port}/{database}"

    def create(self) -> str:
        """A new, empty database; its URL."""
        name = f"site{len(self.made)}"
        self.made.append(name)
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def cut_off(self, url: str) -> None:
        """End every connection to a database: what a restart of the server does."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            name = url.rpartition("/")[2]
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
            )
            count = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
            until(lambda: connection.execute(count, (name,)).fetchone() == (0,), "all have ended")


def programs() -> Path:
    """Where `initdb` and `postgres` are."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4])
    )
    return found[-1].parent if found else Path(program("initdb", "postgresql")).parent


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A private cluster, started and stopped."""
    binaries = programs()
    # PostgreSQL does not run as root: then it runs as the user its package made.
    owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    rights: dict[str, Any] = (
        {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if owner else {}
    )
    home = Path(tempfile.mkdtemp(prefix="despoolr-pg-"))
    password = secrets.token_urlsafe(12)
    try:
        (home / "password").write_text(password)
        if owner:
            for path in (home, home / "password"):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        data, port = home / "data", free_port()
        subprocess.run(
            [
                str(binaries / "initdb"),
                *("--pgdata", str(data), "--username", "despoolr"),
                *("--pwfile", str(home / "password")),
                *("--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync"),
            ],
            check=True,
            cwd="/",
            stdout=subprocess.DEVNULL,
            **rights,
        )
        settings = (
            f"port={port}",
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
            "shared_buffers=16MB",
        )
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    str(binaries / "postgres"),
                    "-D",
                    str(data),
                    *(word for setting in settings for word in ("-c", setting)),
                ],
                cwd="/",
                stdout=log,
                stderr=log,
                **rights,
            )
        server = Postgres(port, password, data, process)
        try:
            until(lambda: _answers(server, home / "log"), "PostgreSQL answers")
            yield server
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(60)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _answers(server: Postgres, log: Path) -> bool:
    assert server.process.poll() is None, log.read_text()
    with suppress(psycopg.OperationalError), psycopg.connect(server.url(), connect_timeout=60):
        return True
    return False
