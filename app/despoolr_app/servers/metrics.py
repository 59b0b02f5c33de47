"""What a running server counts beyond its opens: the depth of every box, jobs and their rows,
services, fleets, faults.

The law: asking costs little, however much there is. A box that did not change is not listed again;
the database is asked at most once in `REFRESH_S`, and only after the site recorded something.
Labels are boxes, kinds, statuses and components, never a machine. The names are in docs/metrics.md.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from despoolr_core.records.stream import Record
from despoolr_core.share.fault_api import KINDS
from despoolr_server.database.protocol import Connection
from despoolr_server.engine.names import ROOT, Name, parse_name
from despoolr_server.faults.book import FaultBook
from despoolr_server.files import FileStore, StoreError
from despoolr_server.site.services.service import Executive
from despoolr_server.site.state.context import SiteContext
from despoolr_server.site.state.rows.slots import SlotTable

REFRESH_S: Final = 5.0
"""Seconds of this machine's time from what is recorded to a question to the database."""

DIRECTORIES_KNOWN_MAX: Final = 10_000
"""Directories in boxes whose depth is remembered until they change."""


class FaultMetrics(Collector):
    """What somebody has broken on purpose now, by the names of faults."""

    def __init__(self, book: FaultBook | None) -> None:
        self._book = book

    def collect(self) -> Iterator[Metric]:
        """How many faults of each name last; none where nobody may break the server."""
        family = GaugeMetricFamily(
            "despoolr_faults", "Faults that last, caused on purpose.", labels=["fault"]
        )
        lasting = Counter(row.fault for row in self._book.rows) if self._book else Counter[str]()
        for name in KINDS:
            family.add_metric([name], lasting[name])
        yield family


class BoxMetrics(Collector):
    """How many files wait in each box of a share: in the directory, and in directories right below
    it that are no box.
    """

    def __init__(self, share: str, store: FileStore, boxes: Iterable[str]) -> None:
        self._share = share
        self._store = store
        self._boxes = tuple(boxes)
        self._known: dict[str, tuple[str, int, tuple[str, ...]]] = {}
        self._depths: dict[str, int] = {}

    async def count(self) -> None:
        """Look at the boxes that have changed, in batches."""
        for box in self._boxes:
            self._depths[box] = await self._depth(box, with_below=True)

    def collect(self) -> Iterator[Metric]:
        """The depth of each box, as it was counted last."""
        family = GaugeMetricFamily(
            "despoolr_box_files", "Files that wait in a box.", labels=["share", "box"]
        )
        for box, depth in self._depths.items():
            family.add_metric([self._share, box or self._share], depth)
        yield family

    async def _depth(self, path: str, *, with_below: bool) -> int:
        name = parse_name(path) if path else ROOT
        assert isinstance(name, Name), path
        try:
            facts = self._store.find(name)
            if facts is None:
                return 0
            known = self._known.get(path)
            if known is None or known[0] != facts.etag or not facts.etag:
                count, below = await self._store.tally(name)
                if len(self._known) >= DIRECTORIES_KNOWN_MAX:
                    self._known.clear()  # clients make directories in boxes, and take them away
                known = self._known[path] = (facts.etag, count, tuple(sorted(below)))
        except StoreError:
            return 0
        depth = known[1]
        if with_below:
            for other in known[2]:
                if other not in self._boxes:
                    depth += await self._depth(other, with_below=False)
        return depth


class SiteMetrics(Collector):
    """Jobs, rows of Job Details, services and fleets of one site. `refresh` runs for as long as the
    site does.
    """

    def __init__(self, site: SiteContext, executive: Executive, slots: SlotTable) -> None:
        self._site = site
        self._executive = executive
        self._slots = slots
        self._jobs: Sequence[tuple[str, int]] = ()
        self._details: Sequence[tuple[str, str, int]] = ()
        self._loaded = 0
        self._actors = f"{site.code}/"
        self._has_news = asyncio.Event()

    def hear(self, record: Record) -> None:
        """A listener on the records: what the site does may change its counts."""
        if not self._has_news.is_set() and record.actor.startswith(self._actors):
            self._has_news.set()

    async def refresh(self) -> None:
        """Keep the counts of rows fresh, for ever. A database that does not answer now is asked
        again.
        """
        while True:
            try:
                self._jobs, self._details, self._loaded = await self._site.database.run(_counts)
            except self._site.database.failures:
                self._has_news.set()
            await self._has_news.wait()
            self._has_news.clear()  # what comes while this waits may be in no row yet when it asks
            await asyncio.sleep(REFRESH_S)

    def collect(self) -> Iterator[Metric]:
        """Every metric of the site."""
        jobs = GaugeMetricFamily("despoolr_jobs", "Jobs by status.", labels=["status"])
        for status, count in self._jobs:
            jobs.add_metric([status], count)
        yield jobs
        details = GaugeMetricFamily(
            "despoolr_job_details", "Rows of Job Details.", labels=["kind", "status"]
        )
        for kind, status, count in self._details:
            details.add_metric([kind, status], count)
        yield details
        yield GaugeMetricFamily(
            "despoolr_reports_loaded", "Reports that count, each once.", self._loaded
        )
        cycles = CounterMetricFamily(
            "despoolr_service_cycles", "Cycles of a service.", labels=["component"]
        )
        paused = GaugeMetricFamily(
            "despoolr_service_paused", "1 for a service that is paused.", labels=["component"]
        )
        for service in self._executive.services:
            cycles.add_metric([service.component], service.cycle_count)
            paused.add_metric([service.component], float(service.is_paused))
        yield cycles
        yield paused
        total = self._slots.sum(asyncio.get_running_loop().time())
        yield GaugeMetricFamily(
            "despoolr_site_clients_wanted",
            "Clients that all fleets are to be together.",
            total.wanted,
        )
        yield GaugeMetricFamily(
            "despoolr_site_clients_leased", "Clients that fleets have leased.", total.leased
        )
        yield GaugeMetricFamily(
            "despoolr_site_clients_live", "Clients that exist, as their fleets say.", total.live
        )
        yield CounterMetricFamily(
            "despoolr_fleets_lapsed",
            "Fleets that fell silent and lost their clients.",
            total.lapsed_count,
        )


def _counts(
    db: Connection,
) -> tuple[Sequence[tuple[str, int]], Sequence[tuple[str, str, int]], int]:
    jobs = db.all('SELECT "Status", count(*) FROM "Jobs" GROUP BY "Status"')
    # in the order of an index: without it, sorting took two thirds of the time
    details = db.all(
        'SELECT "Kind", "Status", sum("Rows") FROM (SELECT "Kind", "Status", count(*) AS "Rows"'
        ' FROM "JobDetails" GROUP BY "JobID", "Kind", "Status") AS "Job" GROUP BY "Kind", "Status"'
    )
    loaded = int(db.value('SELECT count(*) FROM "LoadedReports"'))
    return (
        [(status, count) for status, count in jobs],
        [(kind, status, int(count)) for kind, status, count in details],
        loaded,
    )
