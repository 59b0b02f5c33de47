"""What a load run leaves: `summary.json`, `samples.csv`, `junit.xml`, `report.html`, and a table
for people.

The law: all of them say the same, from one outcome. Percentiles are of the measured seconds, and
never flattering (`histogram`). An invalid run keeps its numbers, and says beside them that they do
not count.
"""

from __future__ import annotations

import csv
import io
import platform
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from despoolr_app.runs.directory import SUMMARY, write_whole
from despoolr_core.phrases import counted
from despoolr_core.timing import Timing
from despoolr_lab.breaking.tables import told
from despoolr_lab.load.measure.judgement import seconds
from despoolr_lab.load.measure.tally import PollPart, Second
from despoolr_lab.load.outcome.report import render_report
from despoolr_lab.load.run import LoadOutcome
from despoolr_lab.measured.junit import Check, CheckResult, junit

SAMPLES: Final = "samples.csv"
SECONDS: Final = "seconds.json"
"""The histogram of every measured second: what `compare` draws from."""
JUNIT: Final = "junit.xml"
REPORT: Final = "report.html"
KIND: Final = "load"
"""What `summary.json` says it is the summary of."""
EXIT_OK, EXIT_EXPECTATION, EXIT_INVALID, EXIT_INTERRUPTED = 0, 10, 12, 130


def exit_code(outcome: LoadOutcome) -> int:
    """What the command ends with."""
    if outcome.is_interrupted:
        return EXIT_INTERRUPTED
    if outcome.aborted:
        return EXIT_EXPECTATION
    if outcome.reasons:
        return EXIT_INVALID
    if any(not finding.ok and finding.is_settled for finding in outcome.findings):
        return EXIT_EXPECTATION
    return EXIT_OK if all(finding.ok for finding in outcome.findings) else EXIT_INVALID


def verdict(outcome: LoadOutcome) -> str:
    """The result of a run in one sentence."""
    polls = outcome.facts.polls
    if outcome.is_interrupted:
        return f"Interrupted: nothing was decided. Until then: {polls.polls:,} polls were measured."
    if outcome.aborted:
        return f"Aborted {outcome.aborted}."
    if outcome.reasons:
        return f"Invalid run: {outcome.reasons[0]}."
    failed = [finding for finding in outcome.findings if not finding.ok and finding.is_settled]
    unsettled = [finding for finding in outcome.findings if not finding.is_settled]
    what = (
        f"{counted(outcome.facts.clients_there, 'client')}, {counted(polls.polls, 'poll')}, p99 "
        f"{seconds(polls.took.percentile_s(99))}"
    )
    if failed:
        one = failed[0]
        return (
            f"{what}: {len(failed)} of {len(outcome.findings)} expectations failed; "
            f"{one.name}: {one.actual}, not {one.expected}."
        )
    if unsettled:
        few = unsettled[0]
        return (
            f"{what}: {len(unsettled)} of {len(outcome.findings)} expectations are not settled; "
            f"{few.name}: {few.actual}. "
            "Let it go on for longer, or with more clients."
        )
    if len(outcome.findings) > 1:
        return f"{what}: all {len(outcome.findings)} expectations hold."
    return f"{what}: the expectation holds." if outcome.findings else f"{what}."


def summary_of(outcome: LoadOutcome, stamp: str) -> dict[str, Any]:
    """`summary.json`. Keys are documented in docs/load.md."""
    facts, load = outcome.facts, outcome.load
    measured = [number for number in outcome.seconds if number >= outcome.first_measured]
    span_s = max(measured) - min(measured) + 1 if measured else 0
    return {
        "kind": KIND,
        "load": load.name,
        "title": load.title,
        "stamp": stamp,
        "seed": load.load.seed,
        "time": str(Timing(outcome.scale)),
        "interrupted": outcome.is_interrupted,
        "aborted": outcome.aborted,
        "valid": not (outcome.reasons or outcome.is_interrupted or outcome.aborted),
        "settled": all(finding.is_settled for finding in outcome.findings),
        "passed": exit_code(outcome) == EXIT_OK,
        "exit_code": exit_code(outcome),
        "verdict": verdict(outcome),
        "reasons": outcome.reasons,
        "expectations": outcome.findings,
        "clients": {"wanted": facts.clients_wanted, "there": facts.clients_there},
        "polls": {
            **_times(facts.polls),
            "per_s": round(facts.polls.polls / span_s, 1) if span_s else 0.0,
            "served_p50_ms": round(facts.polls.served.percentile_s(50) * 1e3, 3),
            "served_p99_ms": round(facts.polls.served.percentile_s(99) * 1e3, 3),
            "groups": {name: _times(part) for name, part in facts.groups.items()},
            "servers": {name: _times(part) for name, part in facts.servers.items()},
        },
        "measured": {"first_second": outcome.first_measured, "seconds": span_s},
        "generator": _generator(outcome),
        "refusals": None
        if facts.refusals is None
        else [
            {"share": share, "program": program, "count": round(count)}
            for (share, program), count in sorted(facts.refusals.items())
            if count
        ],
        "episodes": None
        if facts.episodes is None
        else dict(sorted(Counter(facts.episodes).items())),
        "jobs": None
        if facts.jobs is None
        else [_job(name, job) for name, job in facts.jobs.items()],
        "reports": {
            "sent": facts.reports_sent,
            "counted": facts.reports_seen,
            "unsent": facts.reports_unsent,
        },
        "settled_s": None if facts.settled_s is None else round(facts.settled_s, 1),
        "holders": {
            "wanted": facts.holders_wanted,
            "made": facts.holders_made,
            "broken": facts.holders_broken,
            "lost": facts.holders_lost,
        },
        "queues": {box: round(depth) for box, depth in sorted(facts.queues.items()) if depth},
        "wall_s": round(outcome.wall_s, 1),
        "machine": {
            "system": platform.system(),
            "python": platform.python_version(),
            "processors": outcome.machine.processors,
            "busy_share": outcome.machine.busy_share,
            "stolen_share": outcome.machine.stolen_share,
        },
        "faults": msgspec.to_builtins(outcome.faults),
        "notes": outcome.notes,
        "file": msgspec.to_builtins(load),
    }


def _times(second: Second | PollPart) -> dict[str, Any]:
    took = second.took
    percentiles = {
        f"p{name}_ms": round(took.percentile_s(percent) * 1e3, 3)
        for name, percent in _PERCENTILES.items()
    }
    return {
        "count": second.polls,
        "failed": second.failed,
        **percentiles,
        "max_ms": round(took.max_s * 1e3, 3),
        "mean_ms": round(took.mean_s * 1e3, 3),
        "histogram": took.to_json(),
    }


_PERCENTILES: Final = {"50": 50.0, "90": 90.0, "95": 95.0, "99": 99.0, "999": 99.9}


def _generator(outcome: LoadOutcome) -> dict[str, Any]:
    polls = outcome.facts.polls
    return {
        "processes": outcome.processes,
        "cpu_shares": [round(share, 3) for share in outcome.facts.cpu_shares],
        "cpu_peaks": [round(share, 3) for share in outcome.facts.cpu_peaks],
        "late": polls.late,
        "late_share": round(polls.late / polls.polls, 5) if polls.polls else 0.0,
        "lag_p99_ms": round(polls.lag.percentile_s(99) * 1e3, 3),
        "lag_max_ms": round(polls.lag.max_s * 1e3, 3),
        "waited": polls.waited,
    }


def _job(name: str, job: Any) -> dict[str, Any]:
    rows: dict[str, dict[str, int]] = {}
    for kind, _, status in job.rows:
        rows.setdefault(kind, {}).setdefault(status, 0)
        rows[kind][status] += 1
    return {
        "name": name,
        "job": job.id,
        "status": job.status,
        "targets": len(job.targets),
        "rows": rows,
    }


# -- files


def write_all(directory: Path, outcome: LoadOutcome, summary: dict[str, Any]) -> None:
    """Every file of a run. Raises `RunError`."""
    write_whole(
        directory / SUMMARY, msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n"
    )
    write_whole(
        directory / SAMPLES,
        samples_csv(outcome).encode(),
    )
    measured = [
        second.took.to_json()
        for number, second in outcome.seconds.items()
        if number >= outcome.first_measured
    ]
    write_whole(directory / SECONDS, msgspec.json.encode(measured) + b"\n")
    write_whole(directory / JUNIT, junit_of(outcome))
    plain = msgspec.json.decode(msgspec.json.encode(summary))
    write_whole(
        directory / REPORT,
        render_report(plain, lines_of(plain), outcome.seconds, outcome.rows).encode(),
    )


def samples_csv(outcome: LoadOutcome) -> str:
    """A line a second: what clients felt, what servers said; a column for each box in which
    anything ever waited.
    """
    measured, first = outcome.seconds, outcome.first_measured
    by_second = {row.second: row for row in outcome.rows}
    boxes = sorted({box for row in by_second.values() for box, depth in row.boxes.items() if depth})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *boxes])
    for number in range(max([*measured, *by_second, -1]) + 1):
        second, row = measured.get(number, Second()), by_second.get(number)
        times: list[object] = [""] * len(_TIMES)
        if second.polls:
            times = [round(of(second) * 1e3, 3) for of in _TIMES.values()]
        felt = [
            number,
            _utc(outcome.began_utc + number) if outcome.began_utc else "",
            int(number >= first),
            second.polls,
            second.failed,
            second.late,
            second.waited,
            *times,
        ]
        told = (
            [""] * (len(_TOLD) + len(boxes))
            if row is None
            else [
                row.refusals,
                row.waiting,
                row.opens,
                row.reports,
                row.rows_ended,
                *(round(row.boxes.get(b, 0)) for b in boxes),
            ]
        )
        writer.writerow([*felt, *told])
    return text.getvalue()


_FELT: Final = ("second", "utc", "measured", "polls", "failed", "late", "waited")
_TIMES: Final[Mapping[str, Callable[[Second], float]]] = {
    "p50_ms": lambda second: second.took.percentile_s(50),
    "p95_ms": lambda second: second.took.percentile_s(95),
    "p99_ms": lambda second: second.took.percentile_s(99),
    "max_ms": lambda second: second.took.max_s,
    "served_p50_ms": lambda second: second.served.percentile_s(50),
    "served_p99_ms": lambda second: second.served.percentile_s(99),
    "lag_p99_ms": lambda second: second.lag.percentile_s(99),
}


_TOLD: Final = ("refusals", "waiting", "opens", "reports", "rows_ended")
COLUMNS: Final = (*_FELT, *_TIMES, *_TOLD)
"""Of `samples.csv`, before those of the boxes."""


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def junit_of(outcome: LoadOutcome) -> bytes:
    """JUnit XML: whether the run is valid, and each expectation, as a test case."""
    load = outcome.load.name
    ended = ["interrupted"] if outcome.is_interrupted else []
    ended += [f"aborted {outcome.aborted}"] if outcome.aborted else []
    reasons = tuple(ended or outcome.reasons)
    checks = [Check("the run is valid", CheckResult.ERROR if reasons else PASSED, reasons)]
    for one in outcome.findings:
        result, why = PASSED, ""
        if outcome.reasons:
            result, why = CheckResult.SKIPPED, "the run is invalid"
        elif not one.is_settled:
            result, why = CheckResult.ERROR, f"{one.name} is not settled: {one.actual}"
        elif not one.ok:
            result = CheckResult.FAILURE
            why = f"{one.name}: expected {one.expected}, was {one.actual}"
        checks.append(Check(f"{one.name}: {one.expected}", result, (why,)))
    return junit(f"despoolr load {load}", f"load.{load}", outcome.wall_s, checks)


PASSED: Final = CheckResult.PASSED


# -- for people


def lines_of(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The result as names and values, in the order in which a person asks."""
    polls, generator, reports = summary["polls"], summary["generator"], summary["reports"]
    found = [
        ("clients", f"{summary['clients']['there']:,} of {summary['clients']['wanted']:,}"),
        (
            "polls",
            f"{polls['count']:,} in {summary['measured']['seconds']:,} s ({polls['per_s']:,} "
            "a second)",
        ),
        ("poll times", ", ".join(f"{name} {seconds(polls[key] / 1e3)}" for name, key in _SHOWN)),
        (
            "of which servers",
            f"p50 {seconds(polls['served_p50_ms'] / 1e3)}, "
            f"p99 {seconds(polls['served_p99_ms'] / 1e3)}, from the request to the answer",
        ),
        ("failed polls", _failed(polls)),
    ]
    for kind in ("groups", "servers"):
        if len(polls[kind]) > 1:
            found += [
                (
                    f"{kind[:-1]} {name}",
                    f"{part['count']:,} polls, p50 {seconds(part['p50_ms'] / 1e3)}, "
                    f"p99 {seconds(part['p99_ms'] / 1e3)}, {_failed(part)} failed",
                )
                for name, part in list(polls[kind].items())[:_PARTS_SHOWN]
            ]
    if summary["refusals"] is not None:
        by = ", ".join(
            f"{row['count']:,} {row['program'] or 'no program'} on {row['share']}"
            for row in summary["refusals"]
        )
        found.append(("refusals", by or "none"))
    if summary["episodes"] is not None:
        found.append(
            (
                "episodes",
                ", ".join(f"{count:,} {state}" for state, count in summary["episodes"].items())
                or "none",
            )
        )
    for job in summary["jobs"] or []:
        rows = "; ".join(
            f"{kind} " + ", ".join(f"{count:,} {status}" for status, count in statuses.items())
            for kind, statuses in job["rows"].items()
        )
        found.append((f"job {job['name']}", f"{job['status']}: {rows}"))
    if summary["jobs"]:
        loaded = "not known" if reports["counted"] is None else f"{reports['counted']:,}"
        found.append(
            (
                "reports",
                f"{reports['sent']:,} sent, {loaded} counted, {reports['unsent']:,} unsent",
            )
        )
        settled = summary["settled_s"]
        found.append(
            ("settled", "no" if settled is None else f"{settled:,.1f} s after the first report")
        )
    if summary["holders"]["wanted"]:
        holders = summary["holders"]
        kept = f"{holders['made'] - holders['broken']:,} of {holders['wanted']:,} held their file"
        lost = f", {holders['broken']:,} lost it: {holders['lost']}" if holders["broken"] else ""
        found.append(("holders", kept + lost))
    found += [("broken", told(fault)) for fault in summary.get("faults") or ()]
    deepest = sorted(summary["queues"].items(), key=lambda item: -item[1])[:3]
    if deepest:
        found.append(("deepest boxes", ", ".join(f"{box} {depth:,}" for box, depth in deepest)))
    shares = ", ".join(f"{share:.0%}" for share in generator["cpu_shares"]) or "-"
    late = (
        f"{generator['late_share']:.2%} begun late, lag p99 "
        f"{seconds(generator['lag_p99_ms'] / 1e3)}"
    )
    processes = counted(generator["processes"], "process", "processes")
    found.append(("generator", f"{processes} at {shares} of a processor, {late}"))
    return found


def _failed(polls: Mapping[str, Any]) -> str:
    if not polls["failed"]:
        return "0"
    return f"{polls['failed']:,} ({polls['failed'] / polls['count']:.2%})"


_PARTS_SHOWN: Final = 8
"""Groups, and servers, that the table has; `summary.json` has all."""
_SHOWN: Final = (
    ("p50", "p50_ms"),
    ("p90", "p90_ms"),
    ("p95", "p95_ms"),
    ("p99", "p99_ms"),
    ("p99.9", "p999_ms"),
    ("max", "max_ms"),
)
