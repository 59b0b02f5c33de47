"""`despoolr run SCENARIO`: one scenario, in virtual, scaled or real time."""

from __future__ import annotations

import sys
from typing import Any

import click

from despoolr_app.cli.base.options import option
from despoolr_lab.cli.runs.options import run_options, to_run_options


@click.command(
    "run",
    help="Run SCENARIO (a file, or the name of one that comes with Despoolr) and say who blocked "
    "what, for how long, and whether its expectations held.",
)
@click.argument("scenario")
@option("--fix", multiple=True, metavar="KB", help="Switch an article's fault off, e.g. Q147819.")
@option(
    "--expect",
    default="",
    metavar="NAME",
    help="Ask this expectation alone; the exit code is 0 if it holds, 10 if not.",
)
@option("--whatif", "is_asked", is_flag=True, help="Find what would have fixed it as well.")
@run_options
def command(
    scenario: str, fix: tuple[str, ...], expect: str, is_asked: bool, **options: Any
) -> None:
    """Exit 0 if all expectations hold, 10 if one does not, 2 for a scenario that cannot be run."""
    from despoolr_lab.cli.runs.running import (
        Interrupted,
        end_interrupted,
        read_scenario,
        run_and_keep,
    )
    from despoolr_lab.kb.gallery import find_scenario
    from despoolr_lab.scenario.expectations import expectations_named

    parsed = to_run_options(options, fix)
    loaded = read_scenario(scenario)
    if expect:
        try:
            loaded.expect = expectations_named(loaded, expect)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--expect") from None
    log_format = options["log_format"] or ""
    try:
        result, directory = run_and_keep(
            loaded,
            parsed,
            options["out"],
            quiet=options["as_json"],
            log_format=log_format,
            source=find_scenario(scenario),
        )
    except Interrupted as run:
        end_interrupted(run, options["as_json"])
    ladder = None
    if is_asked:
        from despoolr_lab.cli.runs.remedy import remedy_of

        rerun = read_scenario(scenario)
        ladder = remedy_of(rerun, parsed, directory, quiet=options["as_json"])
    sys.exit(_end(result, directory, ladder, expect, as_json=options["as_json"]))


def _end(result: Any, directory: Any, ladder: Any, expect: str, *, as_json: bool) -> int:
    """Tell what came of it; the exit code. `expect` names the one expectation that counts."""
    from despoolr_lab.cli.runs.running import EXIT_EXPECTATION_FAILED, print_result

    print_result(result, directory, as_json, ladder)
    asked = [finding.ok for finding in result.findings if finding.name == expect]
    held = bool(asked) and all(asked) if expect else result.passed
    return 0 if held else EXIT_EXPECTATION_FAILED
