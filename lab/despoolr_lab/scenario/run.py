"""One run of a scenario, from a file and some options to a `RunResult`: the same code in virtual,
scaled and real time.

The law: the timeline is done at its times, expectations before steps where they fall together;
nothing is made true that the world did not do. In virtual time the same seed gives the same
records, to the byte: their digest says so.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_app.site_client.errors import SiteError
from despoolr_core.articles import article_of
from despoolr_core.profile import Profile, profile_of, with_overrides
from despoolr_core.records.kinds.run import ExpectationChecked, StepTaken
from despoolr_core.records.stream import Record, Recorder, encode, of
from despoolr_core.records.view import RunView
from despoolr_core.rules.fold import fold
from despoolr_core.share.wire import EpisodeRow
from despoolr_core.times import moment_s, span
from despoolr_core.timing import VIRTUAL, Timing
from despoolr_lab.scenario.expectations import Finding, all_episodes, check
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.steps import StepError, do_step
from despoolr_lab.scenario.surroundings import Surroundings
from despoolr_lab.scenario.tables.steps import JobStep, SourceStep
from despoolr_lab.scenario.verdicts.sentence import verdict_of
from despoolr_lab.scenario.verdicts.verdict_run import VerdictRun
from despoolr_lab.scenario.world import World
from despoolr_lab.scenario.worlds import Variation, world_of
from despoolr_lab.sim.network import Network
from despoolr_lab.sim.sockets import SocketNetwork
from despoolr_lab.sim.world import run_virtual
from despoolr_server.database.memory import MemoryDatabase
from despoolr_server.database.protocol import Database
from despoolr_server.files import FileStore, MemoryFileStore

LEASE_VIRTUAL_S = 3600.0
LEASE_REAL_S = 60.0
PROGRESS_STEPS = 200
NOTES_MAX = 20

Progress = Callable[[float, float, str], None]
"""`progress(site time now, end, what happens)`: called now and then, and at every step."""
Until = Callable[[float], bool]
"""`until(site time now)`: whether the run may end already. It is asked now and then once no step is
left; what is expected at the end is looked at then.
"""

Look = Callable[[World], Awaitable[Any]]


class Carrier(StrEnum):
    """As function calls, or as the bytes of HTTP."""

    CALLS = "calls"
    BYTES = "bytes"


class RunOptions(msgspec.Struct, frozen=True):
    """What a caller may change about a run. `for_s` 0: as the scenario says; `versions` by site, or
    one for the first site.
    """

    version: str = ""
    fix: tuple[str, ...] = ()
    bug: tuple[str, ...] = ()
    overrides: dict[str, Any] = msgspec.field(default_factory=dict)
    seed: int | None = None
    timing: Timing = VIRTUAL
    clients: int | None = None
    for_s: float = 0.0
    carrier: Carrier = Carrier.CALLS
    """How calls cross the simulated network; the records are the same."""
    directory: Path | None = None
    """Where the shares' files, logs and records go; None: memory (virtual) or a temporary
    directory.
    """


class RunResult(msgspec.Struct):
    """What a run found out; the JSON of design.md section 5 is made of it."""

    scenario: Scenario
    version: str
    seed: int
    timing: Timing
    findings: list[Finding]
    verdict: str
    job: dict[str, Any]
    jobs: list[dict[str, Any]]
    workstations: dict[str, str]
    episodes: list[Any]
    digest: str
    records: list[Record]
    virtual_s: float
    notes: list[str] = msgspec.field(default_factory=list)
    """What a reader should know beside the verdict: steps that a share refused."""
    wall_s: float = 0.0
    seen: Any = None
    """What `look` says of the world's end."""

    @property
    def passed(self) -> bool:
        """Whether all expectations of the scenario hold."""
        return all(finding.ok for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """One object, keys as design.md section 5 names them."""
        return {
            "kb": self.scenario.article,
            "scenario": self.scenario.name,
            "version": self.version,
            "seed": self.seed,
            "time": str(self.timing),
            "passed": self.passed,
            "verdict": self.verdict,
            "notes": self.notes,
            "expectations": [
                {"name": f.name, "expected": f.expected, "actual": f.actual, "ok": f.ok}
                for f in self.findings
            ],
            "job": self.job,
            "jobs": self.jobs,
            "workstations": self.workstations,
            "episodes": self.episodes,
            "digest": self.digest,
            "records": len(self.records),
            "virtual_s": round(self.virtual_s, 3),
            "wall_s": round(self.wall_s, 3),
        }


class Digest:
    """A running SHA-256 over the records, and the records themselves."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.records: list[Record] = []

    def __call__(self, record: Record) -> None:
        self._hash.update(encode(record) + b"\n")
        self.records.append(record)

    def hexdigest(self) -> str:
        """The SHA-256 of all records so far, in hex."""
        return self._hash.hexdigest()


def profiles_of(scenario: Scenario, options: RunOptions) -> dict[str, Profile]:
    """Each site's profile: its version (or the wished one, for the first site), then its own, the
    switches, the overrides.
    """
    profiles: dict[str, Profile] = {}
    for number, site in enumerate(scenario.site):
        version = options.version if options.version and number == 0 else site.version
        profile = with_overrides(profile_of(version), site.profile)
        for kb in options.bug:
            profile = _switch_bug(profile, kb)
        for kb in options.fix:
            profile = with_overrides(profile, article_of(kb).fix)
        profiles[site.code] = with_overrides(profile, options.overrides)
    return profiles


def _switch_bug(profile: Profile, kb: str) -> Profile:
    article = article_of(kb)
    return profile if article.has_fault(profile) else with_overrides(profile, article.bug)


def run_scenario(
    scenario: Scenario,
    options: RunOptions,
    listeners: list[Any] | None = None,
    progress: Progress | None = None,
    until: Until | None = None,
    look: Look | None = None,
) -> RunResult:
    """Run it and say what was found; expectations that fail are in the result. `look` sees the
    world as it is at the end, before it is taken apart: `RunResult.seen` is what it says.

    Raises `StepError` for a step that cannot be done, and what a bug of ours raises.
    """
    scenario = _adapted(scenario, options)
    seed = scenario.run.seed if options.seed is None else options.seed
    variation = Variation.of(scenario, seed)
    expected_count = len(scenario.expect)
    scenario = world_of(scenario, seed)
    _refuse_nothing_expected(scenario, profiles_of(scenario, options), expected_count)
    try:
        if options.timing.is_virtual:
            return run_virtual(
                lambda: _run(
                    scenario, options, variation, listeners or [], progress, None, until, look
                ),
                seed=seed,
                epoch=scenario.start,
            )
        from despoolr_app.process.supervisor import run_in_order  # noqa: PLC0415

        if options.directory is not None:
            return run_in_order(
                _run(
                    scenario,
                    options,
                    variation,
                    listeners or [],
                    progress,
                    options.directory,
                    until,
                    look,
                )
            )
        with tempfile.TemporaryDirectory(prefix="despoolr-") as directory:
            return run_in_order(
                _run(
                    scenario,
                    options,
                    variation,
                    listeners or [],
                    progress,
                    Path(directory),
                    until,
                    look,
                )
            )
    except ExceptionGroup as group:
        wrong: BaseException | None = group.subgroup(StepError)
        while isinstance(wrong, BaseExceptionGroup):
            wrong = wrong.exceptions[0]
        if wrong is None:
            raise
        raise wrong from None


def _adapted(scenario: Scenario, options: RunOptions) -> Scenario:
    if options.clients is not None:
        groups = [g for g in scenario.clients if g.count]
        if groups:
            groups[-1].count = options.clients
    if options.for_s:
        scenario.run.for_ = f"{options.for_s}s"
    return scenario


def _surroundings(
    scenario: Scenario, options: RunOptions, seed: int, directory: Path | None
) -> Surroundings:
    if options.timing.scale is None:
        files = options.directory
        return Surroundings(
            clock=LoopClock(scenario.start),
            network=Network(seed=seed, carries_values=options.carrier is Carrier.CALLS),
            store=(lambda m, n: disk_store(files, m, n, threads=False))
            if files
            else (lambda _m, _n: MemoryFileStore()),
            database=lambda site: _file_database(files, site) if files else MemoryDatabase(),
            lease_s=LEASE_VIRTUAL_S,
        )
    assert directory is not None
    root, scale = directory, options.timing.scale
    return Surroundings(
        clock=LoopClock(scenario.start, scale),
        network=SocketNetwork(),
        store=lambda m, n: disk_store(root, m, n, threads=True),
        database=lambda site: _file_database(root, site, has_thread=True),
        lease_s=LEASE_REAL_S * scale,
    )


def disk_store(root: Path, machine: str, name: str, *, threads: bool) -> FileStore:
    """A share's files in a directory of this machine, laid out as `<root>/<MACHINE>/<share>`."""
    from despoolr_server.files.disk import DiskFileStore  # noqa: PLC0415

    directory = root / machine / name
    directory.mkdir(parents=True, exist_ok=True)
    return DiskFileStore(directory, threads=threads)


def _file_database(directory: Path, site: str, *, has_thread: bool = False) -> Database:
    from despoolr_server.database.database import InlineDatabase, ThreadedDatabase  # noqa: PLC0415

    return (ThreadedDatabase if has_thread else InlineDatabase)(f"sqlite:///{directory}/{site}.db")


async def _run(
    scenario: Scenario,
    options: RunOptions,
    variation: Variation,
    listeners: list[Any],
    progress: Progress | None,
    directory: Path | None,
    until: Until | None,
    look: Look | None,
) -> RunResult:
    seed = variation.seed
    surroundings = _surroundings(scenario, options, seed, directory)
    profiles = profiles_of(scenario, options)
    digest = Digest()
    recorder = Recorder(surroundings.clock.now, [digest, *listeners])
    first = scenario.site[0]
    result: RunResult | None = None
    async with asyncio.TaskGroup() as group:
        world = World(scenario, profiles, surroundings, recorder, variation, group)
        try:
            await world.start()
            findings = await _timeline(world, digest, profiles, progress, until)
            result = await _result(
                world, findings, profiles[first.code].version, seed, options.timing, digest
            )
            if look is not None:
                result.seen = await look(world)
        finally:
            recorder.end("scenario", reason="time up" if result is not None else "ended early")
            await world.stop()
    assert result is not None
    result.digest = digest.hexdigest()  # of everything, the end included: what records.jsonl holds
    return result


class _Entry(NamedTuple):
    """Of two entries no first three are equal."""

    at: float
    rank: int
    number: int
    what: Any


def _entries(scenario: Scenario, profiles: dict[str, Profile]) -> list[_Entry]:
    """The timeline in order: at one moment, expectations before steps; those of other versions left
    out.
    """
    profile = profiles[scenario.site[0].code]
    start = scenario.start
    entries = [
        _Entry(moment_s(step.at, start), 1, n, step)
        for n, step in enumerate(scenario.step)
        if not step.versions or profile.version in step.versions
    ]
    for n, expectation in enumerate(scenario.expect):
        if expectation.versions and profile.version not in expectation.versions:
            continue
        if not _applies(expectation.when, profiles[expectation.site or scenario.site[0].code]):
            continue
        entries.append(
            _Entry(
                moment_s(expectation.at, start) if expectation.at else scenario.end,
                0,
                n,
                expectation,
            )
        )
    # A run cut short (`--for`) leaves out what would come later.
    return sorted(entry for entry in entries if entry.at <= scenario.end)


def _refuse_nothing_expected(
    scenario: Scenario, profiles: dict[str, Profile], expected_count: int
) -> None:
    """Raises `StepError` where a file has so many expectations and none of them is asked."""
    if not expected_count or any(entry.rank == 0 for entry in _entries(scenario, profiles)):
        return
    version = profiles[scenario.site[0].code].version
    reason = (
        f"none of the {expected_count} expectations is asked: they are for other versions than "
        f"{version}, for other settings, or for later than the end of the run"
    )
    if len(scenario.expect) < expected_count:
        reason += ", or of the scenario as written: say --seed 0"
    raise StepError(reason, ["expect", 0, "that"])


def _applies(when: dict[str, Any], profile: Profile) -> bool:
    return all(
        getattr(with_overrides(profile, {name: value}), name) == getattr(profile, name)
        for name, value in when.items()
    )


async def _timeline(
    world: World,
    digest: Digest,
    profiles: dict[str, Profile],
    progress: Progress | None,
    until: Until | None,
) -> list[Finding]:
    scenario, clock = world.scenario, world.clock
    findings: list[tuple[int, Finding]] = []
    entries = _entries(scenario, profiles)
    last_step = max((number for number, one in enumerate(entries) if one.rank), default=-1)
    is_over = False
    for number, entry in enumerate(entries):
        if not is_over:
            is_over = await _wait(world, entry.at, progress, until if number > last_step else None)
        if is_over and entry.at < scenario.end:
            continue  # this was to be looked at later
        if entry.rank == 0:
            finding = await check(world, digest.records, entry.what)
            world.recorder.record(
                "scenario",
                ExpectationChecked(
                    name=finding.name,
                    expected=finding.expected,
                    actual=finding.actual,
                    ok=finding.ok,
                ),
            )
            findings.append((entry.number, finding))
        else:
            tag = entry.what.__struct_config__.tag
            if progress:
                progress(clock.now(), scenario.end, _describe_step(entry.what))
            world.recorder.record("scenario", StepTaken(do=tag, at=entry.what.at))
            refused = await do_step(world, entry.what)
            if refused:
                name = f"{_describe_step(entry.what)} at {entry.what.at}"
                finding = Finding(name, "done", refused, ok=False)
                findings.append((len(scenario.expect) + entry.number, finding))
    if not is_over:
        await _wait(world, scenario.end, progress, until)
    for step, refused in world.refused_later:
        number = next(n for n, one in enumerate(scenario.step) if one is step)
        name = f"{_describe_step(step)} at {step.at}"
        finding = Finding(name, "done", refused, ok=False)
        findings.append((len(scenario.expect) + number, finding))
    return [finding for _, finding in sorted(findings, key=lambda pair: pair[0])]


async def _wait(
    world: World, deadline: float, progress: Progress | None, until: Until | None
) -> bool:
    """Wait for a moment of the timeline, saying now and then how far we are. Returns whether
    `until` had the run end before it.
    """
    clock, scenario = world.clock, world.scenario
    if progress is None and until is None:
        await clock.sleep_until(deadline)
        return False
    part = max(1.0, (scenario.end - scenario.start) / PROGRESS_STEPS)
    while clock.now() < deadline:
        if until and until(clock.now()):
            return True
        await clock.sleep_until(min(deadline, clock.now() + part))
        if progress:
            progress(clock.now(), scenario.end, "")
    await clock.sleep(0)
    return False


def _describe_step(step: Any) -> str:
    who = getattr(step, "machine", "") or getattr(step, "name", "") or getattr(step, "package", "")
    what = getattr(step, "file", "") or getattr(step, "path", "")
    return " ".join(part for part in (step.__struct_config__.tag, who, what) if part)


async def _result(
    world: World, findings: list[Finding], version: str, seed: int, timing: Timing, digest: Digest
) -> RunResult:
    site = world.scenario.site[0].code
    shown: list[Any] = []
    with suppress(SiteError):  # a site may be down at the end: then nobody can be asked
        jobs = (await world.api(site, "GET", "jobs"))["jobs"]
        shown = [await world.api(site, "GET", f"jobs/{job['job']}") for job in jobs]
    last = shown[-1] if shown else {"job": {}, "details": []}
    workstations: dict[str, str] = {}
    for item in shown:
        workstations |= {
            d["machine"]: d["status"] for d in item["details"] if d["kind"] == "Workstation"
        }
    episodes = all_episodes(world)
    return RunResult(
        scenario=world.scenario,
        version=version,
        seed=seed,
        timing=timing,
        findings=findings,
        verdict=verdict_of(_verdict_run(world, episodes, digest.records)),
        job={**last["job"], "details": last["details"]} if last["job"] else {},
        jobs=[_summary(item) for item in shown],
        workstations=workstations,
        episodes=episodes,
        digest="",
        records=digest.records,
        virtual_s=world.clock.now() - world.scenario.start,
        notes=_notes(world.scenario, version, digest.records),
    )


def _notes(scenario: Scenario, version: str, records: list[Record]) -> list[str]:
    """What speaks against a run: a version that the scenario is not about, and steps that a share
    refused, so that what was meant by them did not happen.
    """
    notes = []
    if scenario.versions and version not in scenario.versions:
        spoken = ", ".join(scenario.versions)
        notes.append(f"the scenario does not speak of SMS {version}, but of {spoken}")
    for record, step in of(records, StepTaken):
        if isinstance(step.result, dict) and step.result.get("refused"):
            when = span(record.at - scenario.start)
            notes.append(f"step {step.do} after {when} was refused: {step.result['refused']}")
        if isinstance(step.result, dict) and step.result.get("range_refused"):
            when = span(record.at - scenario.start)
            notes.append(
                f"a range that step {step.do} was to lock was refused after {when}: "
                f"{step.result['range_refused']}"
            )
    return notes[:NOTES_MAX]


def _summary(item: Any) -> dict[str, Any]:
    """One job for the JSON result: its states over time are in the records."""
    servers = {d["machine"]: d["status"] for d in item["details"] if d["kind"] == "Server"}
    return {
        "job": item["job"]["job"],
        "name": item["job"]["name"],
        "status": item["job"]["status"],
        "servers": servers,
    }


def _verdict_run(world: World, episodes: list[EpisodeRow], records: list[Record]) -> VerdictRun:
    scenario = world.scenario
    changed = [name for s in scenario.step if isinstance(s, SourceStep) for name in s.files]
    return VerdictRun(
        article=scenario.article,
        site=scenario.site[0].code,
        start=scenario.start,
        jobs=[step for step in scenario.step if isinstance(step, JobStep)],
        machines=sorted(name for group in scenario.clients for name in group.names),
        without_pcm=[server.name for server in scenario.server if server.is_netware],
        changed=frozenset(fold(name) for name in changed),
        profiles=world.profiles,
        episodes=episodes,
        records=records,
        view=RunView(records),
    )
