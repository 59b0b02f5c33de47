"""One lane each: a holder's openings, an update's attempts, a job's statuses, a workstation's row.

Marks closer than the picture can show are merged: openings into one bar, attempts into a density,
notes into one of a kind.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from despoolr_core.records.view import Change, DetailHistory, FaultHistory, Holding, JobHistory
from despoolr_core.share.wire import EpisodeRow
from despoolr_core.times import moment, span
from despoolr_lab.report.axis import Axis
from despoolr_lab.report.facts import Facts, Note, file_of
from despoolr_lab.report.shapes import FINAL, STATUS_CLASS, SYMBOL, Bar, Lane, LaneMark
from despoolr_lab.report.words import (
    SERVER_STOPPED,
    clean,
    count,
    cut,
    how_closed,
    program_on,
    times,
    unc,
    words_of,
)

LABEL_MAX: Final = 32
SUB_MAX: Final = 40
CHAR: Final = 6.6
"""Width of a character of 12 px text, roughly: decides whether a label fits."""
RELEASES_MAX: Final = 50
MARK_ROOM: Final = 6.0
"""Crosses closer than this become a density."""
BIN: Final = 4.0
BAR_GAP_MIN: Final = 1.5
FINAL_HEIGHT: Final = 4.0
"""A job that is over is a thin line: nothing is at work any more."""
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
    lane = Lane(cut(who, LABEL_MAX), cut(where, SUB_MAX), f"{who}, {user}", 34 if not quiet else 32)
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
        lane.bars.append(_hold_bar(axis, holding, who, quiet))
    if not quiet and refused:
        lane.marks = [
            LaneMark(axis.x(h.closed_at), "release", _closing(h))
            for h in held[:RELEASES_MAX]
            if h.closed_at is not None
        ]
    return lane


def fault_lane(facts: Facts, axis: Axis, faults: Sequence[FaultHistory]) -> Lane:
    """All faults of one name at one place."""
    first = faults[0]
    lane = Lane(
        cut(clean(first.fault), LABEL_MAX),
        cut(clean(first.where), SUB_MAX),
        clean(f"{first.fault}: {first.where}"),
        32,
    )
    for fault in faults[:FAULTS_MAX]:
        until = facts.end if fault.ended_at is None else fault.ended_at
        x, width = axis.x(fault.began_at), max(2.0, axis.x(until) - axis.x(fault.began_at))
        when = "the end of the run" if fault.ended_at is None else moment(until)
        title = clean(
            f"{fault.fault}, {fault.where}: from {moment(fault.began_at)} to {when} "
            f"({span(until - fault.began_at)})"
        )
        lane.bars.append(Bar(x, round(width, 1), "fault", title, is_open=fault.ended_at is None))
    broken_s = sum((facts.end if f.ended_at is None else f.ended_at) - f.began_at for f in faults)
    lane.outcome, lane.outcome_kind = f"broken {span(broken_s)}", "fault"
    return lane


@dataclass(frozen=True, slots=True)
class _Stretch:
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
        if stretches and axis.x(holding.opened_at) - axis.x(stretches[-1].until) < BAR_GAP_MIN:
            last = stretches[-1]
            stretches[-1] = _Stretch(
                last.first, max(last.until, until), last.count + 1, last.is_open or is_open
            )
        else:
            stretches.append(_Stretch(holding, until, 1, is_open))
    return stretches


def _hold_bar(axis: Axis, stretch: _Stretch, who: str, quiet: bool) -> Bar:
    first = stretch.first
    x, width = axis.x(first.opened_at), max(2.0, axis.x(stretch.until) - axis.x(first.opened_at))
    until = "the end of the run" if stretch.is_open else moment(stretch.until)
    several = f", opened {times(stretch.count)}" if stretch.count > 1 else ""
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
    if len(label) * CHAR + 14 > width:
        label = f"{first.access} / shares {first.share_mode}"
    if len(label) * CHAR + 14 > width:
        label = ""
    return Bar(
        x, round(width, 1), "quiet" if quiet else "hold", title, clean(label), stretch.is_open
    )


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
    lane = Lane(
        cut(who, LABEL_MAX), cut(what, SUB_MAX), f"{who}, {what}, {clean(episode.purpose)}", 38
    )
    at = facts.attempts.get(episode.episode, [])
    refused = f"refused {times(episode.attempt_count)}"
    lane.outcome, lane.outcome_sub, lane.outcome_kind = (
        refused,
        f"blocked {span(episode.blocked_s)}",
        "bad",
    )
    if episode.state == "resolved":
        lane.outcome, lane.outcome_kind = "✓ got through", "good"
        lane.outcome_sub = f"{count(episode.attempt_count, 'refusal')}, {span(episode.blocked_s)}"
    end = facts.end if episode.ended_at is None else episode.ended_at
    x = axis.x(episode.first_refused_at)
    waited = (
        f"{who} waited from {moment(episode.first_refused_at)} to {moment(end)}: {episode.state}"
    )
    lane.bars.append(Bar(x, round(max(1.0, axis.x(end) - x), 1), "wait", waited))
    _draw_attempts(lane, axis, at)
    if episode.state == "resolved":
        lane.marks.append(
            LaneMark(
                axis.x(end),
                "through",
                f"got through at {moment(end)}, {span(episode.blocked_s)} after the first",
            )
        )
    elif episode.state == "given up":
        lane.marks.append(LaneMark(axis.x(end), "gave-up", f"given up at {moment(end)}"))
    return lane


def _draw_attempts(lane: Lane, axis: Axis, at: Sequence[float]) -> None:
    """Crosses where there is room for each, otherwise columns as high as there are many."""
    xs = [axis.x(t) for t in at]
    gaps = [b - a for a, b in pairwise(xs)]
    if not gaps or min(gaps) >= MARK_ROOM:
        lane.marks += [
            LaneMark(x, "refused", f"attempt {n}, {moment(t)}: refused")
            for n, (x, t) in enumerate(zip(xs, at, strict=True), 1)
        ]
        return
    bins: dict[int, list[float]] = {}
    for x, t in zip(xs, at, strict=True):
        bins.setdefault(int((x - axis.left) // BIN), []).append(t)
    most = max(len(found) for found in bins.values())
    for number, found in bins.items():
        share = math.log1p(len(found)) / math.log1p(most)
        title = f"{count(len(found), 'refusal')}, {moment(found[0])} to {moment(found[-1])}"
        lane.bars.append(
            Bar(
                round(axis.left + number * BIN, 1),
                BIN - 1,
                "dense",
                title,
                height=round(6 + 18 * share, 1),
            )
        )


# -- statuses


def job_lane(axis: Axis, job: JobHistory, end: float) -> Lane:
    lane = Lane(
        cut(f"Job {clean(job.name or job.job)}", LABEL_MAX),
        cut(f"status of {clean(job.job)}", SUB_MAX),
        clean(job.label),
        34,
    )
    _draw_statuses(lane, axis, job.changes, end, f"job {clean(job.label)}")
    if lane.bars and lane.bars[-1].kind in FINAL:
        lane.bars[-1] = replace(lane.bars[-1], height=FINAL_HEIGHT, label="")
        lane.marks.append(
            LaneMark(
                lane.bars[-1].x,
                "through" if lane.bars[-1].kind == "complete" else "gave-up",
                lane.bars[-1].title,
            )
        )
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
        x = axis.x(change.at)
        width = max(2.0, axis.x(until) - x)
        status = clean(change.status)
        title = (
            f"{what}: {status} from {moment(change.at)} to {moment(until)} "
            f"({span(until - change.at)})"
        )
        label = status if len(status) * CHAR + 10 <= width else ""
        lane.bars.append(Bar(x, round(width, 1), kind, title, label))
    if changes:
        kind = STATUS_CLASS.get(changes[-1].status, "pending")
        lane.outcome = f"{SYMBOL[kind]} {clean(changes[-1].status)}"
        lane.outcome_sub = f"since {_short(changes[-1].at, axis)}"
        lane.outcome_kind = {"complete": "good", "failed": "bad"}.get(kind, "")


def workstation_lane(facts: Facts, axis: Axis, row: DetailHistory) -> Lane:
    lane = Lane(cut(clean(row.machine), LABEL_MAX), "", clean(row.machine), 28)
    lane.bar_height = 12
    job = facts.jobs.get(row.job)
    began = job.changes[0].at if job and job.changes else facts.start
    if row.changes[0].was and began < row.changes[0].at:
        was = clean(row.changes[0].was)
        x = axis.x(began)
        width = round(max(1.0, axis.x(row.changes[0].at) - x), 1)
        kind = STATUS_CLASS.get(row.changes[0].was, "pending")
        title = f"{clean(row.machine)}: {was} until {moment(row.changes[0].at)}"
        label = was if len(was) * CHAR + 10 <= width else ""
        lane.bars.append(Bar(x, width, kind, title, label))
    _draw_statuses(lane, axis, row.changes, facts.end, clean(row.machine))
    for note in _thinned(facts.notes.get(row.machine, []), axis):
        lane.marks.append(
            LaneMark(
                axis.x(note.at),
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
