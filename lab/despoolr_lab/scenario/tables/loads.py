"""`[load]` and `[[expect]]` of a load file: how long, how fair the generator must be, and what is
expected in the end.

The law: these are the tables that a load and a scenario with a `[load]` part have in common. What
each expectation looks at is in `load.judgement`.
"""

import math
import re
from typing import Annotated, Final

from msgspec import Meta, field

from despoolr_core.suggest import one_of
from despoolr_core.times import span_s
from despoolr_core.timing import parse_timing
from despoolr_lab.scenario.tables.statuses import EPISODE_STATES, JOB_STATUSES, ROW_STATUSES
from despoolr_lab.toml.tables import Moment, Name, Span, Table
from despoolr_server.site.jobs.model import DetailKind

OVER_S_MAX: Final = 600.0
"""Seconds of a run that are looked at to decide whether it is aborted."""
SHAPES: Final = ("steady", "ramp", "logon storm", "shift change", "night")
"""Ways in which clients come and go over a run; `load.shapes` has their functions."""


class AbortTable(Table, kw_only=True):
    """When a run is not worth going on with: of the polls of the last `over` that have ended,
    more than `failed_share` failed, or the slowest in a hundred took longer than `p99`. This
    machine's time.
    """

    failed_share: Annotated[float, Meta(ge=0, lt=1)] | None = None
    p99: str = ""
    over: Span = "10s"

    def __post_init__(self) -> None:
        if self.failed_share is None and not self.p99:
            raise ValueError("say when: failed_share or p99")
        span_s(self.p99 or "0s")
        if not 1 <= span_s(self.over) <= OVER_S_MAX:
            raise ValueError(f"over is 1s to {OVER_S_MAX:.0f}s, not {self.over}")


class LoadTable(Table, kw_only=True):
    """`[load]`: how long, how much of it is warm-up, which pace the stack must have, what the
    generator may miss.
    """

    for_: Span = field(default="5m", name="for")
    warm_up: Span = "0s"
    settle: Span = "10m"
    """How long after the last poll the site may take until it has counted every report."""
    until_settled: bool = False
    """End as soon as all jobs have ended and every report is counted, though `for` is not over."""
    seed: int = 1
    time: str = ""
    late_max: Span = "50ms"
    """A poll that the generator itself begins later than this was not made as it was meant to be.
    This machine's time.
    """

    abort_when: AbortTable | None = None

    def __post_init__(self) -> None:
        for text in (self.for_, self.late_max):
            if span_s(text) <= 0:
                raise ValueError(f"{text!r} must be longer than 0 s")
        if span_s(self.warm_up) >= span_s(self.for_):
            raise ValueError(
                f"the warm-up of {self.warm_up} leaves nothing of a run of {self.for_} to "
                "be measured"
            )
        span_s(self.settle)
        if self.time and parse_timing(self.time).is_virtual:
            raise ValueError(
                "a stack runs in real or scaled time: time = 'real' or 'xN', such as 'x60'"
            )


# -- what is expected


class LoadExpectTable(Table, tag_field="that", kw_only=True):
    name: str = ""


MAX: Final = 100.0
"""The percentile that is the slowest."""
_PERCENTILE: Final = re.compile(r"p([0-9]{1,2}(?:\.[0-9]{1,3})?)")


def samples_min(percent: float) -> int:
    """Values without which a percentile is the greatest of them and no more."""
    return 1 if percent >= MAX else math.ceil(round(MAX / (MAX - percent), 6))


class PollsExpectation(LoadExpectTable, tag="polls", kw_only=True):
    """Polls, the warm-up's left out: how long they took, how many failed, how many there were. Of
    all, or of one group of `clients`, or those that asked one logon `server` last.
    """

    p50: str = ""
    p99: str = ""
    max: str = ""
    percentiles: dict[str, str] = {}
    failed: int | None = None
    failed_share: Annotated[float, Meta(ge=0, le=1)] | None = None
    at_least: int = 0
    clients: str = ""
    server: str = ""

    def __post_init__(self) -> None:
        for text in self.limits.values():
            span_s(text)
        if not (self.limits or self.at_least) and self.failed is None is self.failed_share:
            raise ValueError(
                "say what is expected of them: p50, p99, max, percentiles, failed, failed_share "
                "or at_least"
            )
        if self.clients and self.server:
            raise ValueError("say either clients or server")

    @property
    def limits(self) -> dict[float, str]:
        """Each percentile to the span that it may take. Raises `ValueError`."""
        named = [(name, text) for name, text in (("p50", self.p50), ("p99", self.p99)) if text]
        found: dict[float, str] = {}
        for name, text in (*named, *self.percentiles.items()):
            if percent_of(name) in found:
                raise ValueError(f"{name} is said twice")
            found[percent_of(name)] = text
        return found | ({MAX: self.max} if self.max else {})


def percent_of(name: str) -> float:
    """The percentile of a name such as `p99.9`. Raises `ValueError`."""
    match = _PERCENTILE.fullmatch(name)
    if match is None or not 0 < float(match[1]) < MAX:
        raise ValueError(f"{name!r} is no percentile such as p95 or p99.9")
    return float(match[1])


class RefusalsExpectation(LoadExpectTable, tag="refusals", kw_only=True):
    """Opens that servers refused during the run; of one `program`, or of all."""

    at_most: int | None = None
    at_least: int = 0
    program: str = ""


class EpisodesExpectation(LoadExpectTable, tag="episodes", kw_only=True):
    """Episodes that began during the run (blocked updates, programs that could not start); those in
    a `state`, or all.
    """

    at_most: int | None = None
    at_least: int = 0
    state: str = ""

    def __post_init__(self) -> None:
        if self.state:
            one_of(self.state, EPISODE_STATES, "state of an episode")


class LoadJobExpectation(LoadExpectTable, tag="job", kw_only=True):
    """A job's overall status is one of these in the end."""

    job: Name
    status: str | list[str] = "Complete"

    def __post_init__(self) -> None:
        for word in [self.status] if isinstance(self.status, str) else self.status:
            one_of(word, JOB_STATUSES, "job status")


class RowsExpectation(LoadExpectTable, tag="rows", kw_only=True):
    """Rows of Job Details of a job (or of all jobs of the file): so many with this status, no more,
    none twice, none missing.
    """

    job: str = ""
    kind: str = "Workstation"
    status: str = "Complete"
    count: int | None = None
    """Left out: one for each client that was to run it."""

    def __post_init__(self) -> None:
        one_of(self.kind, DetailKind, "kind of row")
        one_of(self.status, ROW_STATUSES, "row status")


class ReportsExpectation(LoadExpectTable, tag="reports", kw_only=True):
    """Every report a client handed in is counted at the site, once; none waits on a client."""

    at_least: int = 0


class SettledExpectation(LoadExpectTable, tag="settled", kw_only=True):
    """From the first report handed in until every job has ended and every report is counted. This
    machine's time.
    """

    within: Span

    def __post_init__(self) -> None:
        span_s(self.within)


class QueueExpectation(LoadExpectTable, tag="queue", kw_only=True):
    """The most files that waited in a box, over the run."""

    box: str
    at_most: int


class HoldersExpectation(LoadExpectTable, tag="holders", kw_only=True):
    """Files that holders lost before their time was over: at most so many."""

    broken: int = 0

    def __post_init__(self) -> None:
        if self.broken < 0:
            raise ValueError("the number of holders cannot be negative")


LoadExpectation = (
    PollsExpectation
    | RefusalsExpectation
    | EpisodesExpectation
    | LoadJobExpectation
    | RowsExpectation
    | ReportsExpectation
    | SettledExpectation
    | QueueExpectation
    | HoldersExpectation
)


class LoadPart(LoadTable, kw_only=True):
    """`[load]` of a scenario: how all its clients come, and what is expected of the load, beside
    what every load says.
    """

    shape: str = "steady"
    at: Moment = "0s"
    over: Span = ""
    expect: list[LoadExpectation] = []

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.shape, SHAPES, "shape")
        span_s(self.at)
        span_s(self.over or "0s")
