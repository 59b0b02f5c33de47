"""A server on trial: one whose memory is bounded, and the scripts of `tests/data/trials` that try
it as they would by hand.

Each script prints a line for each question, and FAULT where the answer is wrong.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from worlds.process import Process, Workshop, unmeasured_environment
from worlds.support import data, free_port

INPUTS = data("trials", "inputs")
ATTACKS = data("trials", "attack")
MEMORY_MAX = 3 << 30
"""Bytes of address space that an attacked server may have: one that grows ends, and its test says
so.
"""
WAIT_S_MAX = 300


@dataclass
class Trial:
    """A site server and LOGON1 in one process, and how scripts find them."""

    process: Process
    directory: Path
    site: str
    logon: str

    @property
    def token(self) -> str:
        return (self.directory / "despoolr-data/all/admin.token").read_text().strip()

    def attack(self, name: str, *more: str) -> str:
        """An attack on the running server; what it said."""
        secret = str(self.directory / "despoolr-data/all/secret")
        at = (
            "--site",
            self.site,
            "--logon",
            self.logon,
            "--token",
            self.token,
            "--secret-file",
            secret,
        )
        return said_by([sys.executable, str(ATTACKS / name), *at, *more], self.directory)


def said_by(command: list[str], directory: Path, **environment: str) -> str:
    """All that a program prints; it must come to its end."""
    environment = (
        unmeasured_environment()
        | {"PATH": f"{despoolr().parent}:{os.environ['PATH']}"}
        | environment
    )
    done = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=WAIT_S_MAX,
        check=False,
    )
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, f"{command[1]} ended with {done.returncode}:\n{said[-4000:]}"
    return said


def despoolr() -> Path:
    """The command that is installed beside this Python."""
    found = Path(sys.executable).with_name("despoolr")
    assert found.exists(), f"{found} is not installed"
    return found


def faults(said: str) -> list[str]:
    """What tells of a wrong answer, to the end of its line; another text may stand before it."""
    return re.findall(r"\bFAULT\b.*", said)


@contextmanager
def running_trial(directory: Path) -> Iterator[Trial]:
    """A server for many scripts; it must live through them all, and end when told to."""
    workshop = Workshop(directory)
    site, logon = free_port(), free_port()
    listen = ("--listen", f"127.0.0.1:{site}", "--listen-logon", f"127.0.0.1:{logon}")
    process = workshop.start("serve", "all", "--version", "1.1", *listen, memory_max=MEMORY_MAX)
    try:
        yield Trial(process, directory, f"http://127.0.0.1:{site}", f"http://127.0.0.1:{logon}")
        assert process.process.poll() is None, (
            f"the server did not live through its trials:\n{process.said[-4000:]}"
        )
        code, _ = process.terminate()
        assert code == 0, process.said[-4000:]
    finally:
        if process.process.poll() is None:
            process.kill()


def alone(name: str, work: Path, *more: str) -> str:
    """An attack that starts a server of its own below `work`; what it said."""
    command = [
        sys.executable,
        str(ATTACKS / name),
        "--despoolr",
        str(despoolr()),
        "--work",
        str(work),
    ]
    return said_by([*command, "--port", str(free_port()), *more], work)
