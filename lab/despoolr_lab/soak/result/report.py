"""What a soak leaves for people and for a CI: `report.html` and `junit.xml`.

The law: both say what the judgement says, and the pictures what `samples.csv` says; so they can be
made anew from what a soak left, however it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from despoolr_app.runs.directory import RunError, write_whole
from despoolr_core.phrases import counted
from despoolr_core.times import stopwatch
from despoolr_lab.measured.charts import Chart, ChartMark, Series, draw, mark, marks_of
from despoolr_lab.measured.junit import Check, CheckResult, junit
from despoolr_lab.measured.page import (
    MeasuredPage,
    PageFigure,
    PageLegend,
    PageRow,
    PageTable,
    render_page,
)
from despoolr_lab.soak.counts import Count
from despoolr_lab.soak.drift import DriftVerdict
from despoolr_lab.soak.plan import Asked, make_plan
from despoolr_lab.soak.resources import MIB
from despoolr_lab.soak.result.course import WAITING, SoakCourse, read_course
from despoolr_lab.soak.result.outcome import COLUMNS, EXIT_INVALID, SoakResult, amount, table
from despoolr_lab.soak.run import SAMPLES
from despoolr_lab.soak.watch import CLIENTS, HANDED_IN, REFUSALS, REPORTS, RESIDENT, Judged

REPORT: Final = "report.html"
JUNIT: Final = "junit.xml"
LINES_MAX: Final = 7
"""Lines of one chart: the servers, and those fleets that used the most."""
DRIFTS_MAX: Final = 4
"""Resources that grow and are drawn."""
ROWS_MAX: Final = 100
"""Rows of one table; the rest is counted."""
_DRIFT: Final = COLUMNS.index("VERDICT")
_WORDS: Final = {0: "passed", 10: "failed", EXIT_INVALID: "proves nothing"}
_LEGEND: Final = {"restart": "started again", "cut": "link cut", "warm": "draining"}


def write_report(directory: Path, asked: Asked, result: SoakResult) -> None:
    """Both files of a run directory. Raises `RunError`."""
    try:
        course = read_course(directory / SAMPLES, asked)
    except OSError as error:
        raise RunError(f"cannot read {directory / SAMPLES}: {error.strerror}") from None
    write_whole(directory / JUNIT, junit_of(result, course.end_s))
    page = page_of(directory.name, asked, result, course)
    write_whole(directory / REPORT, render_page(page).encode())


def junit_of(result: SoakResult, wall_s: float) -> bytes:
    """JUnit XML: whether the soak was counted, each count, and each resource."""
    checks = [_counted(result)]
    for count in result.counts:
        word = CheckResult.PASSED
        if not count.ok:
            word = CheckResult.ERROR if count.is_about_validity else CheckResult.FAILURE
        why = f"expected {count.expected:,}, was {count.actual:,}"
        checks.append(Check(count.name, word, (": ".join((why, *_about(count))),)))
    for row in result.judged:
        checks.append(
            Check(
                f"{row.resource} of {row.process} does not grow",
                _RESULTS.get(row.judgement.verdict, CheckResult.PASSED),
                (_trend(row),),
            )
        )
    return junit("despoolr soak", "soak", wall_s, checks)


_RESULTS: Final[Mapping[DriftVerdict, CheckResult]] = {
    DriftVerdict.DRIFT: CheckResult.FAILURE,
    DriftVerdict.UNCLEAR: CheckResult.SKIPPED,
    DriftVerdict.TOO_SHORT: CheckResult.SKIPPED,
}


def _counted(result: SoakResult) -> Check:
    why = [str(result.summary.get("fell") or "")]
    if result.summary.get("interrupted"):
        why.append("it was interrupted")
    if not result.counts:
        why.append("nothing was counted")
    reasons = tuple(reason for reason in why if reason)
    word = CheckResult.ERROR if reasons else CheckResult.PASSED
    return Check("the soak ran to its end and was counted", word, reasons)


def _about(count: Count) -> list[str]:
    return [", ".join(count.examples)] if count.examples else []


def _trend(row: Judged) -> str:
    cells = dict(zip(COLUMNS, table([row])[0], strict=True))
    return (
        f"{row.judgement.verdict}: {cells['PER HOUR']} an hour ({cells['INTERVAL']}), "
        f"limit {cells['LIMIT']}"
    )


# -- the page


def page_of(name: str, asked: Asked, result: SoakResult, course: SoakCourse) -> MeasuredPage:
    """What the page shows; `name` is that of the run."""
    summary, last = result.summary, max(1, int(course.end_s))
    marks = _marks(asked, summary, course, last)
    happened = sorted((one for one in marks if one.css != "warm"), key=lambda one: one.x)
    rows = [PageRow(_KINDS[one.css], "", (one.text,)) for one in happened]
    return MeasuredPage(
        title=f"soak {name}",
        kicker=(
            "soak",
            name,
            f"{counted(asked.clients, 'client')} for {stopwatch(asked.duration_s)}",
            f"site at x{asked.scale:g}",
            f"seed {asked.seed}",
        ),
        verdict=str(summary["verdict"]),
        figures=_figures(result),
        checks=_counts(result.counts),
        course="Over time",
        course_note="minutes and seconds of this machine since all was up",
        legend=[
            *(PageLegend(css, text) for css, text in _LEGEND.items() if _has(marks, css)),
            *([PageLegend("broken", "broken on purpose")] if _has(marks, "broken") else []),
        ],
        marks=marks,
        charts=_charts(asked, result, course, last),
        nothing="There is nothing to draw: no sample was taken.",
        tables=[
            *_resources(result.judged),
            *_bounded("What was done to it", ("Where and when",), rows, states="What"),
        ],
        facts=_facts(summary),
    )


_KINDS: Final = {"broken": "fault", "restart": "restart", "cut": "cut"}


def _has(marks: Iterable[ChartMark], css: str) -> bool:
    return any(one.css == css for one in marks)


def _marks(
    asked: Asked, summary: Mapping[str, Any], course: SoakCourse, last: int
) -> list[ChartMark]:
    """Restarts as the samples tell of them, cuts as they were planned, faults as they were."""
    found = marks_of(summary.get("faults") or [], last)
    found += [
        mark(one.from_s, one.until_s, last, one.process, "restart") for one in course.restarts
    ]
    found += [
        mark(step.at_s, step.until_s, last, f"{step.on} ({step.how})", "cut")
        for step in make_plan(asked).of("cut")
        if step.at_s < course.end_s
    ]
    if course.end_s > asked.duration_s:
        found.append(mark(asked.duration_s, None, last, "draining", "warm"))
    return found


def _figures(result: SoakResult) -> list[PageFigure]:
    summary, counts = result.summary, result.counts
    word = _WORDS.get(result.code, "interrupted")
    right = sum(count.ok for count in counts)
    grow = sum(row.judgement.verdict is DriftVerdict.DRIFT for row in result.judged)
    open_ = sum(row.judgement.verdict in _UNDECIDED for row in result.judged)
    done = summary.get("done") or {}
    return [
        PageFigure("verdict", word, css="good" if result.code == 0 else "bad"),
        PageFigure(
            "counts that are exact",
            f"{right:,}" if counts else "none",
            f"of {len(counts):,}" if counts else "nothing was counted",
            "good" if counts and right == len(counts) else "bad",
        ),
        PageFigure(
            "resources that grow",
            f"{grow:,}",
            f"of {len(result.judged):,}; {open_:,} not decided",
            "bad" if grow else "good" if open_ < len(result.judged) else "hold",
        ),
        PageFigure(
            "done",
            f"{done.get('jobs', 0):,} jobs" if done else "not known",
            f"{done.get('reports', 0):,} reports, {done.get('restarts', 0):,} restarts, "
            f"{done.get('cuts', 0):,} cuts"
            if done
            else "",
        ),
    ]


_UNDECIDED: Final = frozenset((DriftVerdict.UNCLEAR, DriftVerdict.TOO_SHORT))


def _counts(counts: Sequence[Count]) -> list[PageTable]:
    ordered = sorted(counts, key=lambda count: count.ok)
    rows = [
        PageRow(
            "right" if count.ok else "WRONG",
            "good" if count.ok else "bad",
            (count.name, f"{count.expected:,}", f"{count.actual:,}", ", ".join(count.examples)),
        )
        for count in ordered
    ]
    columns = ("Count", "Expected", "Actual", "For example")
    return _bounded("What must be exact", columns, rows)


def _resources(judged: Sequence[Judged]) -> list[PageTable]:
    rows = []
    for row, cells in zip(judged, table(judged), strict=True):
        verdict = row.judgement.verdict
        css = "bad" if verdict is DriftVerdict.DRIFT else "" if verdict in _UNDECIDED else "good"
        process, resource, first, to, per_hour, between, limit = cells[:7]
        where = f"{process} {resource}"
        rows.append(PageRow(cells[_DRIFT], css, (where, first, to, per_hour, between, limit)))
    columns = ("Resource", "From", "To", "An hour", "Interval", "Limit")
    return _bounded("What grows", columns, rows, "the slope decides, not the level")


def _bounded(
    title: str,
    columns: Sequence[str],
    rows: Sequence[PageRow],
    note: str = "",
    states: str = "Result",
) -> list[PageTable]:
    """The table, or none where it has no row."""
    left_out = max(0, len(rows) - ROWS_MAX)
    return [PageTable(title, columns, rows[:ROWS_MAX], note, left_out, states)] if rows else []


def _charts(asked: Asked, result: SoakResult, course: SoakCourse, last: int) -> list[Chart]:
    if not course.gauges[RESIDENT]:
        return []
    gap = 3.0 * max(1.0, course.width, asked.sample_every_s)

    def chart(
        title: str,
        lines: Mapping[str, Mapping[int, float]],
        note: str,
        text: Callable[[float], str] | None = None,
    ) -> Chart:
        series = [Series(name, f"c{n}", line) for n, (name, line) in enumerate(lines.items())]
        return draw(title, series, last, 0, note=note, text=text, gap=gap)

    memory = {
        name: {at: value / MIB for at, value in course.gauges[RESIDENT][name].items()}
        for name in _drawn(course)
    }
    left = len(course.gauges[RESIDENT]) - len(memory)
    others = f"; {counted(left, 'more fleet uses', 'more fleets use')} less" if left else ""
    found = [chart("Memory", memory, f"resident, of each process{others}", _mebibytes)]
    live = course.gauges[CLIENTS]
    if live:
        found.append(chart("Clients", {"live": _one(live)}, f"{asked.clients:,} were asked for"))
    reports = {"handed in": course.sums[HANDED_IN], "counted": _one(course.gauges[REPORTS])}
    if any(reports.values()):
        found.append(chart("Reports", reports, "since the start, as sampled"))
    waiting = {name: line for name, line in course.gauges[WAITING].items() if any(line.values())}
    if waiting:
        found.append(chart("Blocked: updates that wait", waiting, "on each server"))
    if any(course.sums[REFUSALS].values()):
        refused = {"refused": course.sums[REFUSALS]}
        found.append(chart("Opens that were refused", refused, "since the start, all servers"))
    for row in result.judged[:DRIFTS_MAX]:
        if row.judgement.verdict is DriftVerdict.DRIFT:
            line = {int(point.at_s): point.value for point in row.points}
            name = f"{row.resource} of {row.process}"
            unit = _amount_of(row.resource)
            found.append(chart(f"Grows: {name}", {name: line}, "its last life, as judged", unit))
    return found


def _drawn(course: SoakCourse) -> list[str]:
    """The processes that are drawn: servers, and the largest fleets, in the order of their
    names.
    """
    peaks = course.peak(RESIDENT)
    order = sorted(peaks, key=lambda name: (name.startswith("FLEET"), -peaks[name]))
    return sorted(order[:LINES_MAX], key=lambda name: (name.startswith("FLEET"), name))


def _one(lines: Mapping[str, Mapping[int, float]]) -> Mapping[int, float]:
    """What the site server alone tells."""
    return next(iter(lines.values()), {})


def _mebibytes(value: float) -> str:
    return f"{value:,.0f} MiB"


def _amount_of(resource: str) -> Callable[[float], str]:
    return lambda value: amount(resource, value)


def _facts(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    done = summary.get("done") or {}
    found = [(str(name).replace("_", " "), f"{value:,}") for name, value in done.items()]
    if "ended_at_s" in summary:
        found.append(("ended after", stopwatch(summary["ended_at_s"])))
    warm_up = summary["warm_up_s"]
    found.append(("left out of every life", f"{warm_up:g} s at its beginning"))
    found.append(("exit code", str(summary["exit_code"])))
    return found
