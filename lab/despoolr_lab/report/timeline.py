"""The picture of a run: what is drawn where, as plain shapes that the template turns into SVG.

One group for each blocked file, cause above effect: who held the file, the update's attempts
against it, the status of the job that waited. Then the jobs with what their workstations reported,
other jobs, and the opens that blocked nobody.

Everything is bounded: lanes by the `*_MAX` below, marks by the width of the picture (closer ones
are drawn as a density). What is left out is counted in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from despoolr_core.records.view import DetailHistory, FaultHistory, Holding, JobHistory
from despoolr_core.share.wire import EpisodeRow
from despoolr_core.times import moment, span
from despoolr_lab.report.axis import Axis
from despoolr_lab.report.facts import Facts, FileKey, file_key, file_of
from despoolr_lab.report.lanes import (
    by_holder,
    episode_lane,
    fault_lane,
    hold_lane,
    job_lane,
    workstation_lane,
)
from despoolr_lab.report.shapes import LEFT, LEGEND, RIGHT, WIDTH, LaneGroup, Picture, tally
from despoolr_lab.report.words import clean, count, program_on, times, unc

GROUPS_MAX: Final = 6
HOLD_LANES_MAX: Final = 6
EPISODE_LANES_MAX: Final = 4
JOB_GROUPS_MAX: Final = 4
WORKSTATION_LANES_MAX: Final = 12
OTHER_JOBS_MAX: Final = 12
QUIET_LANES_MAX: Final = 5
FAULT_LANES_MAX: Final = 12


TOP: Final = 46
HEADING: Final = 26
REST: Final = 20
GROUP_GAP: Final = 14


def draw(facts: Facts) -> Picture:
    """Lay the facts of a run out as lanes on one axis of time."""
    axis = Axis(facts.start, facts.end, LEFT, WIDTH - LEFT - RIGHT)
    groups, blocked_rest, shown = _blocked_groups(facts, axis)
    job_groups, reporting = _reporting_groups(facts, axis)
    groups += job_groups
    groups += _other_jobs(facts, axis, shown | reporting)
    groups += _quiet_group(facts, axis)
    groups += _fault_group(facts, axis)
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


def _blocked_groups(facts: Facts, axis: Axis) -> tuple[list[LaneGroup], str, set[str]]:
    """A group a file, longest blocked first; what is left out in words; the jobs that were
    drawn.
    """
    by_file: dict[FileKey, list[EpisodeRow]] = {}
    for episode in facts.episodes:
        by_file.setdefault(file_key(episode.server, episode.share, episode.path), []).append(
            episode
        )
    holdings: dict[FileKey, list[Holding]] = {}
    for holding in facts.holdings:
        if holding.refusal_count:
            holdings.setdefault(file_of(holding), []).append(holding)
    shown: set[str] = set()
    groups = []
    for key, episodes in list(by_file.items())[:GROUPS_MAX]:
        groups.append(_blocked_group(facts, axis, episodes, holdings.get(key, []), shown))
    left_out = sum(len(rows) for rows in list(by_file.values())[GROUPS_MAX:])
    rest = (
        f"{count(len(by_file) - GROUPS_MAX, 'more blocked file')} ({count(left_out, 'episode')})"
        if left_out
        else ""
    )
    return groups, rest, shown


def _blocked_group(
    facts: Facts,
    axis: Axis,
    episodes: Sequence[EpisodeRow],
    holdings: Sequence[Holding],
    shown: set[str],
) -> LaneGroup:
    first = episodes[0]
    group = LaneGroup(
        unc(first.server, first.share, first.path), "who held it, and the update that had to wait"
    )
    lanes = by_holder(holdings)
    ranked = sorted(
        lanes,
        key=lambda lane: (-sum(h.refusal_count for h in lane), lane[0].opened_at, lane[0].machine),
    )
    for held in sorted(
        ranked[:HOLD_LANES_MAX], key=lambda lane: (lane[0].opened_at, lane[0].machine)
    ):
        group.lanes.append(hold_lane(facts, axis, held))
    for episode in episodes[:EPISODE_LANES_MAX]:
        group.lanes.append(episode_lane(facts, axis, episode))
    jobs = {
        job.job: job
        for job in (facts.job_of(e) for e in episodes[:EPISODE_LANES_MAX])
        if job is not None
    }
    for job in jobs.values():
        if job.job not in shown:
            group.lanes.append(job_lane(axis, job, facts.end))
            shown.add(job.job)
    more = [
        count(number, noun)
        for number, noun in (
            (len(lanes) - HOLD_LANES_MAX, "more holder"),
            (len(episodes) - EPISODE_LANES_MAX, "more episode"),
        )
        if number > 0
    ]
    group.rest = f"not drawn: {' and '.join(more)} of this file" if more else ""
    return group


# -- jobs, and what else was open


def _reporting_groups(facts: Facts, axis: Axis) -> tuple[list[LaneGroup], set[str]]:
    """A group for each job that workstations report on: the job, then its rows."""
    by_job: dict[str, list[DetailHistory]] = {}
    for row in facts.workstations():
        by_job.setdefault(row.job, []).append(row)
    groups = []
    for job_id, rows in list(by_job.items())[:JOB_GROUPS_MAX]:
        job = facts.jobs.get(job_id) or JobHistory(job_id, "")
        group = LaneGroup(
            f"Job {clean(job.label)}", "what the site's Job Details said of each workstation"
        )
        if job.changes:
            group.lanes.append(job_lane(axis, job, facts.end))
        chosen = rows[:WORKSTATION_LANES_MAX]
        for row in sorted(chosen, key=lambda row: row.machine):
            group.lanes.append(workstation_lane(facts, axis, row))
        left_out = rows[WORKSTATION_LANES_MAX:]
        if left_out:
            group.rest = (
                f"not drawn: {count(len(left_out), 'more workstation')} "
                f"({tally(row.status for row in left_out)})"
            )
        groups.append(group)
    return groups, set(list(by_job)[:JOB_GROUPS_MAX])


def _other_jobs(facts: Facts, axis: Axis, shown: set[str]) -> list[LaneGroup]:
    jobs = [job for job in facts.jobs.values() if job.job not in shown]
    if not jobs:
        return []
    group = LaneGroup("Other jobs" if shown else "Jobs", "")
    group.lanes = [job_lane(axis, job, facts.end) for job in jobs[:OTHER_JOBS_MAX]]
    left_out = jobs[OTHER_JOBS_MAX:]
    if left_out:
        group.rest = (
            f"not drawn: {count(len(left_out), 'more job')} "
            f"({tally(job.status for job in left_out)})"
        )
    return [group]


def _quiet_group(facts: Facts, axis: Axis) -> list[LaneGroup]:
    """Opens that blocked nobody, longest held first."""
    lanes = by_holder(holding for holding in facts.holdings if not holding.refusal_count)
    if not lanes:
        return []

    def held_s(lane: Sequence[Holding]) -> float:
        return sum((facts.end if h.closed_at is None else h.closed_at) - h.opened_at for h in lane)

    ranked = sorted(
        lanes, key=lambda lane: (-round(held_s(lane)), lane[0].opened_at, lane[0].machine)
    )
    group = LaneGroup("Files held open that blocked nobody", "")
    group.lanes = [hold_lane(facts, axis, lane, quiet=True) for lane in ranked[:QUIET_LANES_MAX]]
    if len(lanes) > QUIET_LANES_MAX:
        group.rest = (
            f"not drawn: {count(len(lanes) - QUIET_LANES_MAX, 'more holder')} who blocked nobody"
        )
    return [group]


def _fault_group(facts: Facts, axis: Axis) -> list[LaneGroup]:
    """What was broken on purpose, a lane for each name and place."""
    places: dict[tuple[str, str], list[FaultHistory]] = {}
    for fault in facts.faults:
        places.setdefault((fault.fault, fault.where), []).append(fault)
    if not places:
        return []
    group = LaneGroup("Broken on purpose", "faults that the scenario caused")
    group.lanes = [
        fault_lane(facts, axis, faults) for faults in list(places.values())[:FAULT_LANES_MAX]
    ]
    if len(places) > FAULT_LANES_MAX:
        group.rest = f"not drawn: {count(len(places) - FAULT_LANES_MAX, 'more fault')}"
    return [group]


# -- words


def _legend(groups: Iterable[LaneGroup]) -> list[tuple[str, str]]:
    lanes = [lane for group in groups for lane in group.lanes]
    used = {bar.kind for lane in lanes for bar in lane.bars} | {
        mark.kind for lane in lanes for mark in lane.marks
    }
    return [(kind, text) for kind, text in LEGEND if kind in used]


def _description(facts: Facts) -> str:
    """What the picture shows, for those who cannot see it."""
    parts = [f"Site time from {moment(facts.start)} to {moment(facts.end)}."]
    for episode in facts.episodes[:GROUPS_MAX]:
        holders = (
            ", ".join(program_on(h.program, h.machine) for h in episode.holds[:3]) or "nobody named"
        )
        parts.append(
            f"{program_on(episode.program, episode.machine)} was refused "
            f"{unc(episode.server, episode.share, episode.path)} "
            f"{times(episode.attempt_count)} from {moment(episode.first_refused_at)} to "
            f"{moment(episode.last_refused_at)}, "
            f"held by {holders}; {episode.state} after {span(episode.blocked_s)}."
        )
    for job in list(facts.jobs.values())[:OTHER_JOBS_MAX]:
        parts.append(
            f"Job {clean(job.label)}: "
            + ", ".join(f"{c.status} {moment(c.at)}" for c in job.changes[:10])
            + "."
        )
    return clean(" ".join(parts), 3000)
