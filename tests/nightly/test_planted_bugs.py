"""Bugs that are planted in a copy of the product: `explore` finds each within 500 worlds, `shrink`
makes it small, `replay` repeats it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from worlds.support import REPOSITORY

ROOMS = ("core", "server", "client", "app", "lab", "public")
MAIN = "from despoolr.console import main; main()"
DEMO = "scenarios/demo_live.toml"


PLANTED = sorted((REPOSITORY / "tests" / "mutants").glob("explore_*.patch"))


SEVERAL = "two_servers"
"""In the name of a bug that needs two."""


@pytest.fixture(params=PLANTED, ids=lambda patch: patch.stem)
def planted(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy that has the bug, in a directory of its name."""
    tmp_path = tmp_path / request.param.stem
    for room in (*ROOMS, "scenarios"):
        shutil.copytree(REPOSITORY / room, tmp_path / room)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "apply", "-p1", str(request.param)], cwd=tmp_path, check=True)
    return tmp_path


def despoolr(copy: Path, *arguments: str) -> tuple[int, Any]:
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *arguments],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(str(copy / room) for room in ROOMS)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)["data"] if "--json" in arguments else None


def test_a_planted_bug_is_found_made_small_and_repeated(planted: Path) -> None:
    code, told = despoolr(planted, "explore", DEMO, "--seeds", "1-500", "--first", "--json")
    assert code == 11
    seed = str(told["failures"][0]["first"])
    code, told = despoolr(planted, "shrink", DEMO, "--seed", seed, "--to", "small.toml", "--json")
    assert code == 0 and told["repeatable"]
    small = tomllib.loads((planted / "small.toml").read_text())
    assert len(small.get("site", [0])) == 1
    assert len(small.get("server", [0])) == (2 if SEVERAL in planted.name else 1)
    clients = [len(group.get("names", [])) or group["count"] for group in small.get("clients", [])]
    assert sum(clients) <= 2
    assert len(small["step"]) <= 3
    assert despoolr(planted, "run", "small.toml")[0] in (0, 10)
    assert despoolr(planted, "replay", "latest")[0] == 0
