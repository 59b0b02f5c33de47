"""Answers of commands that study worlds, loads and soaks. Spans are seconds."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from despoolr_lab.breaking.tables import BrokenSpan
from despoolr_lab.load.measure.judgement import LoadFinding
from despoolr_lab.load.outcome.compare import ComparedMeasure
from despoolr_lab.soak.drift import DriftVerdict


class RefusedWorld(Struct):
    """A world that could not be run."""

    seed: int
    why: str


class FailureTold(Struct):
    """A kind of failure: in how many worlds, and the first of them."""

    kind: str
    role: str
    program: str
    strategy: str
    worlds: int
    first: int
    text: str


class ExploreAnswer(Struct):
    """`explore`: what went wrong in many worlds of a scenario."""

    scenario: str
    seeds: str
    interrupted: bool
    worlds: int
    as_written: int
    refused: list[RefusedWorld]
    failures: list[FailureTold]
    wall_s: float


class ShrinkAnswer(Struct):
    """`shrink`: the smallest scenario found that fails in the same way, as a file."""

    key: str
    text: str
    runs: int
    cuts: list[str]
    repeatable: bool | None
    digest: str
    interrupted: bool
    scenario: str


class LintRemark(Struct):
    """What a scenario leaves unchecked, and where."""

    line: int
    column: int
    kind: str
    text: str


class LintAnswer(Struct):
    """`scenario lint`: what it has to say of a file."""

    scenario: str
    remarks: list[LintRemark]


class CompareAnswer(Struct):
    """`compare`: the runs of both sides, what was broken in each of them, and each measure."""

    a: list[str]
    b: list[str]
    differences: list[str]
    warnings: list[str]
    faults: dict[str, list[BrokenSpan]]
    measures: list[ComparedMeasure]
    worse: list[str]
    exit_code: int


# -- loads


class ClassCounts(Struct):
    """How often each class of a histogram was met."""

    counts: list[tuple[int, int]]
    sum_us: int
    max_us: int


class PollTimes(Struct):
    """Polls, and how long they took."""

    count: int
    failed: int
    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    mean_ms: float
    histogram: ClassCounts


class LoadPolls(PollTimes):
    """The polls of a load, and of its parts."""

    per_s: float
    served_p50_ms: float
    served_p99_ms: float
    groups: dict[str, PollTimes]
    servers: dict[str, PollTimes]


class LoadClients(Struct):
    """Clients that were asked for, and that there were."""

    wanted: int
    there: int


class MeasuredSpan(Struct):
    """The seconds of a load that count."""

    first_second: int
    seconds: int


class LoadGenerator(Struct):
    """The processes that made the load."""

    processes: int
    cpu_shares: list[float]
    cpu_peaks: list[float]
    late: int
    late_share: float
    lag_p99_ms: float
    lag_max_ms: float
    waited: int


class LoadRefusals(Struct):
    """Refused opens of one program on one share."""

    share: str
    program: str
    count: int


class LoadJobTold(Struct):
    """A job, and its details counted by kind and status."""

    name: str
    job: str
    status: str
    targets: int
    rows: dict[str, dict[str, int]]


class LoadReports(Struct):
    """Results that clients sent, and that the site counted."""

    sent: int
    counted: int
    unsent: int


class LoadHolders(Struct):
    """Files that were to be held."""

    wanted: int
    made: int
    broken: int
    lost: str


class LoadMachine(Struct):
    """The machine that made the load, and how busy it was."""

    system: str
    python: str
    processors: int
    busy_share: float | None
    stolen_share: float | None


class LoadAnswer(Struct):
    """`load`: its `summary.json`; `file` is the load as it was run."""

    run: str
    kind: str
    load: str
    title: str
    stamp: str
    seed: int
    time: str
    interrupted: bool
    aborted: str
    valid: bool
    settled: bool
    passed: bool
    exit_code: int
    verdict: str
    reasons: list[str]
    expectations: list[LoadFinding]
    clients: LoadClients
    polls: LoadPolls
    measured: MeasuredSpan
    generator: LoadGenerator
    refusals: list[LoadRefusals] | None
    episodes: dict[str, int] | None
    jobs: list[LoadJobTold] | None
    reports: LoadReports
    settled_s: float | None
    holders: LoadHolders
    queues: dict[str, int]
    wall_s: float
    machine: LoadMachine
    faults: list[BrokenSpan]
    notes: list[str]
    file: dict[str, Any]


# -- soaks


class SoakStep(Struct):
    """What happens in a soak, and until when."""

    at_s: float
    what: str
    on: str
    how: str
    until_s: float


class SoakPlanAnswer(Struct):
    """`soak --plan`: what is to happen, by time."""

    round_s: float
    steps: list[SoakStep]


class SoakDone(Struct):
    """What was done in a soak."""

    jobs: int
    reports: int
    failed_runs: int
    restarts: int
    cuts: int
    connections_reset: int
    files_held: int
    holders_vanished: int
    faults: int
    samples_unanswered: int


class SoakResource(Struct):
    """A resource of a process, and whether it grows; with a trend where it was watched long
    enough.
    """

    process: str
    resource: str
    verdict: DriftVerdict
    limit_per_hour: float
    per_hour: float | UnsetType = UNSET
    low: float | UnsetType = UNSET
    high: float | UnsetType = UNSET
    level: float | UnsetType = UNSET
    first: float | UnsetType = UNSET
    last: float | UnsetType = UNSET
    span_s: float | UnsetType = UNSET


class SoakCount(Struct):
    """Something that must come out exactly."""

    name: str = field(name="count")
    expected: int
    actual: int
    ok: bool
    examples: list[str]
    is_about_validity: bool | UnsetType = UNSET


class SoakAnswer(Struct):
    """`soak`, `soak --judge`: its `summary.json`; one that was killed did not tell what it did."""

    clients: int
    for_s: float
    scale: float
    seed: int
    passed: bool
    exit_code: int
    interrupted: bool
    verdict: str
    warm_up_s: float
    resources: list[SoakResource]
    counts: list[SoakCount]
    ended_at_s: float | UnsetType = UNSET
    done: SoakDone | UnsetType = UNSET
    faults: list[BrokenSpan] | UnsetType = UNSET
    fell: str | UnsetType = UNSET
    has_lost_clients: bool | UnsetType = UNSET
