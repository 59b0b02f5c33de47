"""What a scenario can be cut down by: each cut with its name and the smaller scenario.

The law: a cut is a scenario that can be read, or it is left out here; whether it can be run is
found out by running it. Large cuts come first: a file that is mostly in vain is small soon.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import msgspec

from despoolr_core.phrases import counted
from despoolr_core.times import moment_s, span_s
from despoolr_lab.explore.replacements import (
    NOWHERE,
    Change,
    NamedChange,
    Place,
    cut_off,
    label,
    longer_dead,
    one_for_two,
)
from despoolr_lab.scenario.model import Clients, LinkStep, PowerStep, Scenario, ServiceStep
from despoolr_lab.scenario.reading.load import ScenarioError, parse_scenario
from despoolr_lab.scenario.reading.written import copy_of, to_toml
from despoolr_lab.scenario.worlds import span_text

_KEEPS: Final = ("at", "do", "that")
PLAIN: Final = ("step", "clients", "server", "package", "program")
"""Tables of which each key is left out that need not be there."""
MARGIN_S: Final = (600.0, 3600.0, 4 * 3600.0)
"""Seconds after the last step that a shorter run may have."""


class Cut(NamedTuple):
    """What is left out, where that stands in the file, and the scenario without it."""

    name: str
    place: Place
    scenario: Scenario


def cuts(scenario: Scenario) -> Iterator[Cut]:
    """The cuts of a scenario, largest first, each a copy of its own that can be read."""
    for name, place, change in _changes(scenario):
        smaller = copy_of(scenario)
        with suppress(ScenarioError, msgspec.ValidationError, ValueError, IndexError):
            change(smaller)
            yield Cut(name, place, parse_scenario(to_toml(smaller)))


def _changes(scenario: Scenario) -> Iterator[NamedChange]:
    if scenario.story:
        yield "its story", ("", 0, "story"), lambda s: setattr(s, "story", "")
    if scenario.article:
        yield "its article", ("", 0, "article"), lambda s: setattr(s, "article", "")
    if scenario.versions:
        yield "its versions", ("", 0, "versions"), lambda s: setattr(s, "versions", [])
    if scenario.load is not None:
        yield "its load", NOWHERE, lambda s: setattr(s, "load", None)
    yield from _parts("expect", scenario.expect)
    yield from _shorter(scenario)
    yield from _parts("step", scenario.step)
    yield from _there_and_back(scenario)
    yield from one_for_two(scenario)
    yield from _machines(scenario)
    yield from _parts("program", scenario.program)
    for index, package in enumerate(scenario.package):
        yield f"package {package.name}", ("package", index, ""), _without_package(index)
    for index, site in enumerate(scenario.site):
        if len(scenario.site) > 1:
            yield f"site {site.code}", ("site", index, ""), _without_site(site.code)
    for index, server in enumerate(scenario.server):
        if len(scenario.server) > 1:
            gone = _without_server(server.name)
            yield f"server {server.name}", ("server", index, ""), gone
            yield from longer_dead(scenario, server.name, gone)
    yield from _files(scenario)
    yield from _simpler(scenario)
    yield from cut_off(scenario)


def _parts(key: str, parts: Sequence[Any]) -> Iterator[NamedChange]:
    """A list without a half of it, a quarter, ... one."""
    size = len(parts)
    length = size
    while length:
        for start in range(0, size, length):
            span = slice(start, min(size, start + length))
            what = label(parts[start]) if length == 1 else f"{span.stop - start} of {key}"
            yield what, (key, start, "") if length == 1 else NOWHERE, _without(key, span)
        length //= 2


def _there_and_back(scenario: Scenario) -> Iterator[NamedChange]:
    """What is broken and mended, off and on: neither step can be done without the other."""
    broken: dict[tuple[str, ...], int] = {}
    for index, step in enumerate(scenario.step):
        if not isinstance(step, LinkStep | PowerStep | ServiceStep):
            continue
        names = ("machine", "server", "other", "site", "service")
        what = (type(step).__name__, *(getattr(step, name, "") for name in names))
        if _breaks(step):
            broken[what] = index
        elif what in broken:
            yield f"{label(step)}, off and on", NOWHERE, _without_two(broken.pop(what), index)


def _breaks(step: LinkStep | PowerStep | ServiceStep) -> bool:
    if isinstance(step, ServiceStep):
        return step.action == "pause"
    return not (step.up if isinstance(step, LinkStep) else step.on)


def _without_two(first: int, second: int) -> Change:
    def change(scenario: Scenario) -> Any:
        scenario.step = [
            step for index, step in enumerate(scenario.step) if index not in (first, second)
        ]

    return change


def _without(key: str, span: slice) -> Change:
    def change(scenario: Scenario) -> Any:
        parts = list(getattr(scenario, key))
        del parts[span]
        setattr(scenario, key, parts)

    return change


def _shorter(scenario: Scenario) -> Iterator[NamedChange]:
    length = scenario.end - scenario.start
    if scenario.run.stop_after:
        yield "its time after it is stopped", ("run", 0, "for"), _lasts(scenario.run.stop_after)
    last = max((moment_s(step.at, scenario.start) for step in scenario.step), default=0.0)
    after = last - scenario.start
    for new in [*(after + margin for margin in MARGIN_S), length / 2, length * 3 / 4]:
        if 0 < new < length - 1:
            yield (
                f"its time after {span_text(round(new))}",
                ("run", 0, "for"),
                _lasts(span_text(round(new))),
            )


def _lasts(span: str) -> Change:
    def change(scenario: Scenario) -> Any:
        scenario.run.for_, scenario.run.stop_after = span, ""

    return change


def _machines(scenario: Scenario) -> Iterator[NamedChange]:
    """Fewer clients: groups go, or all of one but those that are named, half, all but one."""
    yield from _parts("clients", scenario.clients)
    for index, group in enumerate(scenario.clients):
        place = ("clients", index, "")
        names = group.expand()
        named = [name for name in names if _is_named(scenario, name)]
        for fewer in (named, names[: len(names) // 2], names[:1]):
            if fewer and len(fewer) < len(names):
                yield counted(len(names) - len(fewer), "client"), place, _clients_are(index, fewer)
        for name in named if len(names) > 1 else []:
            fewer = [other for other in names if other != name]
            yield f"client {name}", ("clients", index, "names"), _clients_are(index, fewer)
        yield from _fewer_that_poll_as_before(index, group)


def _fewer_that_poll_as_before(index: int, group: Clients) -> Iterator[NamedChange]:
    """A group without a half of it, a quarter, ... one. When its clients poll depends on how many
    they are: so who stays becomes a group of its own, that polls when it did.
    """
    names, place = group.expand(), ("clients", index, "")
    spread_s = span_s(group.poll_every)
    polls = {
        name: group.first_poll or span_text(round(spread_s * number / len(names), 3))
        for number, name in enumerate(names)
    }
    length = len(names) // 2
    while length:
        for start in range(0, len(names), length):
            kept = {name: polls[name] for name in [*names[:start], *names[start + length :]]}
            yield f"{len(names) - len(kept)} of {group.name}", place, _alone(index, kept)
        length //= 2


def _alone(index: int, polls: dict[str, str]) -> Change:
    def change(scenario: Scenario) -> Any:
        facts: dict[str, Any] = msgspec.to_builtins(scenario.clients[index])
        scenario.clients[index : index + 1] = [
            msgspec.convert({**facts, "names": [name], "count": 0, "first_poll": at}, Clients)
            for name, at in polls.items()
        ]

    return change


def _is_named(scenario: Scenario, name: str) -> bool:
    for part in (*scenario.step, *scenario.program):
        value = getattr(part, "machine", "") or getattr(part, "machines", "")
        if name == value or (isinstance(value, list) and name in value):
            return True
    return False


def _clients_are(index: int, names: list[str]) -> Change:
    def change(scenario: Scenario) -> Any:
        group = scenario.clients[index]
        facts: dict[str, Any] = msgspec.to_builtins(group)
        facts |= {"names": names, "count": 0}
        scenario.clients[index] = msgspec.convert(facts, Clients)

    return change


def _without_package(index: int) -> Change:
    def change(scenario: Scenario) -> Any:
        gone = scenario.package.pop(index).name
        jobs = {getattr(s, "name", "") for s in scenario.step if getattr(s, "package", "") == gone}
        scenario.step = [
            step
            for step in scenario.step
            if getattr(step, "package", "") != gone
            and getattr(step, "job", None) not in jobs - {""}
        ]

    return change


def _without_server(name: str) -> Change:
    def change(scenario: Scenario) -> Any:
        scenario.server = [server for server in scenario.server if server.name != name]
        scenario.step = [
            step
            for step in scenario.step
            if name not in (getattr(step, "server", ""), getattr(step, "other", ""))
        ]
        for step in scenario.step:
            if name in getattr(step, "put_on", []):
                step.put_on = [one for one in step.put_on if one != name]  # type: ignore[union-attr]
        for group in scenario.clients:
            group.logon_server = "" if group.logon_server == name else group.logon_server

    return change


def _without_site(code: str) -> Change:
    def change(scenario: Scenario) -> Any:
        main = scenario.site[0].code

        def is_of(part: Any) -> bool:
            return (getattr(part, "site", "") or main) == code

        gone = next(site for site in scenario.site if site.code == code)
        scenario.site = [site for site in scenario.site if site is not gone]
        above = next((s for s in scenario.site if s.code == gone.parent), scenario.site[0])
        for site in scenario.site:
            site.parent = gone.parent if site.parent == code else site.parent
        servers = {gone.server, *(one.name for one in scenario.server if is_of(one))}
        for key in ("server", "clients", "package", "step", "expect"):
            setattr(scenario, key, [part for part in getattr(scenario, key) if not is_of(part)])
        for step in scenario.step:
            if isinstance(step, LinkStep):  # who was below it is linked to the site above it
                step.server = above.server if step.server == gone.server else step.server
                step.other = above.server if step.other == gone.server else step.other
        scenario.step = [
            step
            for step in scenario.step
            if getattr(step, "server", "") not in servers
            and not (isinstance(step, LinkStep) and step.server == step.other)
        ]

    return change


def _files(scenario: Scenario) -> Iterator[NamedChange]:
    for index, package in enumerate(scenario.package):
        for name in package.files:
            if len(package.files) > 1:
                yield f"file {name}", ("package", index, "files"), _without_file(index, name)
    for index, step in enumerate(scenario.step):
        files = getattr(step, "files", {})
        for name in files if len(files) > 1 else []:
            yield f"new {name}", ("step", index, "files"), _without_new_file(index, name)


def _without_file(index: int, file: str) -> Change:
    def change(scenario: Scenario) -> Any:
        package = scenario.package[index]
        del package.files[file]
        kept = []
        for step in scenario.step:
            is_its = getattr(step, "package", "") == package.name
            if is_its and getattr(step, "file", "") == file:
                continue
            if is_its and file in getattr(step, "files", {}):
                step.files.pop(file)  # type: ignore[union-attr]
                if not step.files and not getattr(step, "delete", []):  # type: ignore[union-attr]
                    continue
            kept.append(step)
        scenario.step = kept

    return change


def _without_new_file(index: int, file: str) -> Change:
    return lambda scenario: scenario.step[index].files.pop(file)  # type: ignore[union-attr]


def _simpler(scenario: Scenario) -> Iterator[NamedChange]:
    """Keys of tables as they are without being said, and times that are round."""
    for key in PLAIN:
        for index, part in enumerate(getattr(scenario, key)):
            fields = msgspec.structs.fields(part)
            for field in fields:
                if field.required or field.name in _KEEPS:
                    continue
                default = field.default
                if default is msgspec.NODEFAULT:
                    default = field.default_factory()
                if getattr(part, field.name) != default:
                    what = f"{field.encode_name} of {label(part)}"
                    place = (key, index, field.encode_name)
                    yield what, place, _plain(key, index, field.name, default)
    for index, step in enumerate(scenario.step):
        at = moment_s(step.at, scenario.start) - scenario.start
        for unit in (3600.0, 60.0, 1.0):
            new = round(at / unit) * unit
            if new != at:
                what = f"{span_text(at)} of {label(step)}"
                yield what, ("step", index, "at"), _plain("step", index, "at", span_text(new))


def _plain(key: str, index: int, field: str, value: Any) -> Change:
    return lambda scenario: setattr(getattr(scenario, key)[index], field, value)
