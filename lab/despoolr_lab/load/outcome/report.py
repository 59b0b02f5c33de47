"""The page of a load run: one file that needs nothing else, with the verdict, the expectations and
lines over time.

The law: it shows what `summary.json` and `samples.csv` say, and nothing else. Names from servers
are text, never markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from despoolr_lab.load.measure.tally import Second
from despoolr_lab.load.outcome.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Chart,
    Series,
    draw,
    marks_of,
    milliseconds,
)
from despoolr_lab.load.watch import LoadSecond

BOXES_MAX: Final = 4
"""Boxes that are drawn: the deepest."""


def render_report(
    summary: Mapping[str, Any],
    facts: list[tuple[str, str]],
    seconds: Mapping[int, Second],
    rows: Iterable[LoadSecond],
) -> str:
    """The page. `summary` is plain JSON; `facts` the names and values of the table."""
    told = list(rows)
    first = summary["measured"]["first_second"]
    charts = charts_of(seconds, told, first)
    marks = marks_of(summary.get("faults") or [], _last_of(seconds, told))
    place = {
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "right": RIGHT,
        "top": TOP,
        "bottom": BOTTOM,
    }
    return _template().render(
        summary=summary, facts=facts, charts=charts, marks=marks, place=place, first=first
    )


def charts_of(seconds: Mapping[int, Second], rows: list[LoadSecond], first: int) -> list[Chart]:
    """What is drawn: what clients felt, then what servers said."""
    last = _last_of(seconds, rows)
    polled = {number: second for number, second in seconds.items() if second.polls}
    if not polled:
        return []
    times = [
        Series("p99", "p99", {n: s.took.percentile_s(99) * 1e3 for n, s in polled.items()}),
        Series("p50", "p50", {n: s.took.percentile_s(50) * 1e3 for n, s in polled.items()}),
        Series("max", "max", {n: s.took.max_s * 1e3 for n, s in polled.items()}),
    ]
    rates = [Series("polls", "p50", {n: float(s.polls) for n, s in seconds.items()})]
    failed = {n: float(s.failed) for n, s in seconds.items() if s.failed}
    if failed:
        rates.append(Series("failed", "max", failed))
    late = {n: float(s.late) for n, s in seconds.items() if s.late}
    if late:
        rates.append(Series("begun late by the generator", "late", late))
    note = "from when a poll was meant to begin until it was answered"
    charts = [
        draw("Poll times", times, last, first, note=note, is_log=True, text=milliseconds),
        draw("Polls a second", rates, last, first, note="as they were meant"),
    ]
    refused = Series(
        "refused since the start", "p99", {row.second: float(row.refusals) for row in rows}
    )
    waiting = Series("updates that wait", "max", {row.second: float(row.waiting) for row in rows})
    if any(refused.values.values()) or any(waiting.values.values()):
        charts.append(draw("Refusals", [refused, waiting], last, first, note="as the servers say"))
    sent = Series("handed in", "p99", {row.second: float(row.reports) for row in rows})
    counted = Series(
        "counted at the site", "p50", {row.second: float(row.rows_ended) for row in rows}
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
    series = [Series(box, f"box{number}", moved[box]) for number, box in enumerate(deepest)]
    return [
        draw(
            "Files that wait in boxes",
            series,
            last,
            first,
            note=f"the {len(series)} deepest whose depth changed",
        )
    ]


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("despoolr_lab.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("load.html.j2")
