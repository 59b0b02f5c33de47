"""`despoolr compare A B`: load runs side by side, and which of their differences matter.

The law: what was not made alike is not compared, unless `--anyway`; then the difference is said
above the table. The exit code is 10 where B is the worse in something that matters, 12 where the
runs are too short to tell.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from despoolr_app.cli.base.options import option, runs_option
from despoolr_app.cli.base.output import EXIT_OK, echo_json, echo_table, fail, json_option, put, say

if TYPE_CHECKING:
    from despoolr_lab.load.outcome.compare import ComparedMeasure, ComparedRun


EXIT_EXPECTATION: Final = 10
EXIT_UNDECIDED: Final = 12
RUNS_MAX: Final = 20
"""Runs a side."""
FAULTS_MAX: Final = 8
"""Faults of a run that are told."""


@click.command("compare")
@click.argument("a")
@click.argument("b", default="latest")
@option("--anyway", is_flag=True, help="Compare even if the loads differ or a run is invalid.")
@runs_option
@json_option
def command(a: str, b: str, anyway: bool, root: Path, as_json: bool) -> int:
    """Compare load runs: A is before, B is after.

    Each is a directory, the name of one in `--runs`, or `latest`; or several of them, with commas
    between. A difference matters if it is larger than those among the runs of one side.

    Exit 0: B is not worse. 10: it is, in something that matters. 12: too short to tell.
    """
    from despoolr_app.runs.directory import RunError
    from despoolr_lab.load.outcome.archive import read_kept
    from despoolr_lab.load.outcome.compare import compare, differences, warnings

    try:
        sides = [[read_kept(name, root) for name in _names(side)] for side in (a, b)]
    except RunError as error:
        fail(str(error))
    for runs in sides:
        twice = [name for name, count in Counter(run.name for run in runs).items() if count > 1]
        if twice:
            fail(f"{twice[0]} is given twice: a run says nothing of how much two runs differ")
    first, *others = [run for side in sides for run in side]
    found = [differences(first.summary, other.summary) for other in others]
    unlike = list(dict.fromkeys(text for texts in found for text in texts))
    doubts = warnings(sides)
    if (unlike or doubts) and not anyway:
        what = "; ".join([*unlike, *doubts])
        fail(f"these runs cannot be compared: {what}. Say --anyway to see the numbers side by side")
    lines = compare(*sides)
    worse = [line.name for line in lines if line.is_worse]
    code = EXIT_EXPECTATION if worse else EXIT_OK
    if not worse and all(line.matters is None for line in lines if line.name.startswith("poll p")):
        code = EXIT_UNDECIDED
    if as_json:
        names = [[run.name for run in side] for side in sides]
        faults = {run.name: run.summary.get("faults") or [] for side in sides for run in side}
        data = {
            "a": names[0],
            "b": names[1],
            "differences": unlike,
            "warnings": doubts,
            "faults": faults,
        }
        echo_json({**data, "measures": lines, "worse": worse, "exit_code": code})
        return code
    for text in [*unlike, *doubts]:
        say(f"note: {text}")
    _show(sides, lines)
    return code


def _names(side: str) -> list[str]:
    names = [name for name in side.split(",") if name]
    if not names or len(names) > RUNS_MAX:
        fail(f"a side is 1 to {RUNS_MAX} runs with commas between, not {len(names)}")
    return names


def _show(sides: list[list[ComparedRun]], lines: list[ComparedMeasure]) -> None:
    from despoolr_lab.breaking.tables import told

    for letter, runs in zip("AB", sides, strict=True):
        for run in runs:
            put(f"{letter}: {run.name}: {run.summary['verdict']}")
            faults = run.summary.get("faults") or []
            for fault in faults[:FAULTS_MAX]:
                put(f"   broken on purpose: {told(fault)}")
            if len(faults) > FAULTS_MAX:
                put(f"   broken on purpose: {len(faults) - FAULTS_MAX} more")
    rows = [
        (_name(line), _number(line.a), _number(line.b), _ratio(line), _matters(line))
        for line in lines
    ]
    echo_table(["MEASURE", "A", "B", "B TO A", "MATTERS"], rows)
    sure = [
        f"{line.name} (worse)" if line.is_worse else line.name for line in lines if line.matters
    ]
    alone = min(len(runs) for runs in sides) == 1
    more = ", as far as one run each can tell" if alone else ""
    put(
        "",
        f"Differences that matter: {', '.join(sure)}{more}."
        if sure
        else f"No difference matters{more}.",
    )


def _name(line: ComparedMeasure) -> str:
    return f"{line.name} ({line.unit})" if line.unit else line.name


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() or value >= 1000 else f"{value:.3g}"


def _ratio(line: ComparedMeasure) -> str:
    return "-" if line.ratio is None else f"x{line.ratio:.2f}"


def _matters(line: Any) -> str:
    word = "-" if line.matters is None else "yes" if line.matters else "no"
    return f"{word}: {line.why}" if line.why else word
