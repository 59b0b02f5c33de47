"""What once broke a server is tried again: the scripts of `tests/data/trials` against one that runs, its memory bounded.

Each script prints a line for each question and FAULT where the answer is wrong. They run as they would by hand. The long
attacks run here in a short form and whole in `make nightly`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from process_world import Process, Workshop, clean_environment
from support import data, free_port, program

INPUTS = data("trials", "inputs")
ATTACKS = data("trials", "attack")
SCRIPTS = ("13-case-folding.sh",)
MEMORY_MAX = 3 << 30
"""Bytes of address space that an attacked server may have: one that grows ends, and its test says so."""
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
        at = ("--site", self.site, "--logon", self.logon, "--token", self.token, "--secret-file", secret)
        return said_by([sys.executable, str(ATTACKS / name), *at, *more], self.directory)


def said_by(command: list[str], directory: Path, **environment: str) -> str:
    """All that a program prints; it must come to its end."""
    environment = clean_environment() | {"PATH": f"{despoolr().parent}:{os.environ['PATH']}"} | environment
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
    """The lines that tell of a wrong answer."""
    return [line for line in said.splitlines() if line.startswith("FAULT")]


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """One server for all scripts of this module; it must live through them all."""
    directory = tmp_path_factory.mktemp("trial")
    workshop = Workshop(directory)
    site, logon = free_port(), free_port()
    listen = ("--listen", f"127.0.0.1:{site}", "--listen-logon", f"127.0.0.1:{logon}")
    process = workshop.start("serve", "all", "--version", "1.1", *listen, memory_max=MEMORY_MAX)
    try:
        yield Trial(process, directory, f"http://127.0.0.1:{site}", f"http://127.0.0.1:{logon}")
        assert process.process.poll() is None, f"the server did not live through its trials:\n{process.said[-4000:]}"
        code, _ = process.terminate()
        assert code == 0, process.said[-4000:]
        assert "Traceback" not in process.said, process.said[-4000:]
    finally:
        if process.process.poll() is None:
            process.kill()


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_that_showed_a_fault_shows_none(trial: Trial, name: str) -> None:
    program("curl", "curl")
    shell = sys.executable if name.endswith(".py") else "sh"
    said = said_by([shell, str(INPUTS / name)], trial.directory, BASE=trial.logon, TOKEN=trial.token)
    assert re.search(r"^ok ", said, re.MULTILINE), f"nothing was tried:\n{said}"
    assert faults(said) == [], said


def test_a_client_cannot_move_a_box_away(trial: Trial) -> None:
    said = trial.attack("box_gone.py", "--wait", "10")
    assert re.search(r"^move: 40[39]$", said, re.MULTILINE), f"the box could be moved:\n{said}"
    assert re.search(r"report after \d+ s: 20[14] ", said), f"another client's report does not get through:\n{said}"


def test_what_one_client_sends_is_forgotten_again(trial: Trial) -> None:
    said = trial.attack("memory.py", "--pid", str(trial.process.process.pid), "--count", "60")
    grown = re.findall(r"^(.*?): (\d+) requests, RSS (\d+) -> (\d+) MiB", said, re.MULTILINE)
    assert len(grown) == 6, said
    for what, _, before, after in grown:
        assert int(after) - int(before) < 100, f"{what} took {int(after) - int(before)} MiB:\n{said}"
