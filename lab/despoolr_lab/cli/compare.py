"""`despoolr compare A B`: two load runs side by side, and which of their differences matter.

The law: what was not made alike is not compared, unless `--anyway`; then the difference is said
above the table. The exit code is 0 whatever the numbers are: a comparison has no expectations.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from despoolr_app.cli.options import runs_option
from despoolr_app.cli.output import EXIT_OK, echo_json, echo_table, fail, json_option, put, say

if TYPE_CHECKING:
    from despoolr_lab.load.outcome.compare import ComparedMeasure, ComparedRun


@click.command("compare")
@click.argument("a")
@click.argument("b", default="latest")
@click.option(
    "--anyway", is_flag=True, help="Compare even if the loads differ or a run is invalid."
)
@runs_option
@json_option
def command(a: str, b: str, anyway: bool, root: Path, as_json: bool) -> int:
    """Compare two load runs: A is before, B is after.

    Each is a directory, the name of one in `--runs`, or `latest`.
    """
    from despoolr_app.runs.directory import RunError
    from despoolr_lab.load.outcome.archive import read_kept
    from despoolr_lab.load.outcome.compare import compare, differences, warnings

    try:
        samples = [read_kept(name, root) for name in (a, b)]
    except RunError as error:
        fail(str(error))
    unlike = differences(samples[0].summary, samples[1].summary)
    doubts = warnings(samples)
    if (unlike or doubts) and not anyway:
        what = "; ".join([*unlike, *doubts])
        fail(f"these runs cannot be compared: {what}. Say --anyway to see the numbers side by side")
    lines = compare(*samples)
    if as_json:
        echo_json(
            {
                "a": samples[0].name,
                "b": samples[1].name,
                "differences": unlike,
                "warnings": doubts,
                "measures": lines,
            }
        )
        return EXIT_OK
    for text in [*unlike, *doubts]:
        say(f"note: {text}")
    _show(samples, lines)
    return EXIT_OK


def _show(samples: list[ComparedRun], lines: list[ComparedMeasure]) -> None:
    for letter, sample in zip("AB", samples, strict=True):
        put(f"{letter}: {sample.name}: {sample.summary['verdict']}")
    rows = [
        (_name(line), _number(line.a), _number(line.b), _ratio(line), _matters(line))
        for line in lines
    ]
    echo_table(["MEASURE", "A", "B", "B TO A", "MATTERS"], rows)
    sure = [line.name for line in lines if line.matters]
    none = "No difference matters, as far as one run each can tell."
    put("", f"Differences that matter: {', '.join(sure)}." if sure else none)


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
