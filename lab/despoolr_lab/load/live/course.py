"""What the page of a running load shows: how it goes, against what was planned.

The law: it is the page of a finished load with what is known so far; the plan is that which the
processes keep (`plan`).
"""

from __future__ import annotations

from collections.abc import Mapping

from despoolr_core.phrases import counted
from despoolr_core.times import span_s, stopwatch
from despoolr_lab.load.measure.judgement import seconds
from despoolr_lab.load.outcome.report import SecondPercentiles, charts_of
from despoolr_lab.load.plan import planned_of
from despoolr_lab.load.run import LoadProgress
from despoolr_lab.load.spec.model import LoadFile
from despoolr_lab.measured.page import MeasuredPage, PageFigure, PageRow, PageTable

RECENT_S = 10
"""Seconds that *now* is about."""
SECONDS_AT_ONCE = 120
"""Seconds whose percentiles are worked out for one page: one that somebody opens after an hour is
whole after some seconds.
"""


class LoadCourse:
    """The page of one load. Percentiles that are known are not worked out again."""

    def __init__(self, load: LoadFile, stamp: str) -> None:
        self._load = load
        self._stamp = stamp
        self._known = SecondPercentiles(SECONDS_AT_ONCE)
        self._planned: dict[int, float] | None = None

    def page(self, progress: LoadProgress) -> MeasuredPage:
        """The page as it is now."""
        if self._planned is None:
            self._planned = planned_of(self._load, progress.scale)
        load, first, planned = self._load, progress.first_measured, self._planned
        return MeasuredPage(
            title=f"{load.name}: load run {self._stamp}",
            kicker=(
                load.name,
                f"load run {self._stamp}",
                f"seed {load.load.seed}",
                f"site at x{progress.scale:g}",
            ),
            verdict=(
                f"{progress.phase}: {stopwatch(progress.second)} of {stopwatch(progress.seconds)}"
            ),
            figures=_figures(progress, planned),
            checks=_plan(load, progress),
            course="Second by second",
            course_note="the shaded part is the warm-up, which does not count" if first else "",
            charts=charts_of(
                progress.course, list(progress.rows), first, planned=planned, known=self._known
            ),
            nothing="No poll has ended yet.",
            facts=_facts(progress),
        )


def _figures(progress: LoadProgress, planned: Mapping[int, float]) -> list[PageFigure]:
    now, row, status = progress.now, progress.row, progress.status
    second = int(progress.second)
    meant = sum(planned.get(n, 0.0) for n in range(second - RECENT_S - 1, second - 1))
    took = now.took
    return [
        PageFigure(
            "polls a second now",
            f"{now.polls / RECENT_S:,.1f}",
            f"{meant / RECENT_S:,.1f} planned; {status.under_way:,} clients wait for an answer",
        ),
        PageFigure(
            "p99 of polls now",
            seconds(took.percentile_s(99)) if now.polls else "-",
            f"p50 {seconds(took.percentile_s(50))}, {now.failed:,} failed, of the last "
            f"{RECENT_S} s",
            "bad" if now.failed else "hold",
        ),
        PageFigure(
            "updates that wait now",
            f"{row.waiting:,}" if row is not None else "-",
            f"{row.refusals:,} opens refused since the start" if row is not None else "",
            "bad" if row is not None and row.waiting else "hold",
        ),
        PageFigure(
            "reports handed in",
            f"{status.reports:,}",
            f"{row.rows_ended if row is not None else 0:,} counted at the site",
        ),
    ]


def _plan(load: LoadFile, progress: LoadProgress) -> list[PageTable]:
    """Jobs, updates, holders and faults of the file: when, and whether that was."""
    rows: list[tuple[float, PageRow]] = []

    def add(at: str, what: str, word: str, until: str = "", since: str = "") -> None:
        at_s = span_s(at) / progress.scale
        end = f" for {stopwatch(span_s(until) / progress.scale)}" if until else ""
        css = _CSS.get(word, "")
        rows.append((at_s, PageRow(word, css, (what, f"{stopwatch(at_s)}{end}", since))))

    for kind, tables in (("job", load.job), ("update", load.update)):
        for one in tables:
            word, since = progress.states.get(one.name, ("made", -1.0))
            is_made = one.name in progress.made
            add(
                one.at,
                f"{kind} {one.name}",
                word if is_made else "to come",
                since=stopwatch(since) if is_made and since >= 0 else "",
            )
    for held in load.holders:
        began = span_s(held.at) / progress.scale
        ended = began + span_s(held.for_) / progress.scale
        word = "to come" if progress.second < began else "held"
        word = "over" if progress.second > ended else word
        add(held.at, f"{held.count:,} of {held.clients} hold {held.package}", word, held.for_)
    for fault in load.fault:
        word = "to come" if progress.second < span_s(fault.at) / progress.scale else "begun"
        add(fault.at, f"fault {fault.name}", word, fault.for_)
    rows.sort(key=lambda row: row[0])
    told = [row for _, row in rows]
    columns = ("What", "Planned at", "So since")
    left_out = max(0, len(told) - _ROWS_MAX)
    return [PageTable("The plan", columns, told[:_ROWS_MAX], "", left_out, "So far")]


_CSS = {"Complete": "good", "Failed": "bad", "Retrying": "bad"}
"""Statuses of jobs that are not as any other."""
_ROWS_MAX = 100
"""Rows of the plan that are shown."""


def _facts(progress: LoadProgress) -> list[tuple[str, str]]:
    status, now = progress.status, progress.now
    shares = ", ".join(f"{share:.0%}" for share in progress.cpu_shares) or "-"
    late = f"{now.late:,} of {now.polls:,} polls of the last {RECENT_S} s begun late"
    processes = counted(len(progress.cpu_shares), "process", "processes")
    found = [
        ("clients", f"{status.clients - status.gone:,} there, {status.gone:,} gone"),
        ("programs", f"{status.runs:,} run, {status.running:,} clients run one or wait to"),
        ("files held", f"{status.holds:,} now, {status.holds_broken:,} lost"),
        ("reports unsent", f"{status.unsent:,}"),
        ("generator", f"{processes} at {shares} of a processor, {late}"),
    ]
    if progress.row is not None and progress.row.silent:
        found.append(("silent now", ", ".join(progress.row.silent)))
    return found
