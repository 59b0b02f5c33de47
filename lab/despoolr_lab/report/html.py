"""`report.html`: one self-contained file with the verdict, a picture and the tables of a run.

The law: equal records and equal summaries give equal files. Wall time is left out; everything is
escaped by the template; each table says how many rows it does not show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from despoolr_core import times
from despoolr_core.records import verdicts
from despoolr_core.records.stream import Record
from despoolr_core.records.view import Change, DetailHistory, JobHistory
from despoolr_core.share.wire import EpisodeRow, Hold
from despoolr_lab.report import words
from despoolr_lab.report.facts import Facts, Note, about_of, read_facts, title_of
from despoolr_lab.report.shapes import STATUS_CLASS, SYMBOL, tally
from despoolr_lab.report.story import file_stories, first_attempt, gap_span
from despoolr_lab.report.timeline import draw
from despoolr_lab.report.verdict import durations, verdict_of

ROWS_MAX: Final = {
    "notes": 60,
    "expectations": 200,
    "jobs": 60,
    "details": 120,
    "episodes": 60,
    "holds": 5,
    "workstations": 80,
    "events": 60,
    "changes": 12,
}
"""Rows a table shows; the rest is counted under it."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a table that are shown, and how many are not."""

    shown: list[Any]
    left_out: int


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the numbers under the verdict."""

    label: str
    value: str
    sub: str
    kind: str = ""


def render_report(records: Sequence[Record], summary: Mapping[str, Any], remedy: str = "") -> str:
    """The report of a run. `summary` is the JSON of `despoolr run --json`; what it lacks is left
    out or read from the records. `remedy` is the sentence of a what-if, if one was asked.
    """
    facts = read_facts(records, summary)
    findings = [item for item in summary.get("expectations", []) if isinstance(item, Mapping)]
    return _template().render(
        title=title_of(summary),
        about=about_of(summary),
        digest=words.clean(summary.get("digest") or ""),
        verdict=verdict_of(facts, summary, remedy),
        passed=_passed(summary, findings),
        figures=_figures(facts),
        facts=facts,
        picture=draw(facts),
        attempt=first_attempt(facts),
        notes=_rows(summary.get("notes", []), "notes", lambda note: words.clean(note, 2000)),
        expectations=_rows(findings, "expectations", _expectation),
        held=sum(1 for item in findings if item.get("ok")),
        jobs=_rows(facts.jobs.values(), "jobs", _job),
        details=_rows(
            [row for row in facts.details.values() if row.kind != "Workstation"],
            "details",
            lambda row: _detail(row, facts),
        ),
        episodes=_rows(facts.episodes, "episodes", lambda row: _episode(row, facts)),
        workstations=_rows(_workstations(facts), "workstations"),
        workstation_tally=tally(row.status for row in facts.workstations()),
        events=_rows(_events(facts), "events"),
        stories=file_stories(facts),
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("despoolr_lab.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "moment": times.moment,
        "span": times.span,
        "clean": words.clean,
        "value": words.value_text,
        "status_class": lambda status: STATUS_CLASS.get(status, "pending"),
        "symbol": lambda status: SYMBOL[STATUS_CLASS.get(status, "pending")],
        "gap_span": gap_span,
        "cut": words.cut,
    }
    environment.globals |= {"count": words.count, "times": words.times}
    return environment.get_template("report.html.j2")


def _rows(rows: Iterable[Any], table: str, show: Callable[[Any], Any] | None = None) -> Rows:
    """The rows a table shows, each made ready by `show`; the others are only counted."""
    every = list(rows)
    shown = every[: ROWS_MAX[table]]
    return Rows([show(row) for row in shown] if show else shown, len(every) - len(shown))


def _passed(summary: Mapping[str, Any], findings: Sequence[Mapping[str, Any]]) -> bool | None:
    """Whether it went as expected; None where nothing was expected."""
    return (
        bool(summary.get("passed", all(item.get("ok") for item in findings))) if findings else None
    )


def _figures(facts: Facts) -> list[Figure]:
    """Who, how often, how long, and how it ended, of the longest episode; the jobs' ends without
    one.
    """
    if not facts.episodes:
        if not facts.details:
            return []
        rows = facts.workstations()
        changed = sum(1 for row in rows if len(_reported(row.changes)) > 1)
        return [
            Figure("Opens refused", "0", "nobody was in anybody's way"),
            Figure(
                "Workstations",
                f"{len(rows):,}",
                tally(row.status for row in rows) or "none reported",
            ),
            Figure(
                "Status replaced",
                f"{changed:,}",
                "workstations whose reported status was replaced",
                "bad" if changed else "",
            ),
            Figure("Job", *_job_end(next(iter(facts.jobs.values()), None))),
        ]
    episode = facts.episodes[0]
    hold = max(episode.holds, key=lambda h: h.refusal_count, default=None)
    more = f" and {len(episode.holds) - 1} more" if len(episode.holds) > 1 else ""
    release = "still open at the end"
    if hold and hold.released_at is not None:
        release = f"until {times.moment(hold.released_at)}"
    if hold and more:
        release = f"the first named was in the way {words.times(hold.refusal_count)}"
    figures = [
        Figure(
            "In the way",
            words.program_on(hold.program, hold.machine) + more if hold else "not named",
            release,
            "hold",
        ),
        Figure(
            "Refused",
            words.times(episode.attempt_count),
            f"first at {times.moment(episode.first_refused_at)}",
            "bad",
        ),
        Figure(
            "Blocked",
            times.span(episode.blocked_s),
            "from first refusal "
            + {"resolved": "until it got through", "given up": "until it was given up"}.get(
                episode.state, "to the end of the run"
            ),
        ),
    ]
    job = facts.job_of(episode)
    return [
        *figures,
        Figure(f"Job {words.clean(job.name or job.job)}", *_job_end(job))
        if job
        else _file_end(episode),
    ]


def _job_end(job: JobHistory | None) -> tuple[str, str, str]:
    if job is None or not job.changes:
        return "none", "", ""
    last = job.changes[-1]
    kind = {"complete": "good", "failed": "bad"}.get(STATUS_CLASS.get(last.status, "pending"), "")
    return words.clean(last.status), f"since {times.moment(last.at)}", kind


def _file_end(episode: EpisodeRow) -> Figure:
    return Figure(
        "Outcome",
        words.clean(episode.state),
        words.file_name(episode.path),
        "good" if episode.state == "resolved" else "bad",
    )


def _expectation(item: Mapping[str, Any]) -> dict[str, Any]:
    ok = bool(item.get("ok"))
    return {
        "name": words.clean(item.get("name", "")),
        "expected": words.value_text(item.get("expected")),
        "actual": words.value_text(item.get("actual")),
        "ok": ok,
        "same": item.get("expected") == item.get("actual"),
    }


def _job(job: JobHistory) -> dict[str, Any]:
    return {
        "job": words.clean(job.job),
        "name": words.clean(job.name),
        "status": words.clean(job.status),
        "changes": _changes(job.changes),
    }


def _changes(changes: Sequence[Change]) -> Rows:
    return Rows(list(changes[: ROWS_MAX["changes"]]), max(0, len(changes) - ROWS_MAX["changes"]))


def _detail(row: DetailHistory, facts: Facts) -> dict[str, Any]:
    return {
        "job": words.clean(_job_name(facts, row.job)),
        "kind": words.clean(row.kind),
        "site": words.clean(row.site),
        "machine": words.clean(row.machine),
        "repeats": len(row.changes),
        "changes": _changes(_reported(row.changes)),
    }


def _job_name(facts: Facts, job: str) -> str:
    story = facts.jobs.get(job)
    return story.name or job if story else job


def _reported(changes: Sequence[Change]) -> list[Change]:
    """The changes that changed something: a report that repeats the status is left out."""
    kept: list[Change] = []
    for change in changes:
        if not kept or kept[-1].status != change.status:
            kept.append(change)
    return kept


def _workstations(facts: Facts) -> list[dict[str, Any]]:
    """Each workstation's row: what it said first, and what it says at the end."""
    rows = []
    for row in facts.workstations():
        changes = _reported(row.changes)
        rows.append(
            {
                "job": words.clean(_job_name(facts, row.job)),
                "machine": words.clean(row.machine),
                "before": words.clean(
                    changes[-2].status if len(changes) > 1 else changes[-1].was or "None"
                ),
                "before_at": changes[-2].at if len(changes) > 1 else None,
                "after": words.clean(changes[-1].status),
                "after_at": None if changes[-1].status == changes[-1].was else changes[-1].at,
                "replaced": len(changes) > 1,
                "because": _because(facts.notes.get(row.machine, []), changes[-1].at),
            }
        )
    return sorted(rows, key=lambda row: (not row["replaced"], row["job"], row["machine"]))


def _because(notes: Sequence[Note], at: float) -> str:
    """What the machine did last before its row was set."""
    said = [note for note in notes if note.at <= at]
    return f"{times.moment(said[-1].at)} {words.clean(said[-1].text)}" if said else ""


def _episode(row: EpisodeRow, facts: Facts) -> dict[str, Any]:
    job = facts.job_of(row)
    return {
        "row": row,
        "waiter": words.program_on(row.program, row.machine),
        "job": words.clean(job.name or job.job) if job else "",
        "file": words.unc(row.server, row.share, row.path),
        "holds": Rows(
            [_hold(hold, row) for hold in row.holds[: ROWS_MAX["holds"]]],
            max(0, len(row.holds) - ROWS_MAX["holds"]),
        ),
        "verdict": words.clean(verdicts.verdict(row), 2000),
        "split": _split(row),
        "durations": durations(facts, row),
    }


def _split(row: EpisodeRow) -> str:
    """Of the time an update was blocked: how long the file was held, and how long it then waited
    for its next try.
    """
    released = [hold.released_at for hold in row.holds if hold.released_at is not None]
    if (
        row.ended_at is None
        or row.state != "resolved"
        or not released
        or len(released) < len(row.holds)
    ):
        return ""
    last = min(row.ended_at, max(released))
    held, waited = times.span(last - row.first_refused_at), times.span(row.ended_at - last)
    return f"{held} while the file was held, then {waited} until the next try"


def _hold(hold: Hold, row: EpisodeRow) -> dict[str, Any]:
    return {
        "who": words.program_on(hold.program, hold.machine),
        "user": words.clean(hold.user),
        "access": words.clean(hold.access),
        "share_mode": words.clean(hold.share_mode),
        "opened_at": hold.opened_at,
        "released_at": hold.released_at,
        "refusals": hold.refusal_count,
        "clash": words.clash(row.access, row.share_mode, hold.access, hold.share_mode),
    }


def _events(facts: Facts) -> list[Any]:
    return sorted(facts.events.values(), key=lambda event: (event.first_at, event.code, event.text))
