"""`despoolr explore SCENARIO`: many worlds of a scenario, and what goes wrong in them."""

from __future__ import annotations

import re
import shlex
import sys
import time
from typing import Any, Final

import click

from despoolr_app.cli.base.options import option
from despoolr_app.cli.base.output import (
    EXIT_INTERRUPTED,
    EXIT_OK,
    echo_json,
    fail,
    put,
    put_over,
    put_prose,
    wrapped_cell,
)
from despoolr_core.phrases import counted
from despoolr_lab.cli.runs.options import as_typed, rerun_options, to_run_options

SEEDS: Final = "1-100"
SEEDS_MAX: Final = 100_000
"""Worlds of one exploration."""
EXIT_FOUND: Final = 11
_RANGE: Final = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")


@click.command(
    "explore",
    help="Run many worlds of SCENARIO (a file, a name, an article), each without about half of "
    "its faults and holds and with faults of its own, and list what goes wrong by its kind.",
)
@click.argument("scenario")
@option(
    "--seeds", default=SEEDS, metavar="A-B", help="The worlds to run: a range of seeds, or one."
)
@option(
    "--jobs", type=click.IntRange(1, 256), help="Processes that run them. Default: all processors."
)
@option("--first", is_flag=True, help="Stop at the first failure.")
@option("--fix", multiple=True, metavar="KB", help="Switch an article's fault off, e.g. Q147819.")
@rerun_options
def command(
    scenario: str, seeds: str, jobs: int | None, first: bool, fix: tuple[str, ...], **options: Any
) -> None:
    """Exit 0 if nothing went wrong, 11 if anything did, 130 after Ctrl-C; what is done by then is
    told.
    """
    from despoolr_lab.cli.runs.running import read_scenario
    from despoolr_lab.explore.campaign import Exploration, explore
    from despoolr_lab.pool import WorkerDied
    from despoolr_lab.scenario.reading.written import baked
    from despoolr_lab.scenario.run import RunOptions

    # faults are drawn for the scenario that runs: its clients, its length
    loaded = baked(read_scenario(scenario), to_run_options(options, fix))
    todo = _seeds(seeds)
    exploration = Exploration()
    begun = time.perf_counter()
    shown = _Shown(len(todo), is_quiet=options["as_json"])
    is_interrupted = False
    outcomes = explore(loaded, RunOptions(), todo, jobs or 0)
    try:
        for seed, judgement in outcomes:
            new = exploration.add(seed, judgement)
            shown.update(exploration, [failure.key for failure in new])
            if first and exploration.failures:
                outcomes.close()
                break
    except KeyboardInterrupt:
        is_interrupted = True
    except WorkerDied as error:
        fail(str(error))
    shown.end()
    wall_s = time.perf_counter() - begun
    if options["as_json"]:
        told = {
            "scenario": loaded.name,
            "seeds": seeds,
            "interrupted": is_interrupted,
            **exploration.to_json(),
            "wall_s": round(wall_s, 3),
        }
        echo_json(told, source=str(scenario))
    else:
        _print(scenario, exploration, len(todo), as_typed(options, fix))
    if is_interrupted:
        done = exploration.worlds + len(exploration.refused)
        put(f"despoolr: interrupted after {done} of {len(todo)} worlds", err=True)
        sys.exit(EXIT_INTERRUPTED)
    sys.exit(EXIT_FOUND if exploration.failures else EXIT_OK)


def _seeds(text: str) -> range:
    """The seeds of a range. Raises `click.BadParameter`."""
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        raise click.BadParameter(
            f"{text!r} is no range of seeds, such as 1-500", param_hint="--seeds"
        )
    least = int(found[1])
    most = int(found[2] or found[1])
    if most < least:
        raise click.BadParameter(f"{text} ends before it begins", param_hint="--seeds")
    if most - least >= SEEDS_MAX:
        raise click.BadParameter(f"{SEEDS_MAX:,} worlds at most", param_hint="--seeds")
    return range(least, most + 1)


class _Shown:
    """How far it is, on standard error: a line in place on a terminal, one for each new failure
    elsewhere.
    """

    def __init__(self, total: int, *, is_quiet: bool) -> None:
        self._total = total
        self._is_quiet = is_quiet
        self._is_terminal = sys.stderr.isatty()
        self._done = 0

    def update(self, exploration: Any, new: list[Any]) -> None:
        """Another world is done."""
        self._done += 1
        if self._is_quiet:
            return
        if self._is_terminal:
            found = counted(len(exploration.failures), "kind of failure", "kinds of failure")
            put_over(f"{self._done} of {self._total} worlds: {found}", self._done / self._total)
            return
        for key in new:
            put(f"despoolr: after {self._done} of {self._total} worlds: {key}", err=True)

    def end(self) -> None:
        """Nothing follows."""
        if self._is_terminal and not self._is_quiet and self._done:
            put_over()


def _print(scenario: str, exploration: Any, total: int, typed: str) -> None:
    done = exploration.worlds
    asked = exploration.as_written
    put(f"{done} of {total} worlds of {scenario}; {asked} of them as written, with expectations")
    if exploration.refused:
        seed, why = min(exploration.refused.items())
        many = len(exploration.refused)
        put_prose(f"{many} could not be run; the first, {seed}: {wrapped_cell(why, 4)}")
    failures = exploration.in_order()
    if not failures:
        if done:
            put("Nothing went wrong in them.")
        return
    put("", "worlds  first  what goes wrong")
    for one in failures:
        put(f"{one.worlds:>6}  {one.first:>5}  {one.key}")
        put_prose(f"{'':>15}{wrapped_cell(one.text, 15)}")
    world = f"{shlex.quote(scenario)} --seed {failures[0].first}{typed}"
    put("", f"Try: despoolr shrink {world}")
