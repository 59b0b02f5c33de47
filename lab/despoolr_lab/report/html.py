"""`report.html`: one self-contained file with the verdict, a picture and the tables of a run.

The law: equal records and equal summaries give equal files. Wall time is left out; everything is
escaped by the template; each table says how many rows it does not show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined, Template, pass_context
from jinja2.runtime import Context

from despoolr_core import phrases, times
from despoolr_core.records import verdicts
from despoolr_core.records.kinds.site import EventLogged
from despoolr_core.records.stream import Record
from despoolr_core.records.view import Change, DetailHistory, JobHistory
from despoolr_core.records.whatif.ladder import Ladder
from despoolr_core.share.wire import EpisodeRow, Hold
from despoolr_lab.report.axis import Axis
from despoolr_lab.report.content import words
from despoolr_lab.report.content.facts import (
    EventStory,
    Facts,
    Note,
    about_of,
    read_facts,
    title_of,
)
from despoolr_lab.report.content.fixes import fixes_of
from despoolr_lab.report.content.story import StoryLine, file_stories, first_attempt, gap_span
from despoolr_lab.report.content.verdict import RunVerdict, durations, verdict_of
from despoolr_lab.report.shapes import STATUS_CLASS, SYMBOL, WIDTH, Bar, Column, Picture, tally
from despoolr_lab.report.strips import damage
from despoolr_lab.report.template_cache import CompiledBeside
from despoolr_lab.report.timeline import draw

ROWS_MAX: Final = {
    "false": 20,
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
QUESTIONS: Final = ("Who blocked it", "For how long", "What would have fixed it")
CHAR_WIDTH: Final = 6.6
"""Of 12 px text, roughly: decides whether a label fits."""
WIDTH_MIN: Final = 2.0
LINED_KINDS: Final = frozenset(["complete", "new"])
"""What is right is a tint with a line."""
SIGN_KINDS: Final = frozenset(
    [
        "refused",
        "through",
        "gave-up",
        "run",
        "reported",
        "expired",
        "ran-new",
        "ran-old",
        "ran-wrong",
    ]
)


class Rows(msgspec.Struct, frozen=True):
    """The rows of a table that are shown, and how many are not."""

    shown: list[Any]
    left_out: int


class Figure(msgspec.Struct, frozen=True):
    """One of the numbers under the verdict."""

    label: str
    value: str
    sub: str
    kind: str = ""


def stream_report(
    records: Iterable[Record],
    summary: Mapping[str, Any],
    ladder: Ladder | None = None,
) -> Iterator[str]:
    """The report of a run, piece by piece. `records` are read several times: a list, or what reads
    a file anew. `summary` is the JSON of `despoolr run --json`; what it lacks is left out or read
    from the records. `ladder` is the answer of a what-if, if one was asked.
    """
    facts = read_facts(records, summary, ladder)
    findings = [item for item in summary.get("expectations", []) if isinstance(item, Mapping)]
    remedy = ladder.sentence if ladder is not None else ""
    verdict = verdict_of(facts, summary, remedy)
    picture = draw(facts)
    attempt = first_attempt(facts)
    return _template().generate(
        title=title_of(summary),
        about=about_of(summary),
        digest=words.clean(summary.get("digest") or ""),
        verdict=verdict,
        questions=_questions(facts, verdict),
        passed=_passed(summary, findings),
        figures=_figures(facts),
        facts=facts,
        picture=picture,
        ticks=picture.axis.ticks(),
        fixes=fixes_of(ladder),
        untrue=_untrue(facts, attempt),
        untruths=_rows(facts.false, "false"),
        attempt=attempt,
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
        events=_rows(_events(facts), "events", lambda event: _event(event, facts)),
        stories=file_stories(facts),
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("despoolr_lab.report", "templates"),
        bytecode_cache=CompiledBeside(Path(__file__).with_name("templates")),
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
        "cut": phrases.cut,
        "x": _x,
        "w": _width,
        "mid": _middle,
        "fits": _fits,
        "offset": _offset,
    }
    environment.globals |= {
        "count": phrases.counted,
        "times": phrases.how_often,
        "lined": LINED_KINDS,
        "sign_kinds": SIGN_KINDS,
    }
    return environment.get_template("report.html.j2")


# -- shapes, in parts of a page's width


def _axis(context: Context) -> Axis:
    picture: Picture = context["picture"]
    return picture.axis


@pass_context
def _x(context: Context, at: float) -> str:
    """A moment as a part of the axis, in per cent."""
    return _per_cent(_axis(context).x(at))


@pass_context
def _width(context: Context, bar: Bar | Column) -> str:
    axis = _axis(context)
    return _per_cent(max(WIDTH_MIN, axis.x(bar.until) - axis.x(bar.since)))


@pass_context
def _middle(context: Context, bar: Column) -> str:
    axis = _axis(context)
    return _per_cent((axis.x(bar.until) + axis.x(bar.since)) / 2)


@pass_context
def _fits(context: Context, bar: Bar) -> bool:
    """Whether a bar has room for its label, where nothing is zoomed."""
    axis = _axis(context)
    return len(bar.label) * CHAR_WIDTH + 12 <= axis.x(bar.until) - axis.x(bar.since)


@pass_context
def _offset(context: Context, at: float) -> str:
    """Seconds since the beginning of the picture."""
    return f"{at - _axis(context).start:.1f}".removesuffix(".0")


def _per_cent(units: float) -> str:
    return f"{units / WIDTH * 100:.3f}"


def _rows(rows: Iterable[Any], table: str, show: Callable[[Any], Any] | None = None) -> Rows:
    """The rows a table shows, each made ready by `show`; the others are only counted."""
    every = rows if isinstance(rows, Sequence) else list(rows)
    shown = [*every[: ROWS_MAX[table]]]
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
        release = f"the first named was in the way {phrases.how_often(hold.refusal_count)}"
    figures = [
        Figure(
            "In the way",
            words.program_on(hold.program, hold.machine) + more if hold else "not named",
            release,
            "hold",
        ),
        Figure(
            "Refused",
            phrases.how_often(episode.attempt_count),
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


def _events(facts: Facts) -> list[EventStory]:
    return sorted(facts.events.values(), key=lambda event: (event.first_at, event.code, event.text))


def _event(event: EventStory, facts: Facts) -> dict[str, Any]:
    told = {name: getattr(event, name) for name in EventStory.__struct_fields__}
    return told | {"untrue": _false_number(facts, event.code, event.text)}


def _untrue(facts: Facts, attempt: Iterable[StoryLine]) -> dict[str, int]:
    """Lines of an attempt that tell of a false message, with the number of its note."""
    found = {}
    for line in attempt:
        code, _, text = line.text.removeprefix("event ").partition(": ")
        if line.kind == EventLogged.KIND and (number := _false_number(facts, code, text)):
            found[line.text] = number
    return found


def _false_number(facts: Facts, code: str, text: str) -> int:
    """The number of the note on a false message, 0 for one that is true."""
    for number, one in enumerate(facts.false[: ROWS_MAX["false"]], 1):
        if one.event and str(one.event) == code and text[:60] == one.says[:60]:
            return number
    return 0


def _questions(facts: Facts, verdict: RunVerdict) -> list[tuple[str, tuple[str, str]]]:
    """The three questions, each with its line and how it is known."""
    if len(verdict.lines) != len(QUESTIONS):
        return []
    best = facts.ladder.best if facts.ladder is not None else None
    fix = ""
    if best is not None:
        parts = [best.cost, f"needs {best.needs}" if best.needs else ""]
        parts.append(f"act before {times.moment(best.act_before)}" if best.act_before else "")
        fix = words.clean("; ".join(part for part in parts if part))
    hows = (_clash(facts.episodes[0]), damage(facts), fix[:1].upper() + fix[1:])
    lines = zip(verdict.lines, hows, strict=True)
    return list(zip(QUESTIONS, lines, strict=True))


def _clash(episode: EpisodeRow) -> str:
    hold = max(episode.holds, key=lambda one: one.refusal_count, default=None)
    if hold is None:
        return ""
    found = words.clash(episode.access, episode.share_mode, hold.access, hold.share_mode)
    return f"{found[:1].upper()}{found[1:]}." if found else ""
