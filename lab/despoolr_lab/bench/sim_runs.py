"""What runs in virtual time cost, as CPU seconds, beside a base: the same of another commit.

Rounds of the base and of this checkout take turns, so that a busy machine is as busy for both; what
is told are medians. The base's files are laid into a git worktree that lasts as long as the
measurement. `kb run --all` is one run of each for all its rounds: it is a mean already.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Final, NamedTuple

ROOTS: Final = ("core", "server", "client", "app", "lab", "public")
"""Where a checkout has its packages."""
ROUNDS: Final = 5
RUN: Final = ("kb", "run", "Q147819", "--version", "1.1")

_HERE: Final = Path(__file__).resolve().parents[3]
_CHILD: Final = Path(__file__).with_name("sim_child.py")


class RunCost(NamedTuple):
    """A line of the table, and what is wanted of it."""

    label: str
    goal: float
    is_rate: bool = False

    def is_met(self, value: float) -> bool:
        """Whether the goal is reached."""
        return value >= self.goal if self.is_rate else value <= self.goal

    def shown(self, value: float) -> str:
        """The value, as it stands in the table."""
        return f"{value:,.0f}" if self.is_rate else f"{value:.2f}"


ROWS: Final[Mapping[str, RunCost]] = {
    "cold": RunCost("Q147819 on 1.1: start, run, report", 1.0),
    "warm": RunCost("Q147819 on 1.1: again in a warm process", 0.5),
    "start": RunCost("start-up: until virtual time begins", 0.2),
    "all": RunCost("kb run --all: a run", 0.35),
    "requests": RunCost("simulated polls a CPU second", 40_000, is_rate=True),
}


def measure(base: str = "") -> dict[str, dict[str, float]]:
    """CPU seconds of each row of this checkout (`now`) and, if a commit is named, of that
    (`base`). Raises `subprocess.CalledProcessError` for what git does not know.
    """
    with checkouts(base) as tops:
        found: dict[str, dict[str, list[float]]] = {name: {} for name in tops}
        for number in range(1 + ROUNDS):
            for name, top in tops.items():
                for key, value in (_told(top, "runs", *RUN) | _told(top, "requests")).items():
                    if number:  # the first one compiles files
                        found[name].setdefault(key, []).append(value)
        for name, top in tops.items():
            found[name]["all"] = [_all_articles(top)]
    return {
        name: {key: statistics.median(values) for key, values in figures.items()}
        for name, figures in found.items()
    }


def is_commit(name: str) -> bool:
    """Whether git knows a commit by that name."""
    asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    done = subprocess.run(["git", "-C", str(_HERE), *asked], capture_output=True, check=False)
    return done.returncode == 0


@contextmanager
def checkouts(base: str) -> Iterator[dict[str, Path]]:
    """This checkout (`now`) and, if a commit is named, that one (`base`). Raises
    `subprocess.CalledProcessError` for what git does not know.
    """
    if not base:
        yield {"now": _HERE}
        return
    with tempfile.TemporaryDirectory(prefix="despoolr-base-") as directory:
        top = Path(directory) / "base"
        git = ("git", "-C", str(_HERE), "worktree")
        subprocess.run([*git, "add", "--quiet", "--detach", str(top), base], check=True)
        try:
            yield {"base": top, "now": _HERE}
        finally:
            subprocess.run([*git, "remove", "--force", str(top)], check=True)


def environment_of(top: Path) -> dict[str, str]:
    """The environment in which a process has the packages of the checkout at `top`. Compiled files
    are kept: a command is not compiled each time it is called.
    """
    left_out = ("PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED")
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return kept | {"PYTHONPATH": os.pathsep.join(str(top / root) for root in ROOTS)}


def _told(top: Path, *arguments: str) -> dict[str, float]:
    command = [sys.executable, "-P", str(_CHILD), *arguments]
    told: dict[str, float] = json.loads(
        subprocess.run(
            command,
            check=True,
            env=environment_of(top),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ).stdout
    )
    return told


def _all_articles(top: Path) -> float:
    """CPU seconds of a run among all articles, with its share of the processes that make them."""
    before = getrusage(RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "despoolr", "kb", "run", "--all", "--out", out]
        subprocess.run(command, check=True, env=environment_of(top), stdout=subprocess.DEVNULL)
        run_count = sum(one.is_dir() for one in Path(out).iterdir())
    after = getrusage(RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent / run_count


def table(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The rows as lines: the base's figure, this one's, their ratio, and the goal."""
    base = found.get("base", {})
    lines = [f"{'CPU seconds':<42} {'base':>8} {'now':>8} {'ratio':>6}  goal"]
    for key, row in ROWS.items():
        value = found["now"][key]
        before, ratio = "-", "-"
        if key in base:
            before, ratio = row.shown(base[key]), f"{value / base[key]:.2f}"
        sign = "at least" if row.is_rate else "at most"
        goal = f"{sign} {row.goal:,g}: {'met' if row.is_met(value) else 'MISSED'}"
        lines.append(f"{row.label:<42} {before:>8} {row.shown(value):>8} {ratio:>6}  {goal}")
    return lines


def is_met(found: Mapping[str, Mapping[str, float]]) -> bool:
    """Whether every goal is reached."""
    return all(row.is_met(found["now"][key]) for key, row in ROWS.items())
