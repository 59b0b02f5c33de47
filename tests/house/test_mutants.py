"""The lies of `tests/mutants` still fit the code they are told about; `make mutants` tells them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from worlds.support import REPOSITORY

PATCHES = sorted((REPOSITORY / "tests/mutants").glob("*.patch"))


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_mutant_applies_to_the_code_and_names_a_test_that_exists(patch: Path) -> None:
    head = patch.read_text(encoding="utf-8").split("diff --git", 1)[0].splitlines()
    said = dict(line.split(": ", 1) for line in head if ": " in line)
    assert said.keys() >= {"Lie", "Red"}, (
        "the lines above the diff say `Lie: ...` and `Red: tests/...`"
    )
    for test in said["Red"].split():
        path, _, name = test.partition("::")
        text = (REPOSITORY / path).read_text(encoding="utf-8")
        assert not name or f"def {name.partition('[')[0]}(" in text, f"{test} does not exist"
    applied = subprocess.run(
        ["git", "apply", "--check", "-p1", str(patch)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert applied.returncode == 0, applied.stderr
