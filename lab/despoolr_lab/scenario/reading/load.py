"""Reading a scenario file: TOML in, a `Scenario` out, or one error that names the line and the
nearest right word.

The law: what the schema cannot say is checked here, before anything runs: every name that is used
is there, and none twice; nothing happens after the end.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any, Final

from despoolr_core.rules.fold import fold
from despoolr_core.suggest import suggestion
from despoolr_core.times import moment_s
from despoolr_lab.scenario import model
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.reading import contradictions, moments, places, subjects
from despoolr_lab.toml.tables import split_job
from despoolr_lab.toml.toml_text import (
    FILE_SIZE_MAX,
    ScenarioError,
    parse_tables,
    place,
    read_text,
)

__all__ = ["FILE_SIZE_MAX", "ScenarioError", "check_references", "load_scenario", "parse_scenario"]


def load_scenario(path: Path) -> Scenario:
    """Read a scenario file. Raises `ScenarioError` (with the line) or `OSError`."""
    return parse_scenario(read_text(path))


def parse_scenario(text: str) -> Scenario:
    """Read a scenario from its text. Raises `ScenarioError`."""
    scenario = parse_tables(text, Scenario)
    check_references(scenario, text)
    for reason, where in chain(
        places.mistakes(scenario),
        subjects.mistakes(scenario),
        moments.mistakes(scenario),
        contradictions.mistakes(scenario),
    ):
        raise ScenarioError(reason, *place(where, text))
    return scenario


# -- what the schema cannot say: names that must exist


def check_references(scenario: Scenario, text: str) -> None:
    """Every machine, package, server, job and site that is named must be there, and none twice.
    Raises `ScenarioError`.
    """
    _refuse_after_the_end(scenario, text)
    names = _names(scenario)
    for table, noun in (
        ("clients", "machine"),
        ("package", "package"),
        ("server", "server"),
        ("site", "site"),
    ):
        _refuse_twice(names[noun], noun, table, text)
    _refuse_twice(names["job"], "job", "step", text)
    for table in ("clients", "server", "package", "program", "step", "expect"):
        items: list[Any] = getattr(scenario, table)
        for index, one in enumerate(items):
            for key, noun in {**_REFERENCES, **_ANYBODY.get(type(one), {})}.items():
                if isinstance(one, model.JobStep) and key in ("job", "name"):
                    continue
                value = getattr(one, key, None)
                for word in value if isinstance(value, list) else [value]:
                    word = split_job(word)[0] if word and noun == "job" else word
                    if word and word != "*" and word not in names[noun]:
                        reason = (
                            f"there is no {noun} {word!r}{suggestion(word, sorted(names[noun]))}"
                        )
                        raise ScenarioError(reason, *place([table, index, key], text))


def _refuse_after_the_end(scenario: Scenario, text: str) -> None:
    for table in ("step", "expect"):
        items: list[Any] = getattr(scenario, table)
        for index, one in enumerate(items):
            if one.at and moment_s(one.at, scenario.start) < scenario.start:
                reason = f"{one.at} is before the start of the run, {scenario.run.start}"
                raise ScenarioError(reason, *place([table, index, "at"], text))
            if one.at and moment_s(one.at, scenario.start) > scenario.end_as_written:
                reason = (
                    f"{one.at} is after the end of the run, which goes for "
                    f"{scenario.run.for_}; let it go on longer ([run] for)"
                )
                raise ScenarioError(reason, *place([table, index, "at"], text))


_REFERENCES: Final = {
    "machine": "machine",
    "machines": "machine",
    "blocker": "machine",
    "package": "package",
    "server": "server",
    "put_on": "distribution server",
    "logon_server": "logon server",
    "site": "site",
    "sites": "site",
    "of_site": "site",
    "other": "server",
    "job": "job",
    "pending": "job",
    "executed": "job",
    "jobs": "job",
}
"""The keys whose values name something that must exist, and what."""


_ANYBODY: Final[dict[type, dict[str, str]]] = {
    model.HoldStep: {"machine": "machine or server"},
    model.ReleaseStep: {"machine": "machine or server"},
    model.EpisodeExpectation: {"blocker": "machine or server"},
    model.OpenExpectation: {"machine": "machine or server"},
    model.RunsExpectation: {"server": "distribution server"},
}
"""Where a machine may be a server, too."""


def _names(scenario: Scenario) -> dict[str, list[str]]:
    return {
        "machine": [name for group in scenario.clients for name in group.expand()],
        "package": [p.name for p in scenario.package],
        "machine or server": [name for group in scenario.clients for name in group.expand()]
        + [s.name for s in scenario.server]
        + [s.server for s in scenario.site],
        "server": [s.name for s in scenario.server] + [s.server for s in scenario.site],
        "distribution server": [s.name for s in scenario.server if "distribution" in s.roles],
        "logon server": [s.name for s in scenario.server if "logon" in s.roles],
        "site": [s.code for s in scenario.site],
        "job": [s.name for s in scenario.step if isinstance(s, model.JobStep)],
    }


def _refuse_twice(names: list[str], noun: str, table: str, text: str) -> None:
    seen: set[str] = set()
    for name in names:
        if fold(name) in seen:
            line = next(
                (
                    n
                    for n, row in reversed(list(enumerate(text.splitlines(), 1)))
                    if f'"{name}"' in row
                ),
                0,
            )
            raise ScenarioError(
                f"there are two {noun}s called {name!r}",
                *((line, 1) if line else place([table, 0], text)),
            )
        seen.add(fold(name))
