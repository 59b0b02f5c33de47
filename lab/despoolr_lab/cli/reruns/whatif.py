"""`despoolr whatif RUN|SCENARIO|ARTICLE`: which change would have fixed it, at whose cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec import structs

from despoolr_app.cli.base.options import SEED, option, runs_option, token_option
from despoolr_app.cli.base.output import (
    EXIT_INTERRUPTED,
    echo_json,
    echo_table,
    fail,
    json_option,
    put,
    put_prose,
    wrapped,
)

if TYPE_CHECKING:
    from despoolr_core.records.whatif.ladder import Ladder


_OF_RERUNS: Final = (
    "goal", "knobs", "worlds", "pairs", "deadline", "budget", "jobs", "files", "version", "seed",
)  # fmt: skip
"""Options that are of no use with `--site`."""


@click.command(
    "whatif",
    help="What would have fixed it: the run's scenario with one change at a time, run again. "
    "SUBJECT is `latest`, a run's directory or name, a scenario file, or an article (Q147819).",
)
@click.argument("subject", default="latest", metavar="[SUBJECT]")
@option(
    "--goal",
    "goal",
    multiple=True,
    metavar="EXPECTATION",
    help="What has to hold: an expectation of the scenario, by its name or a part of it. "
    "Default: new files on every server, and statuses that are true.",
)
@option(
    "--knob",
    "knobs",
    multiple=True,
    metavar="NAME[=V,V]",
    help="Only this knob, at these values; repeatable. `--knob help` lists them.",
)
@option(
    "--worlds",
    type=click.IntRange(1, 1000),
    default=20,
    help="Worlds in which the best changes are confirmed.",
)
@option("--pairs", is_flag=True, help="Try two changes at once even if a single one helps.")
@option(
    "--deadline",
    is_flag=True,
    help="Find the last moment at which the best still helps.",
)
@option("--budget", default="", metavar="SPAN", help="Stop after so long (wall time), e.g. 60s.")
@option(
    "--files",
    multiple=True,
    metavar="PATTERN",
    help="Of an imported run: the windows of these files ('office/*'); repeatable. Default: those "
    "that were refused, or all.",
)
@option(
    "--simulate",
    is_flag=True,
    help="Of an imported run: make a scenario of its holds and an update, and run that again.",
)
@option(
    "--jobs", type=click.IntRange(0, 256), default=0, help="Processes. Default: one a processor."
)
@option(
    "--site",
    default="",
    metavar="URL",
    help="A running site instead of SUBJECT: what would let through what waits there now, by the "
    "sharing rule alone. Nothing is run again.",
)
@token_option
@option("--version", default="", help="SMS version of a scenario or article, e.g. 1.1.")
@option(
    "--seed",
    type=SEED,
    default=None,
    help="Which world of a scenario or article it is; 0 is as written.",
)
@runs_option
@json_option
@option("--markdown", "as_markdown", is_flag=True, help="Print a table for a pull request.")
def command(subject: str, root: Path, as_json: bool, as_markdown: bool, **options: Any) -> None:
    """Exit 0 with a ladder (also where nothing needs fixing), 2 for what cannot be asked."""
    from despoolr_lab.report.content.words import clean
    from despoolr_lab.report.markdown import escape
    from despoolr_lab.whatif.table import markdown, markdown_of_waits

    if "help" in options["knobs"]:
        _echo_knobs()
        return
    ladder, directory = (
        (_ask_site(options), None)
        if options["site"]
        else _climb(subject, root, options, quiet=as_json or as_markdown)
    )
    if as_json:
        echo_json(ladder, source=str(directory or ladder.source), notes=ladder.notes)
    elif as_markdown:
        write = markdown if ladder.windows is None else markdown_of_waits
        put_prose(write(ladder, lambda text: escape(clean(text))), nl=False)
    else:
        _echo(ladder, directory)
    if any(note.startswith("interrupted") for note in ladder.notes):
        raise SystemExit(EXIT_INTERRUPTED)


def _ask_site(options: dict[str, Any]) -> Ladder:
    from despoolr_app.cli.base.at_site import answering, find_servers
    from despoolr_app.site_client.live import LiveSource
    from despoolr_lab.whatif.recording.running import remedies_now

    given = click.get_current_context().get_parameter_source
    for name in ("subject", *_OF_RERUNS):
        if given(name) is click.core.ParameterSource.COMMANDLINE:
            fail(f"--site asks of what is open now and reruns nothing: leave out {name}")
    source = LiveSource(find_servers((options["site"],), options["token"]))
    states = answering(source.states)
    ladder = remedies_now(source.name, states)
    return structs.replace(ladder, notes=(*ladder.notes, *source.notes))


def _climb(
    subject: str, root: Path, options: dict[str, Any], *, quiet: bool
) -> tuple[Ladder, Path]:
    from despoolr_lab.cli.reruns.subject import scenario_of, staged_of
    from despoolr_lab.cli.runs.remedy import bounds_of, find_remedy
    from despoolr_lab.whatif.ladder import Question

    try:
        question = Question(
            goal=options["goal"],
            knobs=_knobs(options["knobs"]),
            worlds=options["worlds"],
            pairs=options["pairs"],
            deadlines=options["deadline"],
            budget_s=_budget_s(options["budget"]),
            jobs=options["jobs"],
        )
    except ValueError as error:
        fail(str(error))
    patterns = options["files"]
    found = scenario_of(
        subject, root, version=options["version"], seed=options["seed"], quiet=quiet
    )
    if found.scenario is None and options["simulate"]:
        if patterns:
            fail("--files is about windows, and --simulate has none: say one of the two")
        found = staged_of(found.directory, root, quiet=quiet)
    if found.scenario is None:
        return bounds_of(found.directory, patterns), found.directory
    if patterns or (options["simulate"] and not found.is_staged):
        fail("--files and --simulate are for a run that was imported: this one has a scenario")
    ladder = find_remedy(found.scenario, found.directory, question, quiet=quiet, notes=found.notes)
    return ladder, found.directory


def _budget_s(text: str) -> float:
    from despoolr_core.times import span_s

    if not text:
        return 0.0
    budget_s = span_s(text)
    if budget_s <= 0:
        raise ValueError(f"--budget takes a span longer than nothing, not {text!r}")
    return budget_s


def _knobs(texts: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    from despoolr_core.suggest import suggestion
    from despoolr_lab.whatif.knobs.names import KNOBS, check_value

    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, _, values = text.partition("=")
        if name not in KNOBS:
            raise ValueError(f"there is no knob {name!r}{suggestion(name, sorted(KNOBS))}")
        wanted = tuple(value.strip() for value in values.split(",") if value.strip())
        for value in wanted:
            check_value(name, value)
        found[name] = (*found.get(name, ()), *wanted)
    return found


def _echo_knobs() -> None:
    from despoolr_lab.whatif.knobs.names import KNOBS

    echo_table(["KNOB", "CHANGES"], list(KNOBS.items()))


def _echo(ladder: Ladder, directory: Path | None) -> None:
    from despoolr_lab.whatif.table import (
        COLUMNS,
        WAIT_COLUMNS,
        first_again,
        footer,
        forbidden,
        heading,
        rows,
        wait_rows,
        window_lines,
    )

    put_prose(wrapped(ladder.sentence))
    put("")
    for line in heading(ladder):
        put_prose(wrapped(line))
    cells = rows(ladder) if ladder.windows is None else wait_rows(ladder)
    if cells:
        put("")
        echo_table(list(COLUMNS if ladder.windows is None else WAIT_COLUMNS), cells)
    ruled_out = forbidden(ladder)
    if ruled_out:
        put("", "Cannot help, by the sharing rule over the opens that were there:")
        for reason, changes in ruled_out:
            put_prose(wrapped(f"- {changes}: {reason}."))
    windows = window_lines(ladder)
    if windows:
        put("", "Windows:")
        for line in windows:
            put_prose(wrapped(f"- {line}."))
    put("")
    for line in (*ladder.notes, *footer(ladder)):
        put_prose(wrapped(line))
    for line in first_again(ladder):
        put(line)
    if directory is not None:
        put(f"kept: {directory / 'whatif.json'}")
