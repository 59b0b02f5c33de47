"""Nothing in the product is dead, and the list of what only looks so is as short as it can be."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from worlds.support import REPOSITORY

ALLOWED = REPOSITORY / "tests" / "house" / "dead_code_allowed.py"
ROOMS = ("core", "server", "client", "app", "lab", "public")


@pytest.mark.slow
def test_nothing_is_dead_but_what_is_allowed_and_that_stands_below_a_reason() -> None:
    """`make lint` asks with the list; here one look without it says what is dead and what the list
    names in vain.
    """
    command = [str(Path(sys.executable).with_name("vulture")), *ROOMS]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 3), done.stderr
    allowed, reason = set(), False
    for line in ALLOWED.read_text("utf-8").partition("_: Any = None\n")[2].splitlines():
        if line.startswith("_."):
            assert reason, f"{line} stands below no reason"
            allowed.add(line.removeprefix("_."))
        else:
            reason = line.startswith("# ")
    found = done.stdout.splitlines()
    dead = {line: re.search(r"unused \w+ '(\w+)'", line) for line in found}
    assert [line for line, name in dead.items() if name is None or name[1] not in allowed] == []
    assert allowed <= {name[1] for name in dead.values() if name is not None}, "no longer needed"
