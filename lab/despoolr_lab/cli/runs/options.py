"""The options that `run`, `kb run` and `demo` share, and how they become `RunOptions`."""

from __future__ import annotations

import shlex
from typing import Any

import click

from despoolr_app.cli.base.options import LOG_FORMATS, SEED, option, options, out_option
from despoolr_app.cli.base.output import json_option

rerun_options = options(
    option(
        "--version",
        "version",
        default="",
        help="SMS version of the first site, e.g. 1.1 or '1.2 SP4'.",
    ),
    option(
        "--set",
        "sets",
        multiple=True,
        metavar="FIELD=VALUE",
        help="Change one behaviour (`despoolr profiles` has them); repeatable.",
    ),
    option(
        "--bug",
        multiple=True,
        metavar="KB",
        help="Switch an article's fault on, e.g. Q152229; repeatable.",
    ),
    option(
        "--clients",
        type=int,
        default=None,
        metavar="NUMBER",
        help="Number of clients of the last group that has a count.",
    ),
    option("--for", "for_", default="", metavar="SPAN", help="How long the run lasts, e.g. 7d."),
    json_option,
)
"""Those of a command that runs a scenario many times, in virtual time."""
run_options = options(
    rerun_options,
    option(
        "--time",
        "time_",
        default="virtual",
        metavar="virtual|real|xN",
        help="The pace of site time; xN is N times as fast as real time.",
    ),
    option(
        "--carrier",
        type=click.Choice(["calls", "bytes"]),
        default="calls",
        help="How requests travel in virtual time: as function calls, or as HTTP's bytes. "
        "The records are the same.",
    ),
    option(
        "--seed",
        type=SEED,
        default=None,
        help="Which world it is; 0 is the scenario as written.",
    ),
    out_option,
    option(
        "--log-format",
        type=click.Choice(LOG_FORMATS),
        help="Layout of the run's log files. Default: the version's.",
    ),
)
"""Those of a command that runs a scenario once, and keeps it."""


def to_run_options(options: dict[str, Any], fix: tuple[str, ...] = ()) -> Any:
    """`RunOptions` from the parsed options. Raises `click.UsageError` for what cannot be."""
    from despoolr_core.articles import article_of
    from despoolr_core.profile import ProfileError, profile_of, with_overrides
    from despoolr_core.times import span_s
    from despoolr_core.timing import parse_timing
    from despoolr_lab.scenario.model import CLIENTS_MAX, FOR_S_MAX
    from despoolr_lab.scenario.run import Carrier, RunOptions

    overrides: dict[str, Any] = {}
    for text in options["sets"]:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"--set takes FIELD=VALUE, not {text!r}")
        overrides[name.strip()] = value.strip()
    clients = options["clients"]
    if clients is not None and not 0 <= clients <= CLIENTS_MAX:
        raise click.UsageError(f"--clients takes 0 to {CLIENTS_MAX:,}, not {clients:,}")
    try:
        for_s = span_s(options["for_"]) if options["for_"] else 0.0
        if options["for_"] and not 1 <= for_s <= FOR_S_MAX:
            raise ValueError(f"--for takes 1s to 36525d, not {options['for_']}")
        if options["version"]:
            profile_of(options["version"])
        with_overrides(profile_of(options["version"] or "1.1"), overrides)
        for kb in (*options["bug"], *fix):
            article_of(kb)
        return RunOptions(
            version=options["version"],
            fix=fix,
            bug=tuple(options["bug"]),
            overrides=overrides,
            seed=options.get("seed"),
            carrier=Carrier(options.get("carrier", Carrier.CALLS)),
            timing=parse_timing(options.get("time_", "virtual")),
            clients=clients,
            for_s=for_s,
        )
    except (ProfileError, ValueError) as error:
        raise click.UsageError(str(error)) from None


def as_typed(options: dict[str, Any], fix: tuple[str, ...] = ()) -> str:
    """The options of a rerun as a shell takes them again, each after a space: what they change
    about the scenario goes with the world of a seed.
    """
    given = [("--version", options["version"]), ("--for", options["for_"])]
    if options["clients"] is not None:
        given.append(("--clients", str(options["clients"])))
    for name, values in (("--set", options["sets"]), ("--bug", options["bug"]), ("--fix", fix)):
        given += [(name, value) for value in values]
    return "".join(f" {name} {shlex.quote(value)}" for name, value in given if value)
