"""What the processes of a stack say of themselves at one moment: their `/metrics`, as a load run or
a soak needs them.

The law: a sample is one process at one moment, and holds what that process said and no more: a
number it did not tell is None, a table it did not tell is empty. A process that does not answer is
a `ScrapeFailure`, a value like any other; sampling never raises for it. Nothing is judged here,
nothing is kept. The names are those of docs/metrics.md.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

import aiohttp
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from despoolr_app.site_client.client import ServerAddress, SiteClient
from despoolr_app.site_client.errors import NotDespoolr, SiteError, SiteUnreachable
from despoolr_app.site_client.over_aiohttp import aiohttp_transport
from despoolr_core.rules.memory import remembered

TIMEOUT_S: Final = 5.0
"""Seconds of this machine's time a process has for its answer."""
TEXT_SIZE_MAX: Final = 4 * 1024 * 1024
"""Bytes of an answer; one with all its labels at their bounds is smaller than a megabyte."""


class ProcessSample(msgspec.Struct, frozen=True):
    """What it takes from its machine. `memory` is in bytes; `started_at` in seconds since 1970,
    another after a restart.
    """

    memory: float | None = None
    file_descriptors: float | None = None
    tasks: float | None = None
    cpu_s: float | None = None
    started_at: float | None = None


class ShareSample(msgspec.Struct, frozen=True):
    """What its shares hold and have done. Refusals by share and program, requests by method and
    status, since its start.
    """

    opens: float | None = None
    sessions: float | None = None
    episodes_waiting: float | None = None
    uptime_site_s: float | None = None
    remembered: Mapping[str, float] = msgspec.field(default_factory=dict)
    """What is kept of what is over, by kind: it takes memory, up to its bounds."""
    refusals: Mapping[tuple[str, str], float] = msgspec.field(default_factory=dict)
    waiter_site_s: Mapping[tuple[str, str], float] = msgspec.field(default_factory=dict)
    requests: Mapping[tuple[str, str], float] = msgspec.field(default_factory=dict)
    boxes: Mapping[tuple[str, str], float] = msgspec.field(default_factory=dict)
    """Files that wait, by share and box."""


class SiteSample(msgspec.Struct, frozen=True):
    """What a site server counts: jobs by status, rows of Job Details by kind and status, cycles by
    service, clients.
    """

    jobs: Mapping[str, float] = msgspec.field(default_factory=dict)
    details: Mapping[tuple[str, str], float] = msgspec.field(default_factory=dict)
    cycles: Mapping[str, float] = msgspec.field(default_factory=dict)
    reports_loaded: float | None = None
    """Reports that were counted, each once, since the database was made."""
    clients_wanted: float | None = None
    clients_leased: float | None = None
    clients_live: float | None = None
    fleets_lapsed: float | None = None


class FleetSample(msgspec.Struct, frozen=True):
    """What a fleet counts since its start. `poll_classes`: polls that took at most so many seconds,
    by that bound as printed.
    """

    clients_wanted: float | None = None
    clients: float | None = None
    polls: Mapping[str, float] = msgspec.field(default_factory=dict)
    """By what came of them: changed, unchanged, failed."""
    polls_late: float | None = None
    poll_classes: Mapping[str, float] = msgspec.field(default_factory=dict)
    poll_s_sum: float | None = None
    runs: float | None = None
    reports: float | None = None
    reports_unsent: float | None = None
    """Reports that wait for their server."""


class Sample(msgspec.Struct, frozen=True):
    """One process at one moment. `at`: seconds of the asker's loop, when the answer was there;
    `took_s`: how long it took.
    """

    name: str
    at: float
    took_s: float
    process: ProcessSample
    share: ShareSample
    site: SiteSample
    fleet: FleetSample


class ScrapeFailure(msgspec.Struct, frozen=True):
    """A process that gave no answer that counts, when, and why."""

    name: str
    at: float
    reason: str


async def sample(
    http: aiohttp.ClientSession, source: ServerAddress, *, timeout_s: float = TIMEOUT_S
) -> Sample | ScrapeFailure:
    """Ask one process. Never raises for what it answers or fails to answer."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        answer = await SiteClient(aiohttp_transport(http), source, timeout_s=timeout_s).exchange(
            "GET", "/metrics", size_max=TEXT_SIZE_MAX
        )
    except SiteError as error:
        return ScrapeFailure(source.name, loop.time(), _reason(error))
    at = loop.time()
    try:
        return read(source.name, at, at - began, answer.body.decode())
    except ValueError as error:
        return ScrapeFailure(source.name, at, f"not the text of metrics: {error}")


def _reason(error: SiteError) -> str:
    if isinstance(error, SiteUnreachable):
        return error.reason
    return (
        error.reason if isinstance(error, NotDespoolr) and error.reason else f"HTTP {error.status}"
    )


async def sample_all(
    http: aiohttp.ClientSession, sources: Iterable[ServerAddress], *, timeout_s: float = TIMEOUT_S
) -> list[Sample | ScrapeFailure]:
    """Ask all of them at once; the answers in the order of the sources."""
    return list(
        await asyncio.gather(*(sample(http, source, timeout_s=timeout_s) for source in sources))
    )


Labels = tuple[str, ...]
Metrics = Mapping[str, Mapping[Labels, float]]


def read(name: str, at: float, took_s: float, text: str) -> Sample:
    """The sample in the text of `/metrics`. Raises `ValueError` for what is no such text."""
    metrics = _metrics(text)
    return Sample(
        name,
        at,
        took_s,
        ProcessSample(
            memory=_one(metrics, "process_memory_bytes"),
            file_descriptors=_one(metrics, "process_file_descriptors"),
            tasks=_one(metrics, "process_tasks"),
            cpu_s=_one(metrics, "process_cpu_seconds_total"),
            started_at=_one(metrics, "process_start_time_seconds"),
        ),
        ShareSample(
            opens=_one(metrics, "opens"),
            sessions=_one(metrics, "sessions"),
            episodes_waiting=_one(metrics, "episodes_waiting"),
            uptime_site_s=_one(metrics, "uptime_site_seconds"),
            remembered=_by_one(metrics, "remembered"),
            refusals=_by_two(metrics, "refusals_total"),
            waiter_site_s=_by_two(metrics, "waiter_site_seconds"),
            requests=_by_two(metrics, "requests_total"),
            boxes=_by_two(metrics, "box_files"),
        ),
        SiteSample(
            jobs=_by_one(metrics, "jobs"),
            details=_by_two(metrics, "job_details"),
            cycles=_by_one(metrics, "service_cycles_total"),
            reports_loaded=_one(metrics, "reports_loaded"),
            clients_wanted=_one(metrics, "site_clients_wanted"),
            clients_leased=_one(metrics, "site_clients_leased"),
            clients_live=_one(metrics, "site_clients_live"),
            fleets_lapsed=_one(metrics, "fleets_lapsed_total"),
        ),
        FleetSample(
            clients_wanted=_one(metrics, "fleet_clients_wanted"),
            clients=_one(metrics, "fleet_clients"),
            polls=_by_one(metrics, "fleet_polls_total"),
            polls_late=_one(metrics, "fleet_polls_late_total"),
            poll_classes=_by_one(metrics, "fleet_poll_seconds_bucket"),
            poll_s_sum=_one(metrics, "fleet_poll_seconds_sum"),
            runs=_one(metrics, "fleet_runs_total"),
            reports=_one(metrics, "fleet_reports_total"),
            reports_unsent=_one(metrics, "fleet_reports_unsent"),
        ),
    )


LABELS: Final[Mapping[str, Labels]] = {
    "remembered": ("kind",),
    "refusals_total": ("share", "program"),
    "waiter_site_seconds": ("share", "program"),
    "requests_total": ("method", "status"),
    "box_files": ("share", "box"),
    "jobs": ("status",),
    "job_details": ("kind", "status"),
    "service_cycles_total": ("component",),
    "service_paused": ("component",),
    "fleet_polls_total": ("result",),
    "fleet_poll_seconds_bucket": ("le",),
}
"""The labels of a metric, in the order in which its keys have them; one that is not here has
none.
"""
PREFIX: Final = "despoolr_"


SERIES_REMEMBERED_MAX: Final = 8192
"""Series whose names and labels are read once: a process tells the same ones every second."""
SERIES_SIZE_MAX: Final = 512
"""Characters of one that is remembered."""


def _metrics(text: str) -> Metrics:
    found: dict[str, dict[Labels, float]] = defaultdict(dict)
    for line in text.split("\n"):
        if line and not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            name, labels = _series(series)
            found[name][labels] = float(value)
    return found


@remembered(SERIES_REMEMBERED_MAX, SERIES_SIZE_MAX, len)
def _series(text: str) -> tuple[str, Labels]:
    """The name of a series without `PREFIX`, `""` for one that is not ours, and what stands in its
    labels. Raises `ValueError`.
    """
    rows = [row for one in text_string_to_metric_families(f"{text} 0") for row in one.samples]
    if len(rows) != 1 or rows[0].value or rows[0].timestamp is not None:
        raise ValueError(f"{text!r} is no series")
    row = rows[0]
    name = row.name.removeprefix(PREFIX)
    if name == row.name:
        return "", ()
    return name, tuple(row.labels.get(label, "") for label in LABELS.get(name, ()))


def _one(metrics: Metrics, name: str) -> float | None:
    return metrics.get(name, {}).get(())


def _by_one(metrics: Metrics, name: str) -> dict[str, float]:
    return {key[0]: value for key, value in metrics.get(name, {}).items()}


def _by_two(metrics: Metrics, name: str) -> dict[tuple[str, str], float]:
    return {(key[0], key[1]): value for key, value in metrics.get(name, {}).items()}
