"""The commands of the README, run as it prints them. The containers' are run by `tests/containers`,
the two of make by `.ci/run`.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from worlds.process import ANY_PORT, Workshop
from worlds.support import REPOSITORY, program

README = (REPOSITORY / "README.md").read_text("utf-8")


def commands(heading: str) -> list[str]:
    """The lines after `$ ` below a heading of the README."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^\$ (.*)$", section, re.MULTILINE)
    assert found, heading
    return found


@pytest.fixture
def clone(workshop: Workshop) -> Workshop:
    """A directory with what the commands name."""
    (workshop.path / "scenarios").symlink_to(REPOSITORY / "scenarios")
    return workshop


@pytest.mark.long
def test_the_three_questions_are_answered_as_it_says(clone: Workshop) -> None:
    *questions, by_hand = [shlex.split(line)[1:] for line in commands("Three questions")]
    said = ""
    for words in questions:
        done = clone.run(*words)
        assert done.returncode == 0, (words, done.stderr)
        said += done.stdout
    assert "refused b.dat 100 times over 8 d" in said
    assert "WINWORD.EXE on WS1" in said and "closing that file would have" in said
    assert any(Path(line).name == "report.html" for line in said.splitlines())
    assert "copy strategy new_folder_and_switch; packaging change; nobody disturbed" in said
    assert "copy strategy rename_aside: WINWORD.EXE on WS1 shares READ only; it needs:" in said
    done = clone.run(*by_hand)
    assert done.returncode == 10 and "4 of 5 hold" in done.stdout


def test_a_held_file_is_423_and_names_who_has_it(clone: Workshop) -> None:
    program("curl", "curl")
    clone.start("serve", "all", "--version", "1.1", *ANY_PORT)
    url = clone.servers()["LOGON1"].url
    script = "\n".join(commands("Hold a file with curl")).replace("http://127.0.0.1:8802", url)
    (clone.path / "despoolr").write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m despoolr "$@"\n'
    )
    (clone.path / "despoolr").chmod(0o755)
    done = subprocess.run(
        ["bash", "-ec", script],
        cwd=clone.path,
        env={**os.environ, "PATH": f"{clone.path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert '"status":423' in done.stdout and "PC07 (user ALICE)" in done.stdout
    assert r"\\LOGON1\SMS_PKGD\a.txt" in done.stdout.splitlines()[-1]


def test_ci_runs_its_two_commands() -> None:
    ci = (REPOSITORY / ".ci" / "run").read_text("utf-8")
    for line in commands("Two commands"):
        assert re.search(rf"^(time )?{re.escape(line)}$", ci, re.MULTILINE), line


def test_it_is_one_screen_and_a_second_for_detail() -> None:
    first, _, second = README.partition("\n---\n")
    assert len(first.splitlines()) <= 80 and len(second.splitlines()) <= 80
