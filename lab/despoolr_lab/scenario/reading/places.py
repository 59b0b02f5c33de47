"""Shares, files and IDs that a scenario names must be there: what a check of names alone does not
find, and a run would find too late or never.

The law: whatever is looked for where nothing can be is a mistake of the file's, told with its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from despoolr_core.formats.sms_ini import parse_sms_ini
from despoolr_core.rules.fold import fold
from despoolr_core.suggest import suggestion
from despoolr_core.times import moment_s
from despoolr_lab.scenario import model
from despoolr_lab.scenario.model import Scenario
from despoolr_server.site.state import boxes

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_INSTANCE: Final = re.compile(r"#[1-9][0-9]{0,4}$")
_WITH_IDS: Final[dict[type, str]] = {
    model.HoldStep: "path",
    model.PutStep: "path",
    model.DeleteStep: "path",
    model.AclStep: "path",
    model.DiskStep: "path",
    model.DiskFullStep: "path",
    model.BoxExpectation: "path",
    model.EpisodeExpectation: "path",
    model.OpenExpectation: "path",
    model.EventsExpectation: "text",
    model.LogExpectation: "text",
}
"""Where `{package:NAME}` stands for an ID, and in an expectation `{job:NAME}`, too."""


def mistakes(scenario: Scenario) -> Iterator[tuple[str, list[str | int]]]:
    """Shares, files and IDs that cannot be there, and where they stand."""
    yield from _machines(scenario)
    shares = shares_of(scenario)
    jobs = {s.name for s in scenario.step if isinstance(s, model.JobStep)}
    packages = {p.name for p in scenario.package}
    for table in ("step", "expect"):
        items: list[Any] = getattr(scenario, table)
        for index, one in enumerate(items):
            server, share = getattr(one, "server", ""), getattr(one, "share", "")
            if server and share and fold(share) not in map(fold, shares[server]):
                yield (
                    f"{server} has no share {share!r}{suggestion(share, shares[server])}",
                    [table, index, "share"],
                )
            if (
                isinstance(one, model.FilesExpectation | model.HoldStep | model.HandleLeaksStep)
                and server
                and one.package
            ):
                serving = [s.name for s in scenario.server if "distribution" in s.roles]
                if server not in serving:
                    yield f"{server} is not a distribution server", [table, index, "server"]
            if key := _WITH_IDS.get(type(one)):
                known = {"package": packages, "job": jobs} if table == "expect" else {}
                for reason in _unknown_ids(getattr(one, key), known or {"package": packages}):
                    yield reason, [table, index, key]
    yield from _settings_files(scenario)
    yield from _sources(scenario)
    yield from _programs(scenario)


def _machines(scenario: Scenario) -> Iterator[tuple[str, list[str | int]]]:
    servers = {fold(s.name) for s in scenario.server} | {fold(s.server) for s in scenario.site}
    for index, group in enumerate(scenario.clients):
        for name in group.expand():
            if fold(name) in servers:
                key = "names" if group.names else "name"
                yield f"a client and a server are both called {name!r}", ["clients", index, key]


def shares_of(scenario: Scenario) -> dict[str, list[str]]:
    """The shares of every server, by its name."""
    found = {
        s.server: [boxes.ROOT_SHARE, boxes.SITE_SHARE, boxes.SOURCE_SHARE] for s in scenario.site
    }
    for server in scenario.server:
        mine = found.setdefault(server.name, [])
        mine += [boxes.LOGON_SHARE] if "logon" in server.roles else []
        mine += [server.package_share] if "distribution" in server.roles else []
    return found


def _unknown_ids(value: str, known: Mapping[str, Iterable[str]]) -> Iterator[str]:
    for inside in _PLACEHOLDER.findall(value):
        noun, _, name = inside.partition(":")
        if noun not in known:
            right = " and ".join(f"{{{one}:NAME}}" for one in known)
            yield f"{{{inside}}} stands for nothing here; what does: {right}"
        elif (_INSTANCE.sub("", name) if noun == "job" else name) not in known[noun]:
            yield f"there is no {noun} {name!r}{suggestion(name, sorted(known[noun]))}"
    rest = _PLACEHOLDER.sub("", value)
    for noun in known:
        if f"{{{noun}:" in rest:
            yield f"{{{noun}: has no end: say {{{noun}:NAME}}"


def _settings_files(scenario: Scenario) -> Iterator[tuple[str, list[str | int]]]:
    """Logon servers, and a place for results, that an SMS.INI names and nobody has."""
    shares = {fold(server): names for server, names in shares_of(scenario).items()}
    logon = [server.name for server in scenario.server if "logon" in server.roles]
    for index, group in enumerate(scenario.clients):
        ini = parse_sms_ini("\n".join(group.sms_ini))
        here: list[str | int] = ["clients", index, "sms_ini"]
        for name in (ini.current_logon_server, *ini.servers):
            if name and fold(name) not in map(fold, logon):
                yield f"there is no logon server {name!r}{suggestion(name, logon)}", here
        server, _, rest = ini.result_share_point.removeprefix("\\\\").partition("\\")
        share = rest.partition("\\")[0]
        if server and fold(share) not in map(fold, shares.get(fold(server), [])):
            yield f"results cannot go to {ini.result_share_point}: there is no such share", here


def _sources(scenario: Scenario) -> Iterator[tuple[str, list[str | int]]]:
    """Deleting from a package's source what is not in it then."""
    there = {p.name: {fold(name) for name in p.files} for p in scenario.package}
    steps = [
        (moment_s(step.at, scenario.start), index, step)
        for index, step in enumerate(scenario.step)
        if isinstance(step, model.SourceStep)
    ]
    for _, index, step in sorted(steps, key=lambda entry: entry[:2]):
        files = there[step.package]
        files |= {fold(name) for name in step.files}
        for name in step.delete:
            if fold(name) not in files and not step.versions:
                yield (
                    f"the source of {step.package} has no file {name!r} then"
                    f"{suggestion(name, sorted(files))}",
                    ["step", index, "delete"],
                )
            files.discard(fold(name))


def _programs(scenario: Scenario) -> Iterator[tuple[str, list[str | int]]]:
    """Files that a program opens and no package ever has."""
    files = {name for package in scenario.package for name in package.files}
    files |= {n for s in scenario.step if isinstance(s, model.SourceStep) for n in s.files}
    known = {fold(name.replace("\\", "/")) for name in files}
    for index, program in enumerate(scenario.program if files else ()):
        for name in program.opens:
            if name != "*" and fold(name.replace("\\", "/")) not in known:
                yield (
                    f"no package has a file {name!r}{suggestion(name, sorted(files))}",
                    ["program", index, "opens"],
                )
