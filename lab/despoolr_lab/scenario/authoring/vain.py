"""What a scenario says in vain: steps that leave all as it is, dates after the end of the run,
spans that name a unit twice, and expectations that hold before anything could have happened.

The law: what is told here is so in every version that the file runs as, and in the world as it is
written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any, Final

from msgspec import Struct, structs

from despoolr_core.profile import profile_of, with_overrides
from despoolr_core.rules.fold import fold
from despoolr_core.times import moment_s
from despoolr_lab.scenario import model
from despoolr_lab.scenario.model import Scenario
from despoolr_server.site.state import boxes

Vain = tuple[str, list[str | int]]
"""What is said of it, and where it stands."""

TABLES: Final = ("run", "site", "server", "clients", "package", "program", "step", "expect")
UNIT: Final = re.compile(r"\d(ms|min|[smhdw])")
SPAN: Final = re.compile(r"[+-]?(\s*\d+(\.\d+)?\s*(ms|min|[smhdw]))+\s*")
TEXTS: Final = ("text", "hex", "raw", "value", "description", "title", "story")
"""Keys whose texts may be anything, also what looks like a span."""
SOURCE: Final = fold(boxes.SOURCE_SHARE)
NOT_BY_ITSELF: Final = (
    model.ConnectStep,
    model.PollStep,
    model.PowerStep,
    model.ClockStep,
    model.SetStep,
)
"""Steps after which as little has happened as before them."""


def vain(scenario: Scenario) -> Iterator[Vain]:
    """All of that, each kind in the order of the file."""
    yield from _settings(scenario)
    yield from _sources(scenario)
    yield from _dates(scenario)
    yield from _units(scenario)
    yield from _nothing_yet(scenario)
    yield from _off(scenario)


def _in_time(scenario: Scenario) -> list[tuple[float, int, Any]]:
    """The steps, each with its time and its number in the file."""
    timed = [(moment_s(s.at, scenario.start), n, s) for n, s in enumerate(scenario.step)]
    return sorted(timed, key=lambda one: one[:2])


def _settings(scenario: Scenario) -> Iterator[Vain]:
    """Settings of a site that are so already."""
    main = scenario.site[0]
    own = scenario.versions or [main.version]
    known = {
        site.code: {
            version: (site.response, with_overrides(profile_of(version), site.profile))
            for version in (own if site is main else [site.version])
        }
        for site in scenario.site
    }
    for _, index, step in _in_time(scenario):
        if isinstance(step, model.HotfixStep):
            known.pop(step.site or main.code, None)  # it may have changed anything
        if not isinstance(step, model.SetStep):
            continue
        there = known.get(step.site or main.code, {})
        asked = {v: at for v, at in there.items() if not step.versions or v in step.versions}
        changed = {
            version: (step.response or response, with_overrides(profile, step.profile))
            for version, (response, profile) in asked.items()
        }
        if asked and changed == asked:
            yield "set: the site has these settings already", ["step", index, "at"]
        there |= changed


def _sources(scenario: Scenario) -> Iterator[Vain]:
    """New source files that say what the old ones say."""
    there = {p.name: {fold(n): text for n, text in p.files.items()} for p in scenario.package}
    for _, index, step in _in_time(scenario):
        if isinstance(step, model.PutStep | model.DeleteStep) and fold(step.share) == SOURCE:
            there = {package: {} for package in there}  # any file may be another now
        if not isinstance(step, model.SourceStep):
            continue
        files = there[step.package]
        new = {fold(name): text for name, text in step.files.items()}
        if not step.delete and new.items() <= files.items():
            text = f"source of {step.package}: the files are as they were"
            yield text, ["step", index, "files"]
        if not step.versions:
            files |= new
        for name in (*step.delete, *(new if step.versions else ())):
            files.pop(fold(name), None)  # with `versions`: it says one thing or the other


def _dates(scenario: Scenario) -> Iterator[Vain]:
    """Dates of commands that come after the end of the run."""
    says = {
        "offer_after": "nobody is offered it before the end of the run",
        "mandatory_after": "it does not run by itself before the end of the run",
        "expires_after": "it does not expire before the end of the run",
    }
    for at, index, step in _in_time(scenario):
        for key, what in says.items() if isinstance(step, model.JobStep) else ():
            text = getattr(step, key)
            if text and moment_s(text, at) > scenario.end_as_written:
                yield f"{key} of job {step.name}: {what}", ["step", index, key]


def _units(scenario: Scenario) -> Iterator[Vain]:
    """Spans such as `1h 1h`, of which one is a slip."""
    for table in TABLES:
        found = getattr(scenario, table)
        for index, one in enumerate(found if isinstance(found, list) else [found]):
            where: list[str | int] = [table, index] if isinstance(found, list) else [table]
            for key, text in _texts(one):
                units = ["m" if unit == "min" else unit for unit in UNIT.findall(_dense(text))]
                if len(units) != len(set(units)) and SPAN.fullmatch(text):
                    yield f"{key} = {text!r} names a unit twice", [*where, key]


def _texts(one: Struct) -> Iterator[tuple[str, str]]:
    for field in structs.fields(one):
        value = getattr(one, field.name)
        if isinstance(value, str) and field.encode_name not in TEXTS:
            yield field.encode_name, value


def _dense(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _nothing_yet(scenario: Scenario) -> Iterator[Vain]:
    """Expectations that there is none of something, before anything could have made one."""
    steps = _in_time(scenario)
    users = {name for group in scenario.clients for name in group.expand()}
    users |= {step.machine for step in scenario.step if isinstance(step, model.HoldStep)}
    begins: Mapping[type, Callable[[Any], float]] = {
        model.EpisodeExpectation: lambda e: _first(
            steps, lambda s: _may_refuse(s, e.blocker, users)
        ),
        model.OpenExpectation: lambda e: _first(steps, lambda s: _may_open(s, e.machine, users)),
        model.MasterExpectation: lambda e: _first(
            steps, lambda s: isinstance(s, model.JobStep) and s.package == e.package
        ),
        model.EventsExpectation: lambda _: _first(
            steps, lambda s: not isinstance(s, NOT_BY_ITSELF)
        ),
    }
    for index, e in enumerate(scenario.expect):
        begin = begins.get(type(e))
        is_none = getattr(e, "none", False) or getattr(e, "count", None) == 0
        if begin is None or not is_none:
            continue
        asked = moment_s(e.at, scenario.start) if e.at else scenario.end_as_written
        if asked < begin(e):
            tag = str(e.__struct_config__.tag)
            yield f"{tag}: by then there could be none", ["expect", index, "at" if e.at else "that"]


def _first(steps: list[tuple[float, int, Any]], is_it: Callable[[Any], bool]) -> float:
    return next((at for at, _, step in steps if is_it(step)), math.inf)


def _may_open(step: Any, machine: str, users: Set[str]) -> bool:
    """Whether a machine (empty: any) may open a file because of a step."""
    if isinstance(step, model.HoldStep):
        return machine in ("", step.machine)
    if machine in users:
        return _may_start_a_program(step)
    return not isinstance(step, NOT_BY_ITSELF)  # services open files for any job


def _may_refuse(step: Any, blocker: str, users: Set[str]) -> bool:
    """Whether a step may have somebody hold what another one is refused."""
    if isinstance(step, model.HoldStep):
        return blocker in ("", step.machine)
    if isinstance(step, model.JobStep) and blocker in users:
        return _may_start_a_program(step)
    return not isinstance(step, NOT_BY_ITSELF)


def _may_start_a_program(step: Any) -> bool:
    return isinstance(step, model.JobStep) and bool(step.command)


def _off(scenario: Scenario) -> Iterator[Vain]:
    """That machines that are off do nothing."""
    off = {name for group in scenario.clients if not group.on for name in group.expand()}
    begins = {
        step.machine: at
        for at, _, step in reversed(_in_time(scenario))
        if isinstance(step, model.PowerStep) and step.on
    }
    for index, e in enumerate(scenario.expect):
        if not isinstance(e, model.RunsExpectation | model.MifsExpectation) or e.count != 0:
            continue
        asked = moment_s(e.at, scenario.start) if e.at else scenario.end_as_written
        if e.machine in off and asked <= begins.get(e.machine, math.inf):
            text = f"{e.__struct_config__.tag}: {e.machine} is off until then"
            yield text, ["expect", index, "machine"]
