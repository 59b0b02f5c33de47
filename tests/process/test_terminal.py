"""A run on a terminal: what draws its progress must not ask virtual time for anything."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from despoolr_lab.scenario.reading.written import to_toml
from worlds.scenario import scenario, share

pytestmark = pytest.mark.slow


def on_a_terminal(directory: Path, *words: str) -> tuple[int, str]:
    """The exit code of a command, and what its terminal of 80 columns was told."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "despoolr", *words],
        cwd=directory,
        env={**os.environ, "COLUMNS": "80", "TERM": "xterm-256color"},
        stdin=its,
        stdout=its,
        stderr=its,
    )
    os.close(its)
    said = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        said += part
    os.close(ours)
    return process.wait(60), re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", said).decode()


def test_a_run_shows_how_far_it_is(tmp_path: Path) -> None:
    done = {"that": "job", "job": "FIRST", "status": "Complete"}
    (tmp_path / "small.toml").write_text(
        to_toml(scenario(share(), expect=[done], hours=1)), "utf-8"
    )
    code, said = on_a_terminal(tmp_path, "run", "small.toml")
    assert code == 0, said
    assert "staged   0%  day 0 00:00" in said
    assert "1 of 1 hold" in said
