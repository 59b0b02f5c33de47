"""A scenario with a `[load]` part, as the load it makes: its clients, packages, programs, jobs,
updates and holds, by their numbers.

The law: what a load cannot do to clients and servers that run (switch them off, cut a link, kill a
service) is refused by name, not left out. Packages keep the number of their files and the size of
the largest; a file is known by its place in the order of their names. A job that sends files even
if sent before brings a new version. The scenario's own expectations are about virtual time: those
of `[load]` decide.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from despoolr_core.share.fault_api import KINDS
from despoolr_core.times import moment_s, span_s
from despoolr_lab.breaking.tables import FaultTable
from despoolr_lab.load.spec.model import (
    ClientGroup,
    HolderGroup,
    LoadFile,
    LoadJob,
    LoadPackage,
    Update,
    file_name,
)
from despoolr_lab.scenario import model
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.tables.loads import LoadPart, LoadTable
from despoolr_lab.toml.toml_text import ScenarioError

_EVEN: Final = "even if previously sent"
_TAKEN: Final = ("name", "names", "count", "poll_every", "when_warned")
"""The keys of a scenario's clients that a load takes; the others must be left at their defaults."""


def load_of(scenario: Scenario) -> LoadFile:
    """The load. Raises `ScenarioError` for what a load cannot do."""
    part = scenario.load
    if part is None:
        raise ScenarioError(
            "this scenario has no [load] part; run it with `despoolr run`, or give it one"
        )
    groups = {f"G{number}": table for number, table in enumerate(scenario.clients, 1)}
    found = LoadFile(
        name=scenario.name,
        title=scenario.title,
        story=scenario.story,
        load=LoadTable(**{field: getattr(part, field) for field in LoadTable.__struct_fields__}),
        clients=[_group(name, table, part) for name, table in groups.items()],
        package=[_package(table) for table in scenario.package],
        program=[_program(scenario, table, groups) for table in scenario.program],
        expect=part.expect,
    )
    for step in scenario.step:
        _take(found, scenario, step, groups)
    return found


def _group(name: str, table: model.Clients, part: LoadPart) -> ClientGroup:
    default = model.Clients(count=1)
    for key in table.__struct_fields__:
        if key not in _TAKEN and getattr(table, key) != getattr(default, key):
            raise ScenarioError(f"[[clients]] {key} cannot be used in a load: leave it out")
    return ClientGroup(
        name=name,
        count=len(table.expand()),
        poll_every=table.poll_every,
        shape=part.shape,
        at=part.at,
        over=part.over,
        when_warned=table.when_warned,
    )


def _package(table: model.Package) -> LoadPackage:
    size = max((len(text.encode()) for text in table.files.values()), default=1)
    return LoadPackage(name=table.name, files=max(1, len(table.files)), size=str(size))


def _program(
    scenario: Scenario, table: model.Program, groups: dict[str, model.Clients]
) -> model.Program:
    names = sorted(name for package in scenario.package for name in package.files)
    opens = [
        use if use == "*" else _file(scenario, use)
        for use in table.opens
        if use == "*" or use in names
    ]
    machines = _groups_of(table.machines, groups, f"program {table.command}")
    return msgspec.structs.replace(table, machines=machines if table.machines else [], opens=opens)


def _file(scenario: Scenario, name: str) -> str:
    """What a file of the first package that has it is called in a load."""
    package = next(package for package in scenario.package if name in package.files)
    return file_name(sorted(package.files).index(name) + 1)


def _take(load: LoadFile, scenario: Scenario, step: Any, groups: dict[str, model.Clients]) -> None:
    at = _at(scenario, step.at)
    match step:
        case model.JobStep() if step.send == _EVEN and not step.command:
            load.update.append(Update(name=step.name, package=step.package, at=at))
        case model.JobStep() if step.type != "remove":
            after = _after(scenario, step.mandatory_after, step.at)
            machines = (
                _groups_of(step.machines, groups, f"job {step.name}") if step.command else ["*"]
            )
            load.job.append(
                LoadJob(
                    name=step.name,
                    package=step.package,
                    at=at,
                    command=step.command,
                    machines=machines,
                    mandatory_after=after,
                    put_on=step.put_on,
                )
            )
        case model.SourceStep():
            pass  # an update brings a new version of every file
        case model.HoldStep() if step.package and (group := _home(step.machine, groups)):
            package = _package_of(scenario, step.package)
            if step.file not in package.files:
                raise ScenarioError(
                    f"{package.name} has no file {step.file!r} for {step.machine} to hold"
                )
            number = sorted(package.files).index(step.file) + 1
            load.holders.append(
                HolderGroup(
                    clients=group,
                    count=1,
                    package=step.package,
                    at=at,
                    for_=_held_for(scenario, step),
                    files=str(number),
                    access=step.access,
                    share_mode=step.share_mode,
                    program=step.program,
                )
            )
        case model.ReleaseStep():
            pass  # the hold knows how long it lasts
        case _ if isinstance(step, model.FaultStep):
            load.fault.append(_fault(scenario, step, at, groups))
        case _:
            tag = step.__struct_config__.tag
            raise ScenarioError(
                f"the step {tag!r} at {step.at} is nothing a load can do to a stack that runs: "
                "leave it out"
            )


def _fault(scenario: Scenario, step: Any, at: str, groups: dict[str, model.Clients]) -> FaultTable:
    """The table of a step: a client is its group's first, a file goes by its number."""
    name = step.__struct_config__.tag
    kind = KINDS[name]
    fields = {key: getattr(step, key) for key in kind.__struct_fields__}
    if isinstance(step, model.ClockJumpsStep):
        fields["machine"] = _home(step.machine, groups) or step.machine
    if isinstance(step, model.HandleLeaksStep):
        files = sorted(_package_of(scenario, step.package).files)
        fields["file"] = str(files.index(step.file) + 1) if step.file in files else step.file
    if isinstance(step, model.DiskFullStep) and "{" in step.path:
        raise ScenarioError(
            f"the step {name!r} at {step.at} is about a package's directory: leave out its path"
        )
    (table,) = (one for one in FaultTable.__args__ if one.__struct_config__.tag == name)
    found: FaultTable = table(at=at, **fields)
    return found


def _package_of(scenario: Scenario, name: str) -> model.Package:
    return next(package for package in scenario.package if package.name == name)


def _home(machine: str, groups: dict[str, model.Clients]) -> str:
    return next((name for name, table in groups.items() if machine in table.expand()), "")


def _groups_of(machines: list[str], groups: dict[str, model.Clients], what: str) -> list[str]:
    """The groups that these machines are. Raises `ScenarioError` where a group is named in part."""
    if "*" in machines:
        return ["*"]
    chosen = [name for name, table in groups.items() if set(table.expand()) <= set(machines)]
    left = set(machines) - {machine for name in chosen for machine in groups[name].expand()}
    if left:
        raise ScenarioError(
            f"{what} is for {min(left)}, but not for all of its [[clients]]: a load knows "
            "whole groups"
        )
    return chosen


def _held_for(scenario: Scenario, hold: model.HoldStep) -> str:
    """How long: what it says, else until the machine's next release, else to the end."""
    if hold.for_:
        return hold.for_
    began = moment_s(hold.at, scenario.start)
    ends = [
        moment_s(step.at, scenario.start)
        for step in scenario.step
        if isinstance(step, model.ReleaseStep)
        and step.machine == hold.machine
        and step.file in ("", hold.file)
    ]
    assert scenario.load is not None
    end = min(
        (at for at in ends if at > began), default=scenario.start + span_s(scenario.load.for_)
    )
    return f"{max(1.0, end - began):f}s"


def _at(scenario: Scenario, text: str) -> str:
    return f"{moment_s(text, scenario.start) - scenario.start:f}s"


def _after(scenario: Scenario, text: str, at: str) -> str:
    """When it is mandatory, from when the job is made; empty: never."""
    if not text:
        return ""
    made = moment_s(at, scenario.start)
    return f"{max(0.0, moment_s(text, made) - made):f}s"
