"""One run of a scenario, from a file and some options to a `RunResult`: the same code in virtual,
scaled and real time.

The law: in virtual time the same seed gives the same records, to the byte: their digest says so.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_app.site_client.errors import SiteError
from despoolr_core.articles import article_of
from despoolr_core.profile import Profile, profile_of, with_overrides
from despoolr_core.records.kinds.run import StepTaken
from despoolr_core.records.stream import Record, Recorder, encode, of
from despoolr_core.records.view import RunView
from despoolr_core.rules.fold import fold
from despoolr_core.share.wire import EpisodeRow
from despoolr_core.times import span
from despoolr_core.timing import VIRTUAL, Timing
from despoolr_lab.scenario.expectations import Finding, all_episodes
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.steps import StepError
from despoolr_lab.scenario.surroundings.surroundings import in_virtual_time, of_this_machine
from despoolr_lab.scenario.tables.steps import JobStep, SourceStep
from despoolr_lab.scenario.timeline import Progress, Until, play, refuse_nothing_expected
from despoolr_lab.scenario.verdicts.sentence import verdict_of
from despoolr_lab.scenario.verdicts.verdict_run import VerdictRun
from despoolr_lab.scenario.world import World
from despoolr_lab.scenario.worlds import Variation, world_of
from despoolr_lab.sim.world import run_virtual

NOTES_MAX = 20

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

    Raises `StepError` for a step that cannot be done, `ProfileError` for a version or behaviour
    that there is not, and what a bug of ours raises.
    """
    scenario = _adapted(scenario, options)
    seed = scenario.run.seed if options.seed is None else options.seed
    variation = Variation.of(scenario, seed)
    expected_count = len(scenario.expect)
    scenario = world_of(scenario, seed)
    refuse_nothing_expected(scenario, profiles_of(scenario, options), expected_count)

    def run(directory: Path | None) -> Coroutine[Any, Any, RunResult]:
        return _run(scenario, options, variation, directory, listeners or [], progress, until, look)

    try:
        if options.timing.is_virtual:
            return run_virtual(lambda: run(options.directory), seed=seed, epoch=scenario.start)
        from despoolr_app.process.children.supervisor import run_in_order  # noqa: PLC0415

        if options.directory is not None:
            return run_in_order(run(options.directory))
        with tempfile.TemporaryDirectory(prefix="despoolr-") as directory:
            return run_in_order(run(Path(directory)))
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
        scenario.run.last(options.for_s)
    return scenario


async def _run(
    scenario: Scenario,
    options: RunOptions,
    variation: Variation,
    directory: Path | None,
    listeners: list[Any],
    progress: Progress | None,
    until: Until | None,
    look: Look | None,
) -> RunResult:
    seed, scale = variation.seed, options.timing.scale
    if scale is None:
        values = options.carrier is Carrier.CALLS
        surroundings = in_virtual_time(scenario.start, seed, directory, carries_values=values)
    else:
        assert directory is not None, "real servers keep files"
        surroundings = of_this_machine(LoopClock(scenario.start, scale), directory)
    profiles = profiles_of(scenario, options)
    digest = Digest()
    recorder = Recorder(surroundings.clock.now, [digest, *listeners])
    first = scenario.site[0]
    result: RunResult | None = None
    async with asyncio.TaskGroup() as group:
        world = World(scenario, profiles, surroundings, recorder, variation, group)
        try:
            await world.start()
            findings = await play(world, digest.records, progress, until)
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
