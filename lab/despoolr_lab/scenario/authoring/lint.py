"""What a scenario has and never uses, what it says in vain, and what happens in it and is never
checked.

The law: a remark is no mistake: the file runs, and may be as it was meant. Whoever reads a remark
should know what to add or to leave out. A step or an expectation for other versions counts as well
as any.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from despoolr_client.agent.machine.programs import first_word
from despoolr_core.articles import ARTICLES
from despoolr_core.profile import Profile, profile_of, with_overrides
from despoolr_core.rules.fold import fold
from despoolr_core.times import moment_s
from despoolr_lab.scenario import model
from despoolr_lab.scenario.authoring.vain import vain
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.toml.tables import split_job

UNUSED: Final = "never used"
UNCHECKED: Final = "never checked"
VAIN: Final = "in vain"
SETTINGS_MAX: Final = 2
"""How many settings of a `when` a remark shows."""


class Remark(Struct, frozen=True):
    """One thing of a scenario that nothing else speaks of; `where` as `place` takes it."""

    kind: str
    text: str
    where: list[str | int]


def remarks(scenario: Scenario) -> Iterator[Remark]:
    """What is never used, never checked, in vain, each in the order of the file."""
    yield from _unused_packages(scenario)
    yield from _unused_programs(scenario)
    yield from _unused_clients(scenario)
    yield from _unsent_sources(scenario)
    yield from _never_asked(scenario)
    yield from _unchecked_jobs(scenario)
    yield from _unchecked_holds(scenario)
    yield from _unchecked_outcomes(scenario)
    yield from (Remark(VAIN, text, where) for text, where in vain(scenario))


def _words(items: list[Any], *keys: str) -> set[str]:
    """The texts under some keys of steps or expectations."""
    found: set[str] = set()
    for one in items:
        for key in keys:
            value = getattr(one, key, None) or ()
            found |= {value} if isinstance(value, str) else set(value)
    return found


def _jobs(scenario: Scenario) -> list[tuple[int, model.JobStep]]:
    return [(n, step) for n, step in enumerate(scenario.step) if isinstance(step, model.JobStep)]


# -- what is there and never used


def _unused_packages(scenario: Scenario) -> Iterator[Remark]:
    sent = {step.package for _, step in _jobs(scenario)}
    for index, package in enumerate(scenario.package):
        if package.name not in sent:
            text = f"package {package.name}: no job sends it"
            yield Remark(UNUSED, text, ["package", index, "name"])


def _unused_programs(scenario: Scenario) -> Iterator[Remark]:
    started = {first_word(step.command) for _, step in _jobs(scenario) if step.command}
    for index, program in enumerate(scenario.program):
        if fold(program.command) not in started:
            text = f"program {program.command}: no job has it as its command"
            yield Remark(UNUSED, text, ["program", index, "command"])


def _unused_clients(scenario: Scenario) -> Iterator[Remark]:
    named = _words([*scenario.step, *scenario.expect], "machine", "machines", "rows", "blocker")
    if "*" in _words([s for _, s in _jobs(scenario) if s.command], "machines"):
        return
    for index, group in enumerate(scenario.clients):
        idle = [name for name in group.expand() if name not in named]
        if idle:
            which = idle[0] if len(idle) == 1 else f"{idle[0]} and {len(idle) - 1} more"
            text = f"clients {which}: no step, no job and no expectation names them"
            key = "names" if group.names else "name" if len(idle) > 1 else "count"
            yield Remark(UNUSED, text, ["clients", index, key])


def _unsent_sources(scenario: Scenario) -> Iterator[Remark]:
    """New source files that no later job carries out."""
    start = scenario.start
    for index, step in enumerate(scenario.step):
        if not isinstance(step, model.SourceStep):
            continue
        at = moment_s(step.at, start)
        if not any(
            job.package == step.package
            and (moment_s(job.at, start), number) > (at, index)
            and job.send == "even if previously sent"
            for number, job in _jobs(scenario)
        ):
            yield Remark(
                UNUSED,
                f"source of {step.package}: no later job sends it (send = "
                '"even if previously sent")',
                ["step", index, "at"],
            )


def _never_asked(scenario: Scenario) -> Iterator[Remark]:
    """Steps and expectations for versions and settings that the scenario does not speak of."""
    versions = scenario.versions or [scenario.site[0].version]
    for table in ("step", "expect"):
        items: list[Any] = getattr(scenario, table)
        for index, one in enumerate(items):
            if one.versions and not set(one.versions) & set(versions):
                text = f"{_named(one)}: only for {', '.join(one.versions)}, which it never runs as"
                yield Remark(UNUSED, text, [table, index, "versions"])
            elif when := getattr(one, "when", None):
                site = next((s for s in scenario.site if s.code == one.site), scenario.site[0])
                own = versions if site is scenario.site[0] else [site.version]
                if not any(_applies(when, profile) for profile in _profiles(scenario, site, own)):
                    text = f"{_named(one)}: no version that it runs as has {_settings(when)}"
                    yield Remark(UNUSED, text, [table, index, "when"])


def _profiles(scenario: Scenario, site: model.Site, versions: list[str]) -> Iterator[Profile]:
    """What a site runs as: each version, and each with the article's fault turned."""
    article = ARTICLES.get(scenario.article)
    for version in versions:
        profile = with_overrides(profile_of(version), site.profile)
        yield profile
        if article is not None:
            yield with_overrides(profile, article.fix)
            yield with_overrides(profile, article.bug)


def _applies(when: dict[str, Any], profile: Profile) -> bool:
    return all(
        getattr(with_overrides(profile, {name: value}), name) == getattr(profile, name)
        for name, value in when.items()
    )


def _settings(when: dict[str, Any]) -> str:
    told = [f"{name} = {value!r}" for name, value in when.items()]
    return " and ".join(told[:SETTINGS_MAX]) + (" ..." if len(told) > SETTINGS_MAX else "")


# -- what happens and is never checked


def _unchecked_jobs(scenario: Scenario) -> Iterator[Remark]:
    asked = {
        split_job(name)[0] for name in _words(scenario.expect, "job", "jobs", "pending", "executed")
    }
    checked = _words(
        [e for e in scenario.expect if not isinstance(e, model.OpenExpectation)], "package"
    )
    last = {step.package: step.name for _, step in _jobs(scenario)}
    for index, step in _jobs(scenario):
        if step.name in asked or (step.package in checked and last[step.package] == step.name):
            continue
        text = f"job {step.name}: no expectation asks about it"
        yield Remark(UNCHECKED, text, ["step", index, "name"])


def _unchecked_holds(scenario: Scenario) -> Iterator[Remark]:
    """Files held, where no episode and no open is expected, or expected not to be."""
    about: list[Any] = [
        e
        for e in scenario.expect
        if isinstance(e, model.EpisodeExpectation | model.OpenExpectation)
    ]
    for index, step in enumerate(scenario.step):
        if not isinstance(step, model.HoldStep):
            continue
        path = fold((step.path or step.file).replace("\\", "/"))
        if not any(_speaks_of(e, step, path) for e in about):
            text = (
                f"hold of {step.path or step.file} by {step.machine}: no episode and no open is "
                "expected of it"
            )
            yield Remark(UNCHECKED, text, ["step", index, "at"])


def _speaks_of(e: Any, step: model.HoldStep, path: str) -> bool:
    machine = getattr(e, "blocker", "") or getattr(e, "machine", "")
    wanted = fold(e.path.replace("\\", "/"))
    return (
        machine in ("", step.machine)
        and (not wanted or path.endswith(wanted) or wanted.endswith(path))
        and fold(e.program) in ("", fold(step.program))
    )


def _unchecked_outcomes(scenario: Scenario) -> Iterator[Remark]:
    """Programs that do not simply succeed, where nobody looks what came of it."""
    asked = {
        split_job(name)[0]
        for e in scenario.expect
        if not isinstance(e, model.ServersExpectation | model.ArrivalsExpectation)
        for name in _words([e], "job", "jobs", "executed")
    }
    looks = any(isinstance(e, model.EventsExpectation) for e in scenario.expect)
    runs = {
        first_word(step.command)
        for _, step in _jobs(scenario)
        if step.command and (step.name in asked or looks)
    }
    started = {first_word(step.command) for _, step in _jobs(scenario) if step.command}
    for index, program in enumerate(scenario.program):
        command = fold(program.command)
        is_plain = not (
            program.exit_code
            or program.mif
            or program.launch_error
            or program.hangs
            or program.restarts
            or program.then
        )
        if command in started and command not in runs and not is_plain:
            text = f"program {program.command}: nobody looks what comes of it"
            yield Remark(UNCHECKED, text, ["program", index, "command"])


def _named(one: Any) -> str:
    who = (
        getattr(one, "job", "")
        or getattr(one, "machine", "")
        or getattr(one, "name", "")
        or getattr(one, "package", "")
    )
    return f"{one.__struct_config__.tag} {who}".strip()
