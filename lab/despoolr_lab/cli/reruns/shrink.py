"""`despoolr shrink RUN|SCENARIO`: a failing world made small."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from despoolr_app.cli.base.options import option, runs_option
from despoolr_app.cli.base.output import (
    EXIT_INTERRUPTED,
    EXIT_OK,
    echo_json,
    fail,
    put,
    put_over,
    put_prose,
)
from despoolr_core.phrases import counted
from despoolr_lab.cli.runs.options import rerun_options, to_run_options


@click.command(
    "shrink",
    help="Make a failing world small: SCENARIO (a file, a name, an article) in the world --seed of "
    "`explore`, or a kept RUN. Shorter, with fewer clients, files and steps, as long as it fails "
    "in the same way; a TOML file comes out.",
)
@click.argument("subject", metavar="RUN|SCENARIO")
@option("--seed", type=click.IntRange(0), help="The world, of a scenario. Default: 0.")
@option(
    "--key",
    default="",
    metavar="TEXT",
    help="Of several failures, the one whose kind has this text in it.",
)
@option(
    "--to", type=click.Path(path_type=Path, dir_okay=False), help="Write the file here instead."
)
@runs_option
@option("--fix", multiple=True, metavar="KB", help="Switch an article's fault off, e.g. Q147819.")
@rerun_options
def command(
    subject: str,
    seed: int | None,
    key: str,
    to: Path | None,
    root: Path,
    fix: tuple[str, ...],
    **options: Any,
) -> None:
    """Exit 0 with the file, 2 if the world does not fail, 130 after Ctrl-C with the smallest until
    then.
    """
    from despoolr_lab.explore.shrink import DoesNotFail, shrink

    scenario, parsed = _world(subject, seed, root, fix, options)
    is_shown = not options["as_json"] and sys.stderr.isatty()
    found = None
    is_interrupted = False
    try:
        for found in shrink(scenario, parsed, kind=key):
            if is_shown:
                _show(found)
    except DoesNotFail as error:
        fail(f"{subject}: {error}")
    except KeyboardInterrupt:
        if found is None:
            raise
        is_interrupted = True
    if is_shown:
        put_over()
    _tell(subject, found, to, as_json=options["as_json"], is_interrupted=is_interrupted)
    sys.exit(EXIT_INTERRUPTED if is_interrupted else EXIT_OK)


def _show(found: Any) -> None:
    """The progress of a cut."""
    counts = ((found.runs, "run"), (len(found.cut), "cut"), (len(found.scenario.step), "step"))
    put_over(f"{', '.join(counted(*one) for one in counts)}: {found.key}")


def _tell(
    subject: str, found: Any, to: Path | None, *, as_json: bool, is_interrupted: bool
) -> None:
    """The file, where it is wanted, or all that is known in one object."""
    from despoolr_lab.explore.smallest import render

    text = render(found)
    if to is not None:
        try:
            to.write_text(text, "utf-8")
        except OSError as error:
            fail(f"cannot write {to}: {error.strerror}")
    if as_json:
        echo_json(
            {
                "key": str(found.key),
                "text": found.text,
                "runs": found.runs,
                "cuts": found.cut,
                "repeatable": found.is_repeatable,
                "digest": found.digest,
                "interrupted": is_interrupted,
                "scenario": text,
            },
            source=subject,
        )
    elif to is None:
        put_prose(text, nl=False)
    else:
        put(f"{found.key}", f"{counted(found.runs, 'run')}, {counted(len(found.cut), 'cut')}: {to}")
    if is_interrupted:
        put("despoolr: interrupted; the file is the smallest until then", err=True)


def _world(
    subject: str, seed: int | None, root: Path, fix: tuple[str, ...], options: dict[str, Any]
) -> tuple[Any, Any]:
    """The scenario to be made smaller, and how it is run."""
    from despoolr_app.runs.directory import RunError, find_run
    from despoolr_lab.cli.runs.running import read_scenario
    from despoolr_lab.explore.campaign import moments_as_written, rerun_of
    from despoolr_lab.scenario.reading.written import FILE, baked
    from despoolr_lab.scenario.run import RunOptions

    places = (Path(subject), root / subject)
    if subject != "latest" and not any(place.is_dir() for place in places):
        loaded = baked(read_scenario(subject), to_run_options(options, fix))
        plain = RunOptions()
        rerun = rerun_of(loaded, plain, seed or 0, moments_as_written(loaded, plain))
        return rerun.scenario, rerun.options
    if seed is not None:
        fail("a run has its world already: --seed goes with a scenario")
    try:
        kept = find_run(subject, root)
    except RunError as error:
        fail(str(error))
    if not (kept.path / FILE).is_file():
        fail(f"{kept.path} has no {FILE}: it was imported, or made by an older version")
    loaded = read_scenario(str(kept.path / FILE))
    return loaded, RunOptions(seed=loaded.run.seed)
