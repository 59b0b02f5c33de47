"""One world of a scenario for `explore`: what is left out of it, and what is done to it besides.

The law: a world is a function of the scenario, its moments and a seed, by draws with names, and is
a scenario again: it can be read, run and cut down. One world in four has all that the file says and
nothing else; in it alone expectations are asked. Each of the others leaves out each family of
faults and each hold one time in two, and gets faults, and work of administrators, of each family of
its own one time in two: half of the worlds just when something happens, where a death between two
steps is found, and half at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from despoolr_core.records.kinds.run import ExpectationChecked, RunEnded, StepTaken
from despoolr_core.records.stream import Record
from despoolr_core.rules.fold import fold
from despoolr_lab.explore.feasible import feasible
from despoolr_lab.explore.rules.breach import role_of, without_ids
from despoolr_lab.scenario.model import (
    AclStep,
    CancelStep,
    Clients,
    ClockStep,
    DeleteStep,
    DiskStep,
    ExecuteStep,
    HeldRange,
    HoldStep,
    HotfixStep,
    JobStep,
    KillStep,
    LinkStep,
    NoIdMifStep,
    PowerStep,
    Program,
    PutStep,
    Scenario,
    Server,
    ServiceStep,
    SourceStep,
    StatusMifSpec,
    Step,
)
from despoolr_lab.scenario.worlds import OFF, WIDE, Variation, span_text, world_of

FAMILIES: Final[dict[type, str]] = {
    KillStep: "kill",
    LinkStep: "link",
    ServiceStep: "service",
    PowerStep: "power",
    DiskStep: "disk",
    HotfixStep: "hotfix",
    ClockStep: "clock",
    PutStep: "put",
    DeleteStep: "delete",
    AclStep: "acl",
    NoIdMifStep: "noidmif",
}
AS_WRITTEN_SHARE: Final = 0.25
AIMED_SHARE: Final = 0.5
LEFT_OUT_SHARE: Final = 0.5
FAULTS_MAX: Final = 3
"""Faults of one family that a world gets."""
SHARE_MODES: Final = ("READ", "READ", "READ|WRITE", "READ|DELETE")
FIRST_HOLD: Final = "hold 0"
SHARES_ALL: Final = "READ|WRITE|DELETE"
RANGES: Final = ((0, 1), (0, 2), (1, 1), (1, 2))
"""Offset and length of what a hold locks: with another's it is the same, has a byte in common, or
none.
"""
ADDED_SHARE: Final = 0.25
ADDED_SERVER: Final = "LOGON9"
ADDED_COMMAND: Final = "EXPLORE.EXE"
LAST_SHARE: Final = 0.6
"""The share of a run in which faults begin: what they put off must come to its end."""
DOWN_S: Final = (60.0, 4 * 3600.0)
"""How long something is down, at least and at most."""
TURNS: Final = 150
CLOSE_S: Final = 0.005
"""Seconds around a moment that still are that moment."""
SERVICES: Final = (
    "SMS_SCHEDULER",
    "SMS_LAN_SENDER",
    "SMS_DESPOOLER",
    "SMS_MAINTENANCE_MANAGER",
    "SMS_INVENTORY_DATA_LOADER",
)

S = TypeVar("S")


Moments = Mapping[str, tuple[float, ...]]
"""A kind of thing that happens in a run to when, in seconds from its start."""


def moments_of(records: Iterable[Record], scenario: Scenario) -> Moments:
    """When anything happens in a run: where to aim. What happens twice is aimed at as often as what
    happens a thousand times.
    """
    shares = frozenset(fold(server.package_share) for server in scenario.server)
    found: dict[str, set[float]] = {}
    for record in records:
        at = record.at - scenario.start
        if not isinstance(record.data, StepTaken | ExpectationChecked | RunEnded) and (
            0 < at < LAST_SHARE * (scenario.end - scenario.start)
        ):
            found.setdefault(_kind_of(record, shares), set()).add(round(at, 3))
    return {kind: tuple(sorted(times)) for kind, times in sorted(found.items())}


def _kind_of(record: Record, package_shares: frozenset[str]) -> str:
    """What a record is one of many of: its kind, who did it, with what."""
    fact = record.data
    share, path = getattr(fact, "share", ""), getattr(fact, "path", "")
    role = role_of(share, path, package_shares) if share else ""
    program = getattr(fact, "program", "") or record.actor.partition("/")[2]
    return ", ".join((fact.KIND, without_ids(program), role))


def is_as_written(seed: int) -> bool:
    """Whether the world of a seed has all that the file says and nothing else."""
    return seed == 0 or Variation(seed, WIDE).draw("explore", "as written") < AS_WRITTEN_SHARE


def swarm_world(scenario: Scenario, seed: int, moments: Moments) -> Scenario:
    """The scenario of one world, to be run with that seed."""
    if is_as_written(seed):
        is_asked = bool(world_of(scenario, seed).expect)  # the rules are, where nothing else is
        return scenario if is_asked else msgspec.structs.replace(scenario, expect=[])
    draws = _Draws(Variation(seed, WIDE), _with_server(scenario, seed), moments)
    scenario = draws.scenario
    steps = feasible(scenario, [*_kept(draws), *draws.faults()])
    worlds = msgspec.structs.replace(scenario.worlds, jitter=OFF) if draws.is_aimed else None
    return msgspec.structs.replace(
        scenario,
        step=steps,
        expect=[],
        worlds=worlds or scenario.worlds,
        program=[*scenario.program, *draws.programs(steps)],
    )


def _with_server(scenario: Scenario, seed: int) -> Scenario:
    """The scenario, one time in four with a second distribution server for the first site."""
    main = scenario.site[0].code
    ours = [server for server in scenario.server if (server.site or main) == main]
    is_added = Variation(seed, WIDE).draw("explore", "added", "server") < ADDED_SHARE
    if len(ours) != 1 or not is_added:
        return scenario
    more = Server(name=ADDED_SERVER, roles=["distribution"], site=ours[0].site)
    return msgspec.structs.replace(scenario, server=[*scenario.server, more])


def _kept(draws: _Draws) -> Iterator[Step]:
    """The steps of the file that this world has."""
    left_out = {name for name in FAMILIES.values() if draws.is_drawn("left out", name)}
    for number, step in enumerate(draws.scenario.step):
        if FAMILIES.get(type(step)) in left_out:
            continue
        if isinstance(step, HoldStep):
            if draws.is_drawn("hold left out", number):
                continue
            # an open that is refused is what this world is about, and no mistake of the file
            yield msgspec.structs.replace(step, may_fail=True)
        elif isinstance(step, ExecuteStep):
            # nor is a user who finds nothing to run
            yield msgspec.structs.replace(step, may_fail=True)
        else:
            yield step


class _Draws:
    """The draws of one world."""

    def __init__(self, world: Variation, scenario: Scenario, moments: Moments) -> None:
        self.scenario = scenario
        self._world = world
        self._moments = moments
        self.is_aimed = bool(moments) and self.number("aimed") < AIMED_SHARE

    def number(self, *name: object) -> float:
        """From 0 to below 1."""
        return self._world.draw("explore", *name)

    def is_drawn(self, *name: object) -> bool:
        """One time in two."""
        return self.number(*name) < LEFT_OUT_SHARE

    def one_of(self, them: Sequence[S], *name: object) -> S:
        """One of them."""
        return them[int(self.number(*name) * len(them))]

    def faults(self) -> Iterator[Step]:
        """The faults of this world's own."""
        families: dict[str, Callable[[str, float], list[Step]]] = {
            "update": self._update,
            "command": self._command,
            "remove": self._remove,
            "kill": self._kill,
            "link": self._link,
            "service": self._service,
            "power": self._power,
            "hold": self._hold,
        }
        for family, make in families.items():
            if self.is_drawn("added", family):
                continue
            for number in range(1 + int(self.number("count", family) * FAULTS_MAX)):
                name = f"{family} {number}"
                yield from make(name, self._at(name))

    def programs(self, steps: Iterable[Step]) -> list[Program]:
        """What the command that is added does in this world: in half of them it reports by a status
        MIF, in a quarter that it has failed, in one of eight it fails and writes none.
        """
        if not any(isinstance(step, JobStep) and step.command == ADDED_COMMAND for step in steps):
            return []
        fate = self.number("program")
        if fate >= 3 / 8 + ADDED_SHARE:
            return []
        if fate < 1 / 8:
            return [Program(command=ADDED_COMMAND, exit_code=3)]
        failed = StatusMifSpec(status="Failed", description="It was to fail.")
        mif = failed if fate < 3 / 8 else StatusMifSpec(description="It went well.")
        return [Program(command=ADDED_COMMAND, mif=mif)]

    def _at(self, name: str) -> float:
        if self.is_aimed:
            kind = self.one_of(list(self._moments), "kind", name)
            moment = self.one_of(self._moments[kind], "moment", name)
            return round(moment + (self.number("close", name) - 0.5) * 2 * CLOSE_S, 3)
        length = self.scenario.end - self.scenario.start
        return round(self.number("at", name) * LAST_SHARE * length, 3)

    def _for_s(self, name: str) -> float:
        """A span: short ones are as likely as long ones."""
        least, most = DOWN_S
        room = (self.scenario.end - self.scenario.start) * (1 - LAST_SHARE) / 2
        span_s = least * (most / least) ** self.number("for", name)
        return max(1.0, float(round(min(room, span_s))))

    def _update(self, name: str, at: float) -> list[Step]:
        """Another update of a package, by a job that shares it."""
        packages = [package for package in self.scenario.package if package.files]
        if not packages:
            return []
        package = self.one_of(packages, "package", name)
        when = span_text(max(0.0, at))
        files = {file: f"{text} ({name})" for file, text in package.files.items()}
        job = JobStep(
            at=when,
            name=_job_name(name),
            package=package.name,
            site=package.site,
            type="share",
            send="even if previously sent",
            refresh_existing=True,
        )
        return [SourceStep(at=when, package=package.name, files=files), job]

    def _command(self, name: str, at: float) -> list[Step]:
        """A command for all clients of a site, or for one. One in four expires; one in four is
        offered only, and cancelled: nobody has run it then, so that it is not Complete.
        """
        machine = self._client(name)
        if not self.scenario.package or not machine:
            return []
        package = self.one_of(self.scenario.package, "package", name)
        for_s = self._for_s(name)
        fate = self.number("fate", name)
        expires, is_cancelled = fate < ADDED_SHARE, fate >= 1 - ADDED_SHARE
        due = span_text(round(for_s * self.number("due", name)))
        job = JobStep(
            at=span_text(max(0.0, at)),
            name=_job_name(name),
            package=package.name,
            site=package.site,
            machines=["*"] if self.is_drawn("all", name) else [machine],
            command=ADDED_COMMAND,
            mandatory_after="" if is_cancelled else due,
            expires_after=span_text(for_s) if expires else "",
        )
        if not is_cancelled:
            return [job]
        when = span_text(max(0.0, at) + for_s)
        return [job, CancelStep(at=when, job=_job_name(name), site=package.site)]

    def _remove(self, name: str, at: float) -> list[Step]:
        if not self.scenario.package:
            return []
        package = self.one_of(self.scenario.package, "package", name)
        when = span_text(max(0.0, at))
        return [
            JobStep(
                at=when,
                name=_job_name(name),
                package=package.name,
                site=package.site,
                type="remove",
            )
        ]

    def _kill(self, name: str, at: float) -> list[Step]:
        """A site's processes die, or one time in four those of another server."""
        when, down = span_text(max(0.0, at)), span_text(self._for_s(name))
        if self.scenario.server and self.number("server dies", name) < ADDED_SHARE:
            server = self.one_of(self.scenario.server, "server", name).name
            return [KillStep(at=when, server=server, down_for=down)]
        site = self.one_of(self.scenario.site, "site", name).code
        return [KillStep(at=when, site=site, down_for=down, turns=self._turns(name))]

    def _turns(self, name: str) -> int:
        """How far into its moment: few turns are as likely as many."""
        return int(TURNS ** self.number("turns", name)) - 1

    def _link(self, name: str, at: float) -> list[Step]:
        if not self.scenario.server:
            return []
        server = self.one_of(self.scenario.server, "server", name).name
        return [
            LinkStep(at=span_text(max(0.0, at)), server=server, up=False),
            LinkStep(at=span_text(max(0.0, at) + self._for_s(name)), server=server, up=True),
        ]

    def _service(self, name: str, at: float) -> list[Step]:
        """A service is restarted, or one time in two stands still for a while."""
        site = self.one_of(self.scenario.site, "site", name).code
        service = self.one_of(SERVICES, "service", name)
        when = max(0.0, at)
        if self.is_drawn("stands still", name):
            until = span_text(when + self._for_s(name))
            return [
                ServiceStep(at=span_text(when), action="pause", service=service, site=site),
                ServiceStep(at=until, action="resume", service=service, site=site),
            ]
        return [
            ServiceStep(
                at=span_text(when),
                action="restart",
                service=service,
                site=site,
                turns=self._turns(name),
            )
        ]

    def _power(self, name: str, at: float) -> list[Step]:
        machine = self._client(name)
        if not machine:
            return []
        return [
            PowerStep(at=span_text(max(0.0, at)), machine=machine, on=False),
            PowerStep(at=span_text(max(0.0, at) + self._for_s(name)), machine=machine, on=True),
        ]

    def _hold(self, name: str, _at: float) -> list[Step]:
        """A file is held, and its moment is any of the time that it is; one in four is held for
        writing. One time in two it is the file, and the moment, of the first hold. One file in four
        is one whose holders share all and lock ranges, some for a part of the time.
        """
        place = name if self.is_drawn("elsewhere", name) else FIRST_HOLD
        at = self._at(place)
        packages = [package for package in self.scenario.package if package.files]
        machine = self._client(name)
        if not packages or not machine:
            return []
        package = self.one_of(packages, "package", place)
        servers = [one.name for one in self._of_site(package.site) if "distribution" in one.roles]
        for_s = self._for_s(name)
        locks = self.number("locks", place) < ADDED_SHARE
        writes = self.number("writes", name) < ADDED_SHARE
        return [
            HoldStep(
                at=span_text(max(0.0, round(at - for_s * self.number("before", name), 3))),
                machine=machine,
                package=package.name,
                server=self.one_of(servers, "server", place) if len(servers) > 1 else "",
                file=self.one_of(sorted(package.files), "file", place),
                access="READ|WRITE" if writes else "READ",
                share_mode=SHARES_ALL if locks else self.one_of(SHARE_MODES, "share mode", name),
                locks=[self._range(name, for_s), self._last_range(name, for_s)] if locks else [],
                for_=span_text(for_s),
                may_fail=True,
            )
        ]

    def _range(self, name: str, held_s: float) -> HeldRange:
        """What a hold locks: one time in two some time after it was opened, and one time in two it
        is unlocked before the file is closed.
        """
        offset, length = self.one_of(RANGES, "range", name)
        for_s = max(1.0, round(held_s * self.number("locked", name)))
        after_s = float(round(held_s * self.number("locked after", name)))
        return HeldRange(
            offset=offset,
            length=length,
            shared=self.number("shared", name) < ADDED_SHARE,
            after=span_text(after_s if self.is_drawn("later", name) else 0.0),
            for_=span_text(for_s) if self.is_drawn("unlocked", name) else "",
        )

    def _last_range(self, name: str, held_s: float) -> HeldRange:
        """What it locks when most of its time is over, and others have closed the file."""
        offset, length = self.one_of(RANGES, "last range", name)
        after_s = float(round(held_s * (0.5 + 0.5 * self.number("last", name))))
        return HeldRange(offset=offset, length=length, after=span_text(after_s))

    def _of_site(self, site: str) -> list[Server]:
        """The servers of a site; that of the first for none."""
        main = self.scenario.site[0].code
        return [one for one in self.scenario.server if (one.site or main) == (site or main)]

    def _client(self, name: str) -> str:
        groups: list[Clients] = [g for g in self.scenario.clients if g.names or g.count]
        if not groups:
            return ""
        return self.one_of(self.one_of(groups, "group", name).expand(), "client", name)


def _job_name(drawn: str) -> str:
    return drawn.replace(" ", "-")
