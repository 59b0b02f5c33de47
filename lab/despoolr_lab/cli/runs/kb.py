"""`despoolr kb list | show | run`: Knowledge Base articles, each a scenario that has its cause."""

from __future__ import annotations

import sys
from typing import Any

import click

from despoolr_app.cli.base.options import option
from despoolr_app.cli.base.output import (
    EXIT_INTERRUPTED,
    echo_json,
    json_option,
    put,
    put_over,
    put_prose,
    wrapped,
    wrapped_cell,
)
from despoolr_lab.cli.runs.options import run_options, to_run_options

THIS = "(this article)"
WORLDS_MAX = 1000


@click.group("kb", help="The Knowledge Base articles that reproduce here: list, show, run.")
def command() -> None: ...


@command.command(
    "list",
    help="List the articles by the part of SMS that is at fault. Tells which versions have "
    "the fault, what Microsoft offered, and what in a profile decides it.",
)
@json_option
def list_(as_json: bool) -> None:
    from despoolr_core.articles import ARTICLES, Topic
    from despoolr_lab.kb.gallery import entries

    rows = [ARTICLES[kb] for kb, _ in entries()]
    if as_json:
        echo_json([_switch(article) for article in rows])
        return
    for topic in Topic:
        put(f"{topic}:")
        for article in (a for a in rows if a.topic is topic):
            put_prose(f"  {article.kb}  {wrapped_cell(article.title, 11)}")
            facts = (
                f"{_status(article)}; remedy: {article.remedy}; "
                f"decided by {', '.join(sorted(article.fix))}"
            )
            put_prose(f"           {wrapped_cell(facts, 11)}")
        put("")
    put("Try: despoolr kb run Q147819 --version 1.1")


def _switch(article: Any) -> dict[str, Any]:
    """An article as JSON: `cured_by` has the fields that its fix sets, for each version with its
    fault.
    """
    from despoolr_core.profile import profile_of

    faulty = _faulty(article)
    return {
        "kb": article.kb,
        "title": article.title,
        "topic": article.topic,
        "versions": article.versions,
        "has_the_fault": faulty,
        "remedy": article.remedy,
        "cure": article.cure,
        "bug": article.bug,
        "fix": article.fix,
        "cured_by": {version: article.cured_by(profile_of(version)) for version in faulty},
    }


def _faulty(article: Any) -> list[str]:
    from despoolr_core.profile import profile_of

    return [version for version in article.versions if article.has_fault(profile_of(version))]


def _status(article: Any) -> str:
    """Which of the versions that an article speaks of have its fault, and which do not."""
    faulty = _faulty(article)
    others = [version for version in article.versions if version not in faulty]
    return f"fault in {', '.join(faulty)}" + (f", not in {', '.join(others)}" if others else "")


@command.command(
    "show", help="Tell the story of one article and what is expected on which version."
)
@click.argument("kb")
@json_option
def show(kb: str, as_json: bool) -> None:
    """The story, the switch, the file."""
    from despoolr_core.articles import ARTICLES
    from despoolr_core.profile import PROFILES, ProfileError
    from despoolr_lab.kb.gallery import entry
    from despoolr_lab.scenario.reading.load import load_scenario

    try:
        number, path = entry(kb)
    except ProfileError as error:
        raise click.UsageError(str(error)) from None
    article, scenario = ARTICLES[number], load_scenario(entry(kb)[1])
    if as_json:
        expected = [{"name": e.label, "when": e.when} for e in scenario.expect]
        told = {"story": scenario.story.strip(), "expected": expected, "scenario": str(path)}
        echo_json({**_switch(article), **told})
        return
    put_prose(wrapped_cell(f"{number}: {article.title}", 0))
    paragraphs = [" ".join(lines.split("\n")) for lines in scenario.story.strip().split("\n\n")]
    put_prose("\n" + "\n\n".join(wrapped_cell(text, 0) for text in paragraphs) + "\n")
    for version in article.versions:
        fault = "has the fault" if article.has_fault(PROFILES[version]) else "does not have it"
        put(f"  SMS {version} {fault}")
    put("")
    put_prose(wrapped(f"Remedy ({article.remedy}): {article.cure}."))
    fix = ", ".join(f"{name} = {value!r}" for name, value in article.fix.items())
    put_prose(wrapped(f"Without the fault: {fix}."))
    put("Expected:")
    for expectation in scenario.expect:
        only = (
            f"  (only when {', '.join(f'{k} = {v}' for k, v in expectation.when.items())})"
            if expectation.when
            else ""
        )
        put_prose(f"  - {wrapped_cell(expectation.label + only, 4)}")
    put("", f"Scenario: {path}")


@command.command(
    "run",
    help="Run an article's scenario on one version. With --all: every article on every version "
    "it speaks of.",
)
@click.argument("kb", required=False, default="")
@option(
    "--all",
    "every",
    is_flag=True,
    help="Every article on every version: as it shipped, and with the fault switched.",
)
@option(
    "--worlds",
    type=click.IntRange(0, WORLDS_MAX),
    default=0,
    metavar="N",
    help="With --all: each run in the worlds of the seeds 1 to N.",
)
@option(
    "--fix",
    is_flag=False,
    flag_value=THIS,
    multiple=True,
    metavar="[KB]",
    help="Switch the article's fault off.",
)
@option(
    "--whatif", "is_asked", is_flag=True, help="Find what would have fixed it, as `whatif` does."
)
@run_options
def run(
    kb: str, every: bool, worlds: int, fix: tuple[str, ...], is_asked: bool, **options: Any
) -> None:
    """Exit 0 if all expectations hold, 10 if one does not."""
    from despoolr_core.profile import ProfileError
    from despoolr_lab.cli.runs.running import (
        EXIT_EXPECTATION_FAILED,
        Interrupted,
        end_interrupted,
        print_result,
        run_and_keep,
    )
    from despoolr_lab.kb.gallery import entry
    from despoolr_lab.scenario.reading.load import load_scenario

    if every == bool(kb):
        raise click.UsageError("name an article, or say --all (despoolr kb list shows them)")
    if every:
        if is_asked:
            raise click.UsageError("--whatif asks about one run: leave --all out")
        if THIS in fix:
            raise click.UsageError(
                "--all runs every article with its fix as well; --fix KB puts a certain one "
                "into every run"
            )
        if worlds and options["seed"] is not None:
            raise click.UsageError("say either --seed or --worlds: worlds are seeds")
        sys.exit(_run_all(to_run_options(options, fix), options, worlds))
    if worlds:
        raise click.UsageError("--worlds goes with --all; one world of one article is --seed N")
    try:
        number = entry(kb)[0]
    except ProfileError as error:
        raise click.UsageError(str(error)) from None
    parsed = to_run_options(options, tuple(number if k == THIS else k for k in fix))
    log_format = options["log_format"] or ""
    try:
        result, directory = run_and_keep(
            load_scenario(entry(number)[1]),
            parsed,
            options["out"],
            quiet=options["as_json"],
            log_format=log_format,
        )
    except Interrupted as interrupted:
        end_interrupted(interrupted, options["as_json"])
    ladder = None
    if is_asked:
        from despoolr_lab.cli.runs.remedy import remedy_of

        ladder = remedy_of(
            load_scenario(entry(number)[1]), parsed, directory, quiet=options["as_json"]
        )
    print_result(result, directory, options["as_json"], ladder)
    sys.exit(0 if result.passed else EXIT_EXPECTATION_FAILED)


def _run_all(parsed: Any, options: dict[str, Any], worlds: int) -> int:
    from despoolr_lab.cli.runs.running import EXIT_EXPECTATION_FAILED, run_and_keep
    from despoolr_lab.kb.matrix import cells, run_all

    todo = cells(options["version"], worlds)
    done: list[Any] = []
    is_shown = not options["as_json"] and sys.stderr.isatty()
    is_interrupted = False
    outcomes = run_all(
        run_and_keep,
        todo,
        parsed,
        options["out"],
        jobs=0 if parsed.timing.is_virtual else 1,
        log_format=options["log_format"] or "",
    )
    try:
        for outcome in outcomes:
            done.append(outcome)
            if is_shown:
                what = f"{outcome.cell.kb} on {outcome.cell.version}"
                put_over(f"{len(done)} of {len(todo)} runs: {what}", len(done) / len(todo))
    except KeyboardInterrupt:
        is_interrupted = True
    if is_interrupted and not done:
        raise KeyboardInterrupt
    if is_shown:
        put_over()
    done.sort(key=lambda outcome: todo.index(outcome.cell))
    if options["as_json"]:
        echo_json([outcome.result for outcome in done])
    else:
        _print_table(done)
    if is_interrupted:
        put(f"despoolr: interrupted after {len(done)} of {len(todo)} runs", err=True)
        return EXIT_INTERRUPTED
    return 0 if all(outcome.passed for outcome in done) else EXIT_EXPECTATION_FAILED


def _print_table(outcomes: list[Any]) -> None:
    from despoolr_core.articles import ARTICLES
    from despoolr_core.profile import profile_of

    width = max((len(outcome.cell.version) for outcome in outcomes), default=7)
    put(
        f"{'version':<{width + 10}} {'has the fault':<14} {'as Microsoft said':<18} and with the "
        "fault turned"
    )
    rows: dict[tuple[str, str], dict[str, list[Any]]] = {}
    for outcome in outcomes:
        cell = outcome.cell
        rows.setdefault((cell.kb, cell.version), {}).setdefault(cell.variant, []).append(outcome)
    before, said = "", ""
    # one alone: it was interrupted
    for shipped, turned in (tuple(row.values()) for row in rows.values() if len(row) == 2):
        cell = shipped[0].cell
        if cell.kb != before:
            put("", f"{cell.kb}   {ARTICLES[cell.kb].title}")
            before, said = cell.kb, ""
        has = "yes" if ARTICLES[cell.kb].has_fault(profile_of(cell.version)) else "no"
        turn = f"{turned[0].cell.variant} {_passed(turned)}"
        put(f"{'':<10}{cell.version:<{width}} {has:<14} {_passed(shipped):<18} {turn}")
        verdict = shipped[0].result["verdict"].replace(f"SMS {cell.version} ", "SMS ")
        if verdict != said:  # what one version says, the next often says again
            put_prose(f"{'':<12}{wrapped_cell(shipped[0].result['verdict'], 12)}")
            said = verdict
        for outcome in (*shipped, *turned):
            for wrong in outcome.wrong:
                found = f"expected {wrong['expected']}, found {wrong['actual']}"
                put(
                    f"{'':<10}{outcome.cell.variant}{_world(outcome)}, NOT: {wrong['name']}: "
                    f"{found} "
                    f"({outcome.directory})"
                )
    passed = sum(outcome.passed for outcome in outcomes)
    put(
        "",
        f"{passed} of {len(outcomes)} runs were as Microsoft said (yes: every expectation of the "
        "scenario holds).",
    )


def _passed(outcomes: list[Any]) -> str:
    passed = sum(outcome.passed for outcome in outcomes)
    if len(outcomes) == 1:
        return "yes" if passed else "NO"
    return f"{'yes' if passed == len(outcomes) else 'NO'}, {passed} of {len(outcomes)} worlds"


def _world(outcome: Any) -> str:
    return "" if outcome.cell.seed is None else f", world {outcome.cell.seed}"
