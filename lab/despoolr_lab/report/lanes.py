"""One lane each: a holder's openings, an update's attempts, a job's statuses, a workstation's row.

What there is too much of is merged: openings into one bar, attempts into columns with their count,
notes into one of a kind. A page that zooms in has all attempts, and draws them anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from despoolr_core.phrases import counted, cut, how_often
from despoolr_core.records.view import Change, DetailHistory, FaultHistory, Holding, JobHistory
from despoolr_core.share.wire import EpisodeRow
from despoolr_core.times import moment, span
from despoolr_lab.report.axis import Axis
from despoolr_lab.report.content.facts import Facts, Note, file_of
from despoolr_lab.report.content.words import (
    SERVER_STOPPED,
    clean,
    how_closed,
    program_on,
    unc,
    words_of,
)
from despoolr_lab.report.shapes import (
    STATUS_CLASS,
    SYMBOL,
    Attempts,
    Bar,
    Column,
    Lane,
    LaneMark,
)

LABEL_MAX: Final = 60
SUB_MAX: Final = 80
RELEASES_MAX: Final = 50
MARK_ROOM: Final = 13.0
"""Crosses closer than this become columns."""
COLUMN_ROOM: Final = 26.0
ATTEMPTS_MAX: Final = 3000
"""Refusals of a lane that are drawn one by one; of more, every second, third ... stands for
several.
"""
BAR_GAP_MIN: Final = 1.5
OPENINGS_MAX: Final = 120
"""Openings of a lane that are drawn each; more are merged where they touch."""
CHANGES_MAX: Final = 200
FAULTS_MAX: Final = 200


def by_holder(holdings: Iterable[Holding]) -> list[list[Holding]]:
    """The openings of one program on one machine of one file belong into one lane."""
    lanes: dict[tuple[str, ...], list[Holding]] = {}
    for holding in holdings:
        lanes.setdefault((holding.machine, holding.program, *file_of(holding)), []).append(holding)
    return list(lanes.values())


def hold_lane(facts: Facts, axis: Axis, held: Sequence[Holding], quiet: bool = False) -> Lane:
    first = held[0]
    who = program_on(first.program, first.machine)
    user = f"user {clean(first.user)}" if first.user else "no user named"
    where = (
        f"{clean(first.path.rpartition('/')[2])}, {user}"
        if quiet
        else f"held the file open, {user}"
    )
    lane = Lane(cut(who, LABEL_MAX), cut(where, SUB_MAX), f"{who}, {user}")
    refused = sum(h.refusal_count for h in held)
    total = sum((facts.end if h.closed_at is None else h.closed_at) - h.opened_at for h in held)
    lane.outcome = f"held {span(total)}"
    last = held[-1]
    lane.outcome_sub = (
        "never closed"
        if last.closed_at is None
        else f"{how_closed(last.reason)} {_short(last.closed_at, axis)}"
    )
    lane.outcome_kind = "quiet" if quiet else "hold"
    for holding in _merged(held, facts.end, axis):
        lane.bars.append(_hold_bar(holding, who, quiet))
    if not quiet and refused:
        lane.marks = [
            LaneMark(h.closed_at, "release", _closing(h))
            for h in held[:RELEASES_MAX]
            if h.closed_at is not None
        ]
    return lane


def fault_lane(facts: Facts, faults: Sequence[FaultHistory]) -> Lane:
    """All faults of one name at one place."""
    first = faults[0]
    lane = Lane(
        cut(clean(first.fault), LABEL_MAX),
        cut(clean(first.where), SUB_MAX),
        clean(f"{first.fault}: {first.where}"),
    )
    for fault in faults[:FAULTS_MAX]:
        until = facts.end if fault.ended_at is None else fault.ended_at
        when = "the end of the run" if fault.ended_at is None else moment(until)
        title = clean(
            f"{fault.fault}, {fault.where}: from {moment(fault.began_at)} to {when} "
            f"({span(until - fault.began_at)})"
        )
        is_open = fault.ended_at is None
        lane.bars.append(Bar(fault.began_at, until, "fault", title, is_open=is_open))
    broken_s = sum((facts.end if f.ended_at is None else f.ended_at) - f.began_at for f in faults)
    lane.outcome, lane.outcome_kind = f"broken {span(broken_s)}", "fault"
    return lane


class _Stretch(msgspec.Struct, frozen=True):
    first: Holding
    until: float
    count: int
    is_open: bool


def _merged(held: Sequence[Holding], end: float, axis: Axis) -> list[_Stretch]:
    """Openings that would touch on the picture, as one."""
    stretches: list[_Stretch] = []
    for holding in held:
        until = end if holding.closed_at is None else holding.closed_at
        is_open = holding.closed_at is None
        gap = axis.x(holding.opened_at) - axis.x(stretches[-1].until) if stretches else BAR_GAP_MIN
        if gap < BAR_GAP_MIN and len(held) > OPENINGS_MAX:
            last = stretches[-1]
            stretches[-1] = _Stretch(
                last.first, max(last.until, until), last.count + 1, last.is_open or is_open
            )
        else:
            stretches.append(_Stretch(holding, until, 1, is_open))
    return stretches


def _hold_bar(stretch: _Stretch, who: str, quiet: bool) -> Bar:
    first = stretch.first
    until = "the end of the run" if stretch.is_open else moment(stretch.until)
    several = f", opened {how_often(stretch.count)}" if stretch.count > 1 else ""
    title = (
        f"{who} held {unc(first.server, first.share, first.path)} from {moment(first.opened_at)} "
        f"to {until} "
        f"({span(stretch.until - first.opened_at)}{several}) with {clean(first.access)} access "
        f"sharing {clean(first.share_mode)}"
    )
    label = (
        f"may {words_of(first.access, 'do nothing')}, lets others "
        f"{words_of(first.share_mode, 'do nothing')}"
    )
    kind = "quiet" if quiet else "hold"
    return Bar(first.opened_at, stretch.until, kind, title, clean(label), stretch.is_open)


def _closing(holding: Holding) -> str:
    assert holding.closed_at is not None
    who = program_on(holding.program, holding.machine)
    if holding.reason == SERVER_STOPPED:
        return f"the server stopped at {moment(holding.closed_at)}, and with it what {who} had open"
    how = "" if holding.reason in ("", "closed") else f" ({clean(holding.reason)})"
    return f"{who} let go at {moment(holding.closed_at)}{how}"


def _short(at: float, axis: Axis) -> str:
    text = moment(at)
    return text[11:] if axis.end - axis.start <= 86400 else text[5:]


# -- attempts


def episode_lane(facts: Facts, axis: Axis, episode: EpisodeRow) -> Lane:
    who = program_on(episode.program, episode.machine)
    job = facts.job_of(episode)
    what = f"wants to {words_of(episode.access, 'open it')}" + (
        f" for job {clean(job.name or job.job)}" if job else ""
    )
    lane = Lane(cut(who, LABEL_MAX), cut(what, SUB_MAX), f"{who}, {what}, {clean(episode.purpose)}")
    at = facts.attempts.get(episode.episode, [])
    refused = f"refused {how_often(episode.attempt_count)}"
    lane.outcome, lane.outcome_sub, lane.outcome_kind = (
        refused,
        f"blocked {span(episode.blocked_s)}",
        "bad",
    )
    if episode.state == "resolved":
        lane.outcome, lane.outcome_kind = "✓ got through", "good"
        lane.outcome_sub = f"{counted(episode.attempt_count, 'refusal')}, {span(episode.blocked_s)}"
    end = facts.end if episode.ended_at is None else episode.ended_at
    waited = (
        f"{who} waited from {moment(episode.first_refused_at)} to {moment(end)}: {episode.state}"
    )
    lane.bars.append(Bar(episode.first_refused_at, end, "wait", waited))
    lane.attempts = _attempts(axis, at)
    if episode.state == "resolved":
        lane.marks.append(
            LaneMark(
                end,
                "through",
                f"got through at {moment(end)}, {span(episode.blocked_s)} after the first",
            )
        )
    elif episode.state == "given up":
        lane.marks.append(LaneMark(end, "gave-up", f"given up at {moment(end)}"))
    return lane


def _attempts(axis: Axis, at: Sequence[float]) -> Attempts:
    """Crosses where there is room for each, otherwise columns of a decent step with a count."""
    every = -(-len(at) // ATTEMPTS_MAX) or 1
    found = Attempts([moment_at - axis.start for moment_at in at[::every]])
    gaps = [axis.x(b) - axis.x(a) for a, b in pairwise(at)]
    if not gaps or min(gaps) >= MARK_ROOM:
        found.crosses = [
            LaneMark(t, "refused", f"attempt {n}, {moment(t)}: refused")
            for n, t in enumerate(at, 1)
        ]
        return found
    step = axis.step_s(COLUMN_ROOM)
    bins: dict[int, list[float]] = {}
    for t in at:
        bins.setdefault(int(t // step), []).append(t)
    for number, inside in bins.items():
        title = f"{counted(len(inside), 'refusal')}, {moment(inside[0])} to {moment(inside[-1])}"
        found.columns.append(Column(number * step, (number + 1) * step, len(inside), title))
    return found


# -- statuses


def job_lane(axis: Axis, job: JobHistory, end: float) -> Lane:
    lane = Lane(
        cut(f"Job {clean(job.name or job.job)}", LABEL_MAX),
        "the job database says",
        clean(job.label),
    )
    _draw_statuses(lane, axis, job.changes, end, f"job {clean(job.label)}")
    return lane


def _draw_statuses(
    lane: Lane, axis: Axis, changes: Sequence[Change], end: float, what: str
) -> None:
    """A band for each status."""
    stretches: list[tuple[Change, float]] = []
    for number, change in enumerate(changes):
        until = changes[number + 1].at if number + 1 < len(changes) else end
        if stretches and axis.x(until) - axis.x(change.at) < 0.5 and len(changes) > CHANGES_MAX:
            continue
        stretches.append((change, until))
    for change, until in stretches:
        kind = STATUS_CLASS.get(change.status, "pending")
        status = clean(change.status)
        title = (
            f"{what}: {status} from {moment(change.at)} to {moment(until)} "
            f"({span(until - change.at)})"
        )
        lane.bars.append(Bar(change.at, until, kind, title, f"{SYMBOL[kind]} {status}"))
    if changes:
        kind = STATUS_CLASS.get(changes[-1].status, "pending")
        lane.outcome = f"{SYMBOL[kind]} {clean(changes[-1].status)}"
        lane.outcome_sub = f"since {_short(changes[-1].at, axis)}"
        lane.outcome_kind = {"complete": "good", "failed": "bad"}.get(kind, "")


def workstation_lane(facts: Facts, axis: Axis, row: DetailHistory) -> Lane:
    lane = Lane(cut(clean(row.machine), LABEL_MAX), "", clean(row.machine), is_thin=True)
    job = facts.jobs.get(row.job)
    began = job.changes[0].at if job and job.changes else facts.start
    if row.changes[0].was and began < row.changes[0].at:
        was = clean(row.changes[0].was)
        kind = STATUS_CLASS.get(row.changes[0].was, "pending")
        title = f"{clean(row.machine)}: {was} until {moment(row.changes[0].at)}"
        lane.bars.append(Bar(began, row.changes[0].at, kind, title, was))
    _draw_statuses(lane, axis, row.changes, facts.end, clean(row.machine))
    for note in _thinned(facts.notes.get(row.machine, []), axis):
        lane.marks.append(
            LaneMark(
                note.at,
                note.kind,
                f"{clean(row.machine)} {clean(note.text)} at {moment(note.at)}",
            )
        )
    return lane


def _thinned(notes: Sequence[Note], axis: Axis) -> list[Note]:
    """One note of a kind for each two units of the picture."""
    seen: set[tuple[str, int]] = set()
    kept = []
    for note in notes:
        place = (note.kind, int(axis.x(note.at) // 2))
        if place not in seen:
            seen.add(place)
            kept.append(note)
    return kept
