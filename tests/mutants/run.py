"""Tell each small lie about the product in a copy of it, and want the test that should notice to go
red.

A lie is a patch beside this file. The lines above its diff say what is wrong (`Lie:`) and which
test must fail (`Red:`, as pytest names tests, several separated by spaces). Exit code 0: every lie
was noticed. 1: one was not, not within `NOTICED_S_MAX`, or its patch does not apply.

    python tests/mutants/run.py [NAME ...]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
ROOMS = ("core", "server", "client", "app", "lab", "public")
RED = 1
"""pytest's exit code for tests that failed; anything else says that the tests did not run as
meant.
"""
NOTICED_S_MAX = 300.0
"""Seconds in which a test must go red, on a machine that has much else to do: an idle one needs
about five.
"""


def main(names: list[str]) -> int:
    """Run the named lies, or all of them."""
    patches = sorted(HERE.glob("*.patch"))
    if unknown := set(names) - {patch.stem for patch in patches}:
        print(f"there is no {', '.join(sorted(unknown))} in {HERE.name}/")
        return 2
    chosen = [patch for patch in patches if not names or patch.stem in names]
    unnoticed = [patch.stem for patch in chosen if not is_noticed(patch)]
    print(f"{len(chosen) - len(unnoticed)} of {len(chosen)} lies were noticed")
    return 1 if unnoticed else 0


def is_noticed(patch: Path) -> bool:
    """Whether the tests that a patch names fail in a copy of the repository that has it."""
    head = patch.read_text(encoding="utf-8").split("diff --git", 1)[0].splitlines()
    said = dict(line.split(": ", 1) for line in head if ": " in line)
    with tempfile.TemporaryDirectory(prefix="despoolr-mutant-") as made:
        copy = Path(made, "despoolr")
        shutil.copytree(REPOSITORY, copy, ignore=_left_out, symlinks=True)
        applied = subprocess.run(
            ["git", "apply", "-p1", str(patch)],
            cwd=copy,
            capture_output=True,
            text=True,
            check=False,
        )
        if applied.returncode:
            print(f"{patch.stem}: does not apply: {applied.stderr.strip()}")
            return False
        paths = os.pathsep.join(str(copy / room) for room in ROOMS)
        tests = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            *said["Red"].split(),
        ]
        told = os.environ | {"PYTHONPATH": paths}
        try:
            done = subprocess.run(
                tests,
                cwd=copy,
                env=told,
                capture_output=True,
                text=True,
                check=False,
                timeout=NOTICED_S_MAX,
            )
        except subprocess.TimeoutExpired:
            print(f"{patch.stem}: NOT NOTICED ({said['Lie']}) within {NOTICED_S_MAX:g} s")
            return False
    if done.returncode == RED:
        print(f"{patch.stem}: noticed ({said['Lie']})", flush=True)
        return True
    last = (done.stdout.strip().splitlines() or [done.stderr.strip()])[-1]
    print(f"{patch.stem}: NOT NOTICED ({said['Lie']}): pytest ended with {done.returncode}: {last}")
    return False


def _left_out(directory: str, names: list[str]) -> set[str]:
    """What no copy needs; `runs` is a package, too, below the top."""
    everywhere = shutil.ignore_patterns(".git", ".venv", ".*_cache", ".hypothesis", "__pycache__")
    top = {"runs", "despoolr-data"} if Path(directory) == REPOSITORY else set()
    return everywhere(directory, names) | top


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
