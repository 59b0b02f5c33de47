"""The page of a load run: one file that needs nothing else, with the verdict, the expectations and
lines over time.

The law: it shows what `summary.json` and `samples.csv` say, and nothing else. Names from servers
are text, never markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from despoolr_lab.load.measure.tally import Second
from despoolr_lab.load.watch import LoadSecond
from despoolr_lab.measured.charts import Chart, Series, draw, marks_of, milliseconds
from despoolr_lab.measured.page import (
    MeasuredPage,
    PageFigure,
    PageLegend,
    PageRow,
    PageTable,
    render_page,
)

BOXES_MAX: Final = 4
"""Boxes that are drawn: the deepest."""


def render_report(
    summary: Mapping[str, Any],
    facts: list[tuple[str, str]],
    seconds: Mapping[int, Second],
    rows: Iterable[LoadSecond],
) -> str:
    """The page. `summary` is plain JSON; `facts` the names and values of the table."""
    return render_page(page_of(summary, facts, seconds, rows))


def page_of(
    summary: Mapping[str, Any],
    facts: list[tuple[str, str]],
    seconds: Mapping[int, Second],
    rows: Iterable[LoadSecond],
) -> MeasuredPage:
    """What the page of a load shows: the verdict, expectations, and charts of every second."""
    told = list(rows)
    first = summary["measured"]["first_second"]
    marks = marks_of(summary.get("faults") or [], _last_of(seconds, told))
    return MeasuredPage(
        title=f"{summary['load']}: load run {summary['stamp']}",
        kicker=(
            summary["load"],
            f"load run {summary['stamp']}",
            f"seed {summary['seed']}",
            f"site at {summary['time']}",
        ),
        verdict=summary["verdict"],
        reasons=summary["reasons"],
        figures=_figures(summary),
        checks=_expectations(summary),
        course="Second by second",
        course_note="the shaded part is the warm-up, which does not count" if first else "",
        legend=[PageLegend("broken", f"broken on purpose: {mark.text}") for mark in marks],
        marks=marks,
        charts=charts_of(seconds, told, first),
        nothing="There is nothing to draw: no poll was made.",
        facts=facts,
        notes=summary["notes"],
    )


def _figures(summary: Mapping[str, Any]) -> list[PageFigure]:
    polls, clients = summary["polls"], summary["clients"]
    word = (
        "interrupted"
        if summary["interrupted"]
        else "invalid"
        if not summary["valid"]
        else "passed"
        if summary["passed"]
        else "failed"
    )
    return [
        PageFigure("verdict", word, css=_css(ok=summary["passed"])),
        PageFigure(
            "clients",
            f"{clients['there']:,}",
            f"of {clients['wanted']:,}",
            _css(ok=clients["there"] == clients["wanted"]),
        ),
        PageFigure(
            "polls measured",
            f"{polls['count']:,}",
            f"{polls['per_s']:,} a second, {polls['failed']:,} failed",
        ),
        PageFigure(
            "p99 of polls",
            f"{polls['p99_ms']:,.4g} ms",
            f"p50 {polls['p50_ms']:,.3g} ms, max {polls['max_ms']:,.4g} ms",
        ),
    ]


def _css(*, ok: bool) -> str:
    return "good" if ok else "bad"


def _expectations(summary: Mapping[str, Any]) -> list[PageTable]:
    rows = []
    for found in summary["expectations"]:
        word, css = "holds" if found["ok"] else "failed", _css(ok=found["ok"])
        if not summary["valid"]:
            word, css = "not decided", ""
        elif not found["is_settled"]:
            word, css = "not settled", ""
        rows.append(PageRow(word, css, (found["name"], found["expected"], found["actual"])))
    columns = ("Expectation", "Expected", "Was")
    return [PageTable("What was expected", columns, rows)] if rows else []


class SecondPercentiles:
    """Percentiles of seconds, worked out again only for those in which polls have ended since, and
    for `at_once` of them at one time.
    """

    def __init__(self, at_once: int | None = None) -> None:
        self._at_once = at_once
        self._known: dict[int, tuple[int, tuple[float, float, float]]] = {}

    def of(self, polled: Mapping[int, Second]) -> dict[int, tuple[float, float, float]]:
        """Second to p50, p99 and the slowest, in milliseconds; the newest first. What there was no
        time for comes with the next time.
        """
        found: dict[int, tuple[float, float, float]] = {}
        left = len(polled) if self._at_once is None else self._at_once
        for number in sorted(polled, reverse=True):
            second = polled[number]
            polls, times = self._known.get(number, (-1, (0.0, 0.0, 0.0)))
            if polls != second.polls:
                if left <= 0:
                    continue
                left -= 1
                took = second.took
                times = (took.percentile_s(50) * 1e3, took.percentile_s(99) * 1e3, took.max_s * 1e3)
                self._known[number] = (second.polls, times)
            found[number] = times
        return found


def charts_of(
    seconds: Mapping[int, Second],
    rows: list[LoadSecond],
    first: int,
    *,
    planned: Mapping[int, float] | None = None,
    known: SecondPercentiles | None = None,
) -> list[Chart]:
    """What is drawn: what clients felt, then what servers said. `planned` are the polls that are
    meant for each second, of a load that runs.
    """
    last = max(_last_of(seconds, rows), *(planned or (0,)))
    polled = {number: second for number, second in seconds.items() if second.polls}
    if not polled:
        return []
    each = (known or SecondPercentiles()).of(polled)
    times = [
        Series("p99", "c0", {n: found[1] for n, found in each.items()}),
        Series("p50", "c1", {n: found[0] for n, found in each.items()}),
        Series("max", "c2", {n: found[2] for n, found in each.items()}),
    ]
    rates = [Series("polls", "c1", {n: float(s.polls) for n, s in seconds.items()})]
    if planned is not None:
        rates.append(Series("planned", "c6", planned))
    failed = {n: float(s.failed) for n, s in seconds.items() if s.failed}
    if failed:
        rates.append(Series("failed", "c2", failed))
    late = {n: float(s.late) for n, s in seconds.items() if s.late}
    if late:
        rates.append(Series("begun late by the generator", "c3", late))
    note = "from when a poll was meant to begin until it was answered"
    charts = [
        draw("Poll times", times, last, first, note=note, is_log=True, text=milliseconds),
        draw("Polls a second", rates, last, first, note="as they were meant"),
    ]
    refused = Series(
        "refused since the start", "c0", {row.second: float(row.refusals) for row in rows}
    )
    waiting = Series("updates that wait", "c2", {row.second: float(row.waiting) for row in rows})
    if any(refused.values.values()) or any(waiting.values.values()):
        charts.append(draw("Refusals", [refused, waiting], last, first, note="as the servers say"))
    sent = Series("handed in", "c0", {row.second: float(row.reports) for row in rows})
    counted = Series(
        "counted at the site", "c1", {row.second: float(row.rows_ended) for row in rows}
    )
    if any(sent.values.values()):
        charts.append(
            draw("Reports", [sent, counted], last, first, note="the site counts its rows every 5 s")
        )
    charts += _queues(rows, last, first)
    return charts


def _last_of(seconds: Mapping[int, Second], rows: list[LoadSecond]) -> int:
    return max([*seconds, *(row.second for row in rows), 1])


def _queues(rows: list[LoadSecond], last: int, first: int) -> list[Chart]:
    """Boxes whose depth changed: one that only holds what it always holds is no queue."""
    depths: dict[str, dict[int, float]] = {}
    for row in rows:
        for box, depth in row.boxes.items():
            depths.setdefault(box, {})[row.second] = depth
    moved = {
        box: values for box, values in depths.items() if max(values.values()) > min(values.values())
    }
    deepest = sorted(moved, key=lambda box: -max(moved[box].values()))[:BOXES_MAX]
    if not deepest:
        return []
    series = [Series(box, f"c{number}", moved[box]) for number, box in enumerate(deepest)]
    return [
        draw(
            "Files that wait in boxes",
            series,
            last,
            first,
            note=f"the {len(series)} deepest whose depth changed",
        )
    ]
