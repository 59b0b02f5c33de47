"""What a scenario asks about must be able to be as it says, one way or the other.

The law: an expectation that nothing could fail, and a table that nothing could use, is a mistake of
the file's, told with its line: a MIF about a job without a command, a file that was never in any
package and is expected to be gone, an episode of a program that nobody runs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from despoolr_client.agent.machine.programs import first_word
from despoolr_client.pcm.behaviour import PcmVariant
from despoolr_core.rules.fold import fold
from despoolr_core.suggest import hint, nearest, suggestion
from despoolr_core.times import moment_s
from despoolr_lab.scenario import model
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.tables.statuses import SERVICES
from despoolr_lab.toml.tables import split_job

Mistake = tuple[str, list[str | int]]
_BOX_FILE: Final = re.compile(
    r"\.(?:INS|IST|NIL|SNI|PCK|MIF|EMF|UMF|NHM|NIM|RAW|HMS|SRQ|SRS|[PIS]\d\d|STA|UID|TMP|TST|REG"
    r"|NEW|INI)$"
)
"""How the names of the field's own files end."""
_ALMOST: Final = 0.8
"""The likeness of two commands (`nearest`) from which one is a mistake."""
_OF_A_COMMAND: Final = (
    model.MifsExpectation,
    model.ExpiriesExpectation,
    model.WorkstationsExpectation,
    model.PcmExpectation,
    model.RunsExpectation,
    model.RunOrderExpectation,
    model.ExecuteStep,
)
"""What is about the run phase of a job."""
_OF_A_PROGRAM: Final = 374
"""The event that a program failed."""


def mistakes(scenario: Scenario) -> Iterator[Mistake]:
    """What cannot be, and where it stands."""
    yield from _hierarchy(scenario)
    yield from _commands(scenario)
    yield from _programs(scenario)
    yield from _servers(scenario)
    yield from _files(scenario)
    yield from _episodes(scenario)
    yield from _boxes(scenario)
    yield from _rows(scenario)
    yield from _leaks(scenario)
    yield from _windows(scenario)
    yield from _never_on(scenario)


def _hierarchy(scenario: Scenario) -> Iterator[Mistake]:
    parents = {site.code: site.parent for site in scenario.site}
    for index, code in enumerate(parents):
        try:
            model.above(parents, code)
        except ValueError as error:
            yield str(error), ["site", index, "parent"]


def _commands(scenario: Scenario) -> Iterator[Mistake]:
    """Whoever asks about the commands of a job that has none."""
    commands = {s.name: s.command for s in scenario.step if isinstance(s, model.JobStep)}
    for table in ("step", "expect"):
        items: list[Any] = getattr(scenario, table)
        for index, one in enumerate(items):
            is_374 = isinstance(one, model.EventsExpectation) and one.code == _OF_A_PROGRAM
            if not is_374 and not isinstance(one, _OF_A_COMMAND):
                continue
            for key in ("job", "pending", "executed", "jobs"):
                value = getattr(one, key, None) or []
                for name in [value] if isinstance(value, str) else value:
                    if not commands[split_job(name)[0]]:
                        reason = f"job {name} has no command: no machine runs anything of it"
                        yield reason, [table, index, key]


def _programs(scenario: Scenario) -> Iterator[Mistake]:
    """A command almost like a program's that nobody starts, and a program that another hides."""
    known = [fold(program.command) for program in scenario.program]
    started = {
        first_word(step.command): index
        for index, step in enumerate(scenario.step)
        if isinstance(step, model.JobStep) and step.command
    }
    for word, index in started.items():
        unused = [name for name in known if name not in started] if word not in known else []
        if near := nearest(word, unused, _ALMOST):
            yield (
                f"there is no program {word!r}{hint(near)}",
                ["step", index, "command"],
            )
    for index, program in enumerate(scenario.program):
        for later in scenario.program[index + 1 :]:
            hides = set(program.machines) <= set(later.machines) if program.machines else False
            if known[index] == fold(later.command) and (hides or not later.machines):
                yield (
                    f"a later table for {program.command} takes its place on every machine",
                    ["program", index, "command"],
                )


def _servers(scenario: Scenario) -> Iterator[Mistake]:
    """Clients without a logon server, and packages that nothing can carry."""
    first = scenario.site[0].code
    serving: dict[str, set[str]] = {"logon": set(), "distribution": set()}
    for server in scenario.server:
        for role in server.roles:
            serving[role].add(server.site or first)
    for index, group in enumerate(scenario.clients):
        if (group.site or first) not in serving["logon"]:
            reason = f"site {group.site or first} has no logon server for its clients to ask"
            yield reason, ["clients", index, "site"]
        asked = next((s for s in scenario.server if s.name == group.logon_server), None)
        if asked is not None and (asked.site or first) != (group.site or first):
            reason = f"{asked.name} is no logon server of site {group.site or first}"
            yield reason, ["clients", index, "logon_server"]
    yield from _carried(scenario, serving["distribution"])
    seen: set[str] = set()
    for index, package in enumerate(scenario.package):
        code = package.site or first
        if package.id and package.id[:3] != code:
            reason = f"package {package.name} is site {code}'s: its id begins so, not {package.id}"
            yield reason, ["package", index, "id"]
        if package.id and package.id in seen:
            yield f"there are two packages {package.id}", ["package", index, "id"]
        seen.add(package.id)


def _carried(scenario: Scenario, serving: set[str]) -> Iterator[Mistake]:
    """Files on a distribution server, where no site (or not the package's) has any."""
    of = {package.name: package.site or scenario.site[0].code for package in scenario.package}
    for table in ("step", "expect"):
        items: list[Any] = getattr(scenario, table)
        for index, one in enumerate(items):
            if not isinstance(one, model.HoldStep | model.FilesExpectation) or not one.package:
                continue
            sites = {of[one.package]} if table == "expect" else serving
            if not one.server and not serving.intersection(sites):
                reason = f"there is no distribution server for {one.package} to lie on"
                yield reason, [table, index, "package"]


def files_of(scenario: Scenario, package: str = "") -> dict[str, str]:
    """Every file that is ever in the source of a package, or of any: folded path to its name."""
    found = [
        *(name for p in scenario.package if package in ("", p.name) for name in p.files),
        *(
            name
            for step in scenario.step
            if isinstance(step, model.SourceStep) and package in ("", step.package)
            for name in step.files
        ),
    ]
    return {fold(name.replace("\\", "/")): name for name in found}


def _put(scenario: Scenario) -> set[str]:
    """Every path, folded, at which a step may make a file."""
    return {
        fold(step.path.replace("\\", "/"))
        for step in scenario.step
        if isinstance(step, model.PutStep | model.HoldStep) and step.path
    }


def _ends(path: str, known: Iterable[str]) -> bool:
    return any(f"/{one}".endswith(path) for one in known)


def _files(scenario: Scenario) -> Iterator[Mistake]:
    """Files that are expected to be gone and never were."""
    put = _put(scenario)
    for index, e in enumerate(scenario.expect):
        if not isinstance(e, model.FilesExpectation):
            continue
        known = files_of(scenario, e.package)
        for name, wanted in e.files.items():
            path = fold(name.replace("\\", "/"))
            if wanted is False and path not in known and not _ends(f"/{path}", put):
                yield (
                    f"{e.package} never has a file {name!r}, so it is always gone"
                    f"{suggestion(name, sorted(known.values()))}",
                    ["expect", index, "files"],
                )


def _episodes(scenario: Scenario) -> Iterator[Mistake]:
    """Episodes on files, or of programs, that there are not."""
    files = files_of(scenario) | {path: path for path in _put(scenario)}
    programs = {fold(one) for one in SERVICES} | {"SMS_ADMINISTRATOR"}
    for step in scenario.step:
        if isinstance(step, model.HoldStep):
            programs.add(fold(step.program))
        elif isinstance(step, model.JobStep) and step.command:
            programs.add(first_word(step.command))
    for index, e in enumerate(scenario.expect):
        if not isinstance(e, model.EpisodeExpectation | model.OpenExpectation):
            continue
        path = fold(e.path.replace("\\", "/"))
        last = path.rpartition("/")[2]
        if path and not _BOX_FILE.search(path) and not _ends(last, files):
            yield (
                f"nothing is ever called {e.path!r}{suggestion(e.path, sorted(files.values()))}",
                ["expect", index, "path"],
            )
        if e.program and fold(e.program) not in programs:
            yield (
                f"nobody runs {e.program!r}{suggestion(e.program, sorted(programs))}",
                ["expect", index, "program"],
            )


def _boxes(scenario: Scenario) -> Iterator[Mistake]:
    """No files of a kind that there never is."""
    known = {*files_of(scenario), *_put(scenario)}
    for index, e in enumerate(scenario.expect):
        if not isinstance(e, model.BoxExpectation) or not e.extension:
            continue
        ending = fold(e.extension)
        if not _BOX_FILE.search(f".{ending.rpartition('.')[2]}") and not any(
            name.endswith(ending) for name in known
        ):
            yield (
                f"no file's name ever ends with {e.extension!r}",
                ["expect", index, "extension"],
            )


def _rows(scenario: Scenario) -> Iterator[Mistake]:
    """Rows that are expected not to be there, of somebody whom there is not."""
    sites = [site.code for site in scenario.site]
    known: dict[type, list[str]] = {
        model.WorkstationsExpectation: [
            *(name for group in scenario.clients for name in group.expand()),
            *(server.name for server in scenario.server if server.is_netware),
        ],
        model.ServersExpectation: [s.name for s in scenario.server if "distribution" in s.roles],
        model.ArrivalsExpectation: sites,
        model.CompletionsExpectation: sites,
    }
    for index, e in enumerate(scenario.expect):
        if not isinstance(e, model.RowsTable):
            continue
        for name, wanted in e.rows.items():
            if wanted is False and name not in known[type(e)]:
                yield (
                    f"there is no {name!r}, so it never has a row"
                    f"{suggestion(name, known[type(e)])}",
                    ["expect", index, "rows"],
                )


def _windows(scenario: Scenario) -> Iterator[Mistake]:
    """A command run from a window that there is not."""
    without = {n for g in scenario.clients if g.pcm == PcmVariant.SERVICE for n in g.expand()}
    for index, step in enumerate(scenario.step):
        if isinstance(step, model.ExecuteStep) and step.machine in without:
            reason = (
                f"{step.machine} has {PcmVariant.SERVICE}, a service: nobody runs anything there"
            )
            yield reason, ["step", index, "machine"]


def _never_on(scenario: Scenario) -> Iterator[Mistake]:
    """What a machine shows or holds that was not switched on by then."""
    start = scenario.start
    off = {name for group in scenario.clients if not group.on for name in group.expand()}
    switched: dict[str, float] = {}
    for step in scenario.step:
        if isinstance(step, model.PowerStep) and step.on and step.machine in off:
            at = moment_s(step.at, start)
            switched[step.machine] = min(at, switched.get(step.machine, at))
    for index, e in enumerate(scenario.expect):
        key = "blocker" if isinstance(e, model.EpisodeExpectation) else "machine"
        if not isinstance(
            e, model.PcmExpectation | model.OpenExpectation | model.EpisodeExpectation
        ):
            continue
        machine = getattr(e, key)
        asked = moment_s(e.at, start) if e.at else scenario.end_as_written
        if machine in off and switched.get(machine, math.inf) >= asked:
            yield f"{machine} is not switched on by then", ["expect", index, key]


def _leaks(scenario: Scenario) -> Iterator[Mistake]:
    """Handles of files that no package ever has."""
    for index, step in enumerate(scenario.step):
        if not isinstance(step, model.HandleLeaksStep):
            continue
        known = files_of(scenario, step.package)
        if fold(step.file.replace("\\", "/")) not in known:
            yield (
                f"{step.package} never has a file {step.file!r}"
                f"{suggestion(step.file, sorted(known.values()))}",
                ["step", index, "file"],
            )
