"""`despoolr kb list | show | run`: the gallery of Knowledge Base articles, each a scenario that reproduces by cause."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from despoolr_lab.cli.options import run_options, wishes_of

THIS = "(this article)"


@click.group("kb", help="The Knowledge Base articles that reproduce here: list, show, run.")
def command() -> None:
    """The group."""


@command.command("list", help="List the articles, the versions they speak of, and what in a profile decides them.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_(as_json: bool) -> None:
    """One line an article."""
    from despoolr_core.profile import ARTICLES
    from despoolr_lab.cli.running import to_json
    from despoolr_lab.kb.gallery import entries

    rows = [ARTICLES[kb] for kb, _ in entries()]
    if as_json:
        click.echo(to_json([{"kb": a.kb, "title": a.title, "versions": a.versions, "bug": a.bug, "fix": a.fix} for a in rows]))
        return
    for article in rows:
        click.echo(f"{article.kb}  {article.title}")
        click.echo(f"         versions {', '.join(article.versions)}; decided by {', '.join(sorted(article.fix))}")
    click.echo("\nTry: despoolr kb run Q147819 --version 1.1")


@command.command("show", help="Tell the story of one article and what is expected on which version.")
@click.argument("kb")
def show(kb: str) -> None:
    """The story, the switch, the file."""
    from despoolr_core.profile import ARTICLES, PROFILES, ProfileError
    from despoolr_lab.kb.gallery import entry, load
    from despoolr_lab.scenario.expectations import describe

    try:
        number, path = entry(kb)
    except ProfileError as error:
        raise click.UsageError(str(error)) from None
    article, scenario = ARTICLES[number], load(kb)
    click.echo(f"{number}: {article.title}\n\n{scenario.story.strip()}\n")
    for version in article.versions:
        fault = "has the fault" if article.has_fault(PROFILES[version]) else "does not have it"
        click.echo(f"  SMS {version} {fault}")
    click.echo(f"\nDecided by: {', '.join(f'{k} = {v!r}' for k, v in article.fix.items())} takes the fault out.")
    click.echo("Expected:")
    for expectation in scenario.expect:
        only = f"  (only when {', '.join(f'{k} = {v}' for k, v in expectation.when.items())})" if expectation.when else ""
        click.echo(f"  - {describe(expectation)}{only}")
    click.echo(f"\nScenario: {path}")


@command.command("run", help="Run an article's scenario on one version; --all runs every article on every version it speaks of.")
@click.argument("kb", required=False, default="")
@click.option("--all", "every", is_flag=True, help="Every article, every version it speaks of.")
@click.option("--fix", is_flag=False, flag_value=THIS, multiple=True, metavar="[KB]", help="Take the article's fault out.")
@run_options
def run(kb: str, every: bool, fix: tuple[str, ...], **options: Any) -> None:
    """Exit 0 if all expectations hold, 10 if one does not."""
    from despoolr_core.profile import ProfileError
    from despoolr_lab.kb.gallery import entries, entry, load

    if every == bool(kb):
        raise click.UsageError("name an article, or say --all (despoolr kb list shows them)")
    try:
        names = [number for number, _ in entries()] if every else [entry(kb)[0]]
    except ProfileError as error:
        raise click.UsageError(str(error)) from None
    cells: list[tuple[str, str, Any]] = []
    for name in names:
        scenario = load(name)
        versions = [options["version"]] if options["version"] or not every else scenario.versions
        for version in versions:
            wishes = wishes_of({**options, "version": version}, tuple(name if k == THIS else k for k in fix))
            cells.append((name, version, _run_one(load(name), wishes, options, every)))
    if every:
        _print_table(cells, options["as_json"])
    passed = all(result.passed for _, _, result in cells)
    sys.exit(0 if passed else 10)


def _run_one(scenario: Any, wishes: Any, options: dict[str, Any], every: bool) -> Any:
    from despoolr_lab.cli.running import print_result, run_and_keep

    result, directory = run_and_keep(scenario, wishes, Path(options["out"]), quiet=options["as_json"])
    if not every:
        print_result(result, directory, options["as_json"])
    return result


def _print_table(cells: list[tuple[str, str, Any]], as_json: bool) -> None:
    from despoolr_lab.cli.running import to_json

    if as_json:
        click.echo(to_json([result.to_json() for _, _, result in cells]))
        return
    click.echo(f"{'article':<9} {'version':<20} {'as Microsoft said':<18} verdict")
    for name, version, result in cells:
        click.echo(f"{name:<9} {version:<20} {'yes' if result.passed else 'NO':<18} {result.verdict}")
        for finding in result.findings:
            if not finding.ok:
                click.echo(f"{'':<30} NOT: {finding.name}: expected {finding.expected}, found {finding.actual}")
