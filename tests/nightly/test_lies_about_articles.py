"""Whoever lies about an article is told so by `despoolr kb run --all`, too: exit code 10."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from despoolr_lab.cli.runs.running import EXIT_EXPECTATION_FAILED
from worlds.support import REPOSITORY

ROOMS = ("core", "server", "client", "app", "lab", "public")
LIES = sorted(
    path
    for path in (REPOSITORY / "tests" / "mutants").glob("*.patch")
    if "Red: tests/scenarios/test_articles.py::" in path.read_text("utf-8")
)
RUN_ALL = "import sys; from despoolr.console import run; sys.exit(run(sys.argv[1:]))"


def test_five_lies_or_more_are_about_articles() -> None:
    assert len(LIES) >= 5


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.stem)
def test_the_table_of_articles_notices_a_lie(lie: Path, tmp_path: Path) -> None:
    for part in (*ROOMS, "scenarios"):
        shutil.copytree(REPOSITORY / part, tmp_path / part)
    subprocess.run(["git", "apply", "-p1", str(lie)], cwd=tmp_path, check=True)
    done = subprocess.run(
        [sys.executable, "-c", RUN_ALL, "kb", "run", "--all"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(str(tmp_path / room) for room in ROOMS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == EXIT_EXPECTATION_FAILED, done.stderr
    assert "runs were as Microsoft said" in done.stdout
