"""The picture of a run: what is drawn where, as plain shapes that the template turns into SVG.

One group for each blocked file, cause above effect: who held the file, the update's attempts against it, the status of the
job that waited. Then the jobs with what their workstations reported, other jobs, and the opens that blocked nobody.

Everything is bounded: lanes by the `*_MAX` below, marks by the width of the picture (closer ones are drawn as a density).
What is left out is counted in words.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from despoolr_core.wire import EpisodeRow
from despoolr_lab.report.axis import Axis, Tick
from despoolr_lab.report.facts import Change, DetailStory, Facts, FileKey, Holding, JobStory, Note, file_key
from despoolr_lab.report.words import clean, count, cut, moment, program_on, span, times, unc, words_of

WIDTH: Final = 1200
LEFT: Final = 250
RIGHT: Final = 160
LABEL_MAX: Final = 32
SUB_MAX: Final = 40
CHAR: Final = 6.6
"""Width of a character of 12 px text, roughly: decides whether a label fits."""

GROUPS_MAX: Final = 6
HOLD_LANES_MAX: Final = 6
EPISODE_LANES_MAX: Final = 4
JOB_GROUPS_MAX: Final = 4
WORKSTATION_LANES_MAX: Final = 12
OTHER_JOBS_MAX: Final = 12
QUIET_LANES_MAX: Final = 5

MARK_ROOM: Final = 6.0
"""Crosses closer than this become a density."""
BIN: Final = 4.0
BAR_GAP_MIN: Final = 1.5
FINAL_HEIGHT: Final = 4.0
"""A job that is over is a thin line: nothing is at work any more."""
CHANGES_MAX: Final = 200

STATUS_CLASS: Final = {
    "Pending": "pending",
    "None": "pending",
    "Active": "active",
    "Retrying": "retrying",
    "Complete": "complete",
    "Failed": "failed",
    "Cancelling": "canceled",
    "Canceled": "canceled",
    "Cancelled": "canceled",
}
"""The colour of each status; a status that is not here is drawn like a pending one, with its name."""
SYMBOL: Final = {"complete": "✓", "failed": "✗", "canceled": "⊘", "retrying": "↻", "active": "▸", "pending": "·"}
FINAL: Final = frozenset(["complete", "failed", "canceled"])


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time. `is_open`: it goes on after the end."""

    x: float
    width: float
    kind: str
    title: str
    label: str = ""
    is_open: bool = False
    height: float = 0.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment."""

    x: float
    kind: str
    title: str


@dataclass(slots=True)
class Lane:
    """One row: a name at the left, shapes, an outcome at the right. `y` is its top."""

    label: str
    sub: str
    title: str
    height: int
    bars: list[Bar] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    outcome: str = ""
    outcome_sub: str = ""
    outcome_kind: str = ""
    y: int = 0
    bar_height: int = 16


@dataclass(slots=True)
class Group:
    """Lanes that belong together, under a heading."""

    heading: str
    note: str
    lanes: list[Lane] = field(default_factory=list)
    rest: str = ""
    y: int = 0
    bottom: int = 0


@dataclass(slots=True)
class Picture:
    """The whole timeline. `description` says in words what it shows."""

    ticks: list[Tick]
    groups: list[Group]
    description: str
    rest: str
    height: int = 0
    width: int = WIDTH
    left: int = LEFT
    right: int = WIDTH - RIGHT
    legend: list[tuple[str, str]] = field(default_factory=list)


TOP: Final = 46
HEADING: Final = 26
REST: Final = 20
GROUP_GAP: Final = 14


def draw(facts: Facts) -> Picture:
    """Lay the facts out."""
    axis = Axis(facts.start, facts.end, LEFT, WIDTH - LEFT - RIGHT)
    groups, blocked_rest, shown = _blocked_groups(facts, axis)
    job_groups, reporting = _reporting_groups(facts, axis)
    groups += job_groups
    groups += _other_jobs(facts, axis, shown | reporting)
    groups += _quiet_group(facts, axis)
    picture = Picture(axis.ticks(), groups, _description(facts), blocked_rest)
    _place(picture)
    picture.legend = _legend(groups)
    return picture


def _place(picture: Picture) -> None:
    y = TOP
    for group in picture.groups:
        group.y = y
        y += HEADING
        for lane in group.lanes:
            lane.y = y
            y += lane.height
        if group.rest:
            y += REST
        group.bottom = y
        y += GROUP_GAP
    picture.height = y


# -- blocked files


def _blocked_groups(facts: Facts, axis: Axis) -> tuple[list[Group], str, set[str]]:
    """A group a file, longest blocked first; what is left out in words; the jobs that were drawn."""
    by_file: dict[FileKey, list[EpisodeRow]] = {}
    for episode in facts.episodes:
        by_file.setdefault(file_key(episode.server, episode.share, episode.path), []).append(episode)
    holdings: dict[FileKey, list[Holding]] = {}
    for holding in facts.holdings:
        if holding.refused:
            holdings.setdefault(holding.file, []).append(holding)
    shown: set[str] = set()
    groups = []
    for key, episodes in list(by_file.items())[:GROUPS_MAX]:
        groups.append(_blocked_group(facts, axis, episodes, holdings.get(key, []), shown))
    left_out = sum(len(rows) for rows in list(by_file.values())[GROUPS_MAX:])
    rest = f"{count(len(by_file) - GROUPS_MAX, 'more blocked file')} ({count(left_out, 'episode')})" if left_out else ""
    return groups, rest, shown


def _blocked_group(
    facts: Facts, axis: Axis, episodes: Sequence[EpisodeRow], holdings: Sequence[Holding], shown: set[str]
) -> Group:
    first = episodes[0]
    group = Group(unc(first.server, first.share, first.path), "who held it, and the update that had to wait")
    lanes = _by_holder(holdings)
    ranked = sorted(lanes, key=lambda lane: (-sum(h.refused for h in lane), lane[0].opened_at, lane[0].machine))
    for held in ranked[:HOLD_LANES_MAX]:
        group.lanes.append(_hold_lane(facts, axis, held))
    for episode in episodes[:EPISODE_LANES_MAX]:
        group.lanes.append(_episode_lane(facts, axis, episode))
    jobs = {job.job: job for job in (facts.job_of(e) for e in episodes[:EPISODE_LANES_MAX]) if job is not None}
    for job in jobs.values():
        if job.job not in shown:
            group.lanes.append(_job_lane(axis, job, facts.end))
            shown.add(job.job)
    more = [
        count(number, noun)
        for number, noun in ((len(lanes) - HOLD_LANES_MAX, "more holder"), (len(episodes) - EPISODE_LANES_MAX, "more episode"))
        if number > 0
    ]
    group.rest = f"not drawn: {' and '.join(more)} of this file" if more else ""
    return group


def _by_holder(holdings: Iterable[Holding]) -> list[list[Holding]]:
    """The openings of one program on one machine of one file belong into one lane."""
    lanes: dict[tuple[str, ...], list[Holding]] = {}
    for holding in holdings:
        lanes.setdefault((holding.machine, holding.program, *holding.file), []).append(holding)
    return list(lanes.values())


def _hold_lane(facts: Facts, axis: Axis, held: Sequence[Holding], quiet: bool = False) -> Lane:
    first = held[0]
    who = program_on(first.program, first.machine)
    user = f"user {clean(first.user)}" if first.user else "no user named"
    where = f"{clean(first.path.rpartition('/')[2])}, {user}" if quiet else f"held the file open, {user}"
    lane = Lane(cut(who, LABEL_MAX), cut(where, SUB_MAX), f"{who}, {user}", 34 if not quiet else 32)
    refused = sum(h.refused for h in held)
    total = sum((facts.end if h.closed_at is None else h.closed_at) - h.opened_at for h in held)
    lane.outcome = f"held {span(total)}"
    last = held[-1]
    lane.outcome_sub = "never closed" if last.closed_at is None else f"{_how_closed(last)} {_short(last.closed_at, axis)}"
    lane.outcome_kind = "quiet" if quiet else "hold"
    for holding in _merged(held, facts.end, axis):
        lane.bars.append(_hold_bar(facts, axis, holding, who, quiet))
    if not quiet and refused:
        lane.marks = [Mark(axis.x(h.closed_at), "release", _closing(h)) for h in held[:50] if h.closed_at is not None]
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
            stretches[-1] = _Stretch(last.first, max(last.until, until), last.count + 1, last.is_open or is_open)
        else:
            stretches.append(_Stretch(holding, until, 1, is_open))
    return stretches


def _hold_bar(facts: Facts, axis: Axis, stretch: _Stretch, who: str, quiet: bool) -> Bar:
    first = stretch.first
    x, width = axis.x(first.opened_at), max(2.0, axis.x(stretch.until) - axis.x(first.opened_at))
    until = "the end of the run" if stretch.is_open else moment(stretch.until)
    several = f", opened {times(stretch.count)}" if stretch.count > 1 else ""
    title = (
        f"{who} held {unc(first.server, first.share, first.path)} from {moment(first.opened_at)} to {until} "
        f"({span(stretch.until - first.opened_at)}{several}) with {clean(first.access)} access sharing {clean(first.share_mode)}"
    )
    label = f"may {words_of(first.access, 'do nothing')}, lets others {words_of(first.share_mode, 'do nothing')}"
    if len(label) * CHAR + 14 > width:
        label = f"{first.access} / shares {first.share_mode}"
    if len(label) * CHAR + 14 > width:
        label = ""
    return Bar(x, round(width, 1), "quiet" if quiet else "hold", title, clean(label), stretch.is_open)


def _how_closed(holding: Holding) -> str:
    return "closed" if holding.reason in ("", "closed") else clean(holding.reason)


def _closing(holding: Holding) -> str:
    assert holding.closed_at is not None
    how = "" if holding.reason in ("", "closed") else f" ({clean(holding.reason)})"
    return f"{program_on(holding.program, holding.machine)} let go at {moment(holding.closed_at)}{how}"


def _short(at: float, axis: Axis) -> str:
    text = moment(at)
    return text[11:] if axis.end - axis.start <= 86400 else text[5:]


# -- attempts


def _episode_lane(facts: Facts, axis: Axis, episode: EpisodeRow) -> Lane:
    who = program_on(episode.program, episode.machine)
    job = facts.job_of(episode)
    what = f"wants to {words_of(episode.access, 'open it')}" + (f" for job {clean(job.name or job.job)}" if job else "")
    lane = Lane(cut(who, LABEL_MAX), cut(what, SUB_MAX), f"{who}, {what}, {clean(episode.purpose)}", 38)
    at = facts.attempts.get(episode.episode, [])
    refused = f"refused {times(episode.attempt_count)}"
    lane.outcome, lane.outcome_sub, lane.outcome_kind = refused, f"blocked {span(episode.blocked_s)}", "bad"
    if episode.state == "resolved":
        lane.outcome, lane.outcome_kind = "✓ got through", "good"
        lane.outcome_sub = f"{count(episode.attempt_count, 'refusal')}, {span(episode.blocked_s)}"
    end = facts.end if episode.ended_at is None else episode.ended_at
    x = axis.x(episode.first_refused_at)
    waited = f"{who} waited from {moment(episode.first_refused_at)} to {moment(end)}: {episode.state}"
    lane.bars.append(Bar(x, round(max(1.0, axis.x(end) - x), 1), "wait", waited))
    _draw_attempts(lane, axis, at)
    if episode.state == "resolved":
        lane.marks.append(
            Mark(axis.x(end), "through", f"got through at {moment(end)}, {span(episode.blocked_s)} after the first")
        )
    elif episode.state == "given up":
        lane.marks.append(Mark(axis.x(end), "gave-up", f"given up at {moment(end)}"))
    return lane


def _draw_attempts(lane: Lane, axis: Axis, at: Sequence[float]) -> None:
    """Crosses where there is room for each, otherwise columns as high as there are many."""
    xs = [axis.x(t) for t in at]
    gaps = [b - a for a, b in zip(xs, xs[1:], strict=False)]
    if not gaps or min(gaps) >= MARK_ROOM:
        lane.marks += [
            Mark(x, "refused", f"attempt {n}, {moment(t)}: refused") for n, (x, t) in enumerate(zip(xs, at, strict=True), 1)
        ]
        return
    bins: dict[int, list[float]] = {}
    for x, t in zip(xs, at, strict=True):
        bins.setdefault(int((x - axis.left) // BIN), []).append(t)
    most = max(len(found) for found in bins.values())
    for number, found in bins.items():
        share = math.log1p(len(found)) / math.log1p(most)
        title = f"{count(len(found), 'refusal')}, {moment(found[0])} to {moment(found[-1])}"
        lane.bars.append(Bar(round(axis.left + number * BIN, 1), BIN - 1, "dense", title, height=round(6 + 18 * share, 1)))


# -- statuses


def _job_lane(axis: Axis, job: JobStory, end: float) -> Lane:
    lane = Lane(
        cut(f"Job {clean(job.name or job.job)}", LABEL_MAX), cut(f"status of {clean(job.job)}", SUB_MAX), clean(job.label), 34
    )
    _draw_statuses(lane, axis, job.changes, end, f"job {clean(job.label)}")
    if lane.bars and lane.bars[-1].kind in FINAL:
        lane.bars[-1] = replace(lane.bars[-1], height=FINAL_HEIGHT, label="")
        lane.marks.append(
            Mark(lane.bars[-1].x, "through" if lane.bars[-1].kind == "complete" else "gave-up", lane.bars[-1].title)
        )
    return lane


def _draw_statuses(lane: Lane, axis: Axis, changes: Sequence[Change], end: float, what: str) -> None:
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
        title = f"{what}: {status} from {moment(change.at)} to {moment(until)} ({span(until - change.at)})"
        label = status if len(status) * CHAR + 10 <= width else ""
        lane.bars.append(Bar(x, round(width, 1), kind, title, label))
    if changes:
        kind = STATUS_CLASS.get(changes[-1].status, "pending")
        lane.outcome = f"{SYMBOL[kind]} {clean(changes[-1].status)}"
        lane.outcome_sub = f"since {_short(changes[-1].at, axis)}"
        lane.outcome_kind = {"complete": "good", "failed": "bad"}.get(kind, "")


def _reporting_groups(facts: Facts, axis: Axis) -> tuple[list[Group], set[str]]:
    """A group for each job that workstations report on: the job, then its rows."""
    by_job: dict[str, list[DetailStory]] = {}
    for row in facts.workstations():
        by_job.setdefault(row.job, []).append(row)
    groups = []
    for job_id, rows in list(by_job.items())[:JOB_GROUPS_MAX]:
        job = facts.jobs.get(job_id) or JobStory(job_id, "")
        group = Group(f"Job {clean(job.label)}", "what the site's Job Details said of each workstation")
        if job.changes:
            group.lanes.append(_job_lane(axis, job, facts.end))
        chosen = rows[:WORKSTATION_LANES_MAX]
        for row in sorted(chosen, key=lambda row: row.machine):
            group.lanes.append(_workstation_lane(facts, axis, row))
        left_out = rows[WORKSTATION_LANES_MAX:]
        if left_out:
            group.rest = f"not drawn: {count(len(left_out), 'more workstation')} ({tally(row.status for row in left_out)})"
        groups.append(group)
    return groups, {job for job in list(by_job)[:JOB_GROUPS_MAX]}


def tally(statuses: Iterable[str]) -> str:
    """`Complete 40, None 3`: most frequent first."""
    found: dict[str, int] = {}
    for status in statuses:
        found[status] = found.get(status, 0) + 1
    return ", ".join(
        f"{clean(status)} {number:,}" for status, number in sorted(found.items(), key=lambda item: (-item[1], item[0]))
    )


def _workstation_lane(facts: Facts, axis: Axis, row: DetailStory) -> Lane:
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
        lane.bars.append(Bar(x, width, "none" if row.changes[0].was == "None" else kind, title, label))
    _draw_statuses(lane, axis, row.changes, facts.end, clean(row.machine))
    for note in _thinned(facts.notes.get(row.machine, []), axis):
        lane.marks.append(Mark(axis.x(note.at), note.kind, f"{clean(row.machine)} {clean(note.text)} at {moment(note.at)}"))
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


def _other_jobs(facts: Facts, axis: Axis, shown: set[str]) -> list[Group]:
    jobs = [job for job in facts.jobs.values() if job.job not in shown]
    if not jobs:
        return []
    group = Group("Other jobs" if shown else "Jobs", "")
    group.lanes = [_job_lane(axis, job, facts.end) for job in jobs[:OTHER_JOBS_MAX]]
    left_out = jobs[OTHER_JOBS_MAX:]
    if left_out:
        group.rest = f"not drawn: {count(len(left_out), 'more job')} ({tally(job.status for job in left_out)})"
    return [group]


def _quiet_group(facts: Facts, axis: Axis) -> list[Group]:
    """Opens that blocked nobody, longest held first."""
    lanes = _by_holder(holding for holding in facts.holdings if not holding.refused)
    if not lanes:
        return []

    def held_s(lane: Sequence[Holding]) -> float:
        return sum((facts.end if h.closed_at is None else h.closed_at) - h.opened_at for h in lane)

    ranked = sorted(lanes, key=lambda lane: (-round(held_s(lane)), lane[0].opened_at, lane[0].machine))
    group = Group("Files held open that blocked nobody", "")
    group.lanes = [_hold_lane(facts, axis, lane, quiet=True) for lane in ranked[:QUIET_LANES_MAX]]
    if len(lanes) > QUIET_LANES_MAX:
        group.rest = f"not drawn: {count(len(lanes) - QUIET_LANES_MAX, 'more holder')} who blocked nobody"
    return [group]


# -- words


LEGEND: Final = (
    ("hold", "file held open, in the way"),
    ("release", "let go"),
    ("refused", "attempt refused"),
    ("dense", "many refusals (higher: more)"),
    ("wait", "the update waits"),
    ("through", "got through, complete"),
    ("gave-up", "given up, failed"),
    ("none", "None: no report yet"),
    ("pending", "Pending"),
    ("active", "Active"),
    ("retrying", "Retrying"),
    ("complete", "Complete"),
    ("failed", "Failed"),
    ("canceled", "Canceled"),
    ("run", "ran the package"),
    ("reported", "reported"),
    ("expired", "told that it expired"),
    ("quiet", "file held open, in nobody's way"),
)


def _legend(groups: Iterable[Group]) -> list[tuple[str, str]]:
    used = {shape.kind for group in groups for lane in group.lanes for shape in (*lane.bars, *lane.marks)}
    return [(kind, text) for kind, text in LEGEND if kind in used]


def _description(facts: Facts) -> str:
    """What the picture shows, for those who cannot see it."""
    parts = [f"Site time from {moment(facts.start)} to {moment(facts.end)}."]
    for episode in facts.episodes[:GROUPS_MAX]:
        holders = ", ".join(program_on(h.program, h.machine) for h in episode.holds[:3]) or "nobody named"
        parts.append(
            f"{program_on(episode.program, episode.machine)} was refused {unc(episode.server, episode.share, episode.path)} "
            f"{times(episode.attempt_count)} from {moment(episode.first_refused_at)} to {moment(episode.last_refused_at)}, "
            f"held by {holders}; {episode.state} after {span(episode.blocked_s)}."
        )
    for job in list(facts.jobs.values())[:OTHER_JOBS_MAX]:
        parts.append(f"Job {clean(job.label)}: " + ", ".join(f"{c.status} {moment(c.at)}" for c in job.changes[:10]) + ".")
    return clean(" ".join(parts), 3000)
