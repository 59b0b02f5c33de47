"""Nothing in the product is dead, and the list of what only looks so is as short as it can be."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from worlds.support import REPOSITORY

ALLOWED = REPOSITORY / "tests" / "house" / "dead_code_allowed.py"
ROOMS = ("core", "server", "client", "app", "lab", "public")


def vulture(*arguments: str) -> str:
    command = [str(Path(sys.executable).with_name("vulture")), *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 3), done.stderr
    return done.stdout


def test_nothing_is_dead() -> None:
    assert vulture() == ""


def test_what_is_allowed_would_be_reported_and_stands_below_a_reason() -> None:
    reported = set(re.findall(r"unused \w+ '(\w+)'", vulture(*ROOMS)))
    reason = False
    for line in ALLOWED.read_text("utf-8").partition("_: Any = None\n")[2].splitlines():
        if line.startswith("_."):
            assert reason, f"{line} stands below no reason"
            assert line.removeprefix("_.") in reported, f"{line} is no longer needed"
        else:
            reason = line.startswith("# ")
