"""What tests with real WebDAV clients stand on: the server's address, and programs that must
succeed.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from despoolr_app.site_client.blocking_client import ask
from despoolr_app.site_client.client import ServerAddress
from despoolr_core.share.wire import OpenList, OpenRow

PACKAGES = "SMS_PKGD"
PROGRAM_S_MAX = 120.0


@dataclass(frozen=True)
class DavServer:
    """One share of a running server as a person's client sees it."""

    base: str
    share: str
    user: str
    token: str
    admin_token: str

    @property
    def url(self) -> str:
        """The share's address, with a slash at its end."""
        return f"{self.base}/{self.share}/"

    @property
    def administrator(self) -> ServerAddress:
        """The server, as an administrator asks it."""
        return ServerAddress("LOGON1", self.base, self.admin_token)

    def opens(self, path: str = "") -> list[OpenRow]:
        """Who holds what: everything, or that path."""
        return ask(self.administrator, f"opens?path={path}" if path else "opens", OpenList).opens


def run(
    *command: str,
    at: Path,
    env: dict[str, str] | None = None,
    text: str = "",
    expected: int | None = 0,
) -> str:
    """What a program printed. It must end in time, with the exit code expected (None: any)."""
    done = subprocess.run(
        command,
        cwd=at,
        env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", **(env or {})},
        input=text.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PROGRAM_S_MAX,
        check=False,
    )
    said = done.stdout.decode("utf-8", "replace")
    assert expected is None or done.returncode == expected, (
        f"{command} ended with {done.returncode}:\n{said}"
    )
    return said
