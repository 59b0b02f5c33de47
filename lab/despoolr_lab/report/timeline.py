"""The picture of a run: what is drawn where, as plain shapes on one axis of time that the template
turns into SVG.

One group for each blocked file, cause above effect: who held the file, and the update's attempts
against it. Then what Job Details said of workstations, the opens that blocked nobody, faults. On
the same axis the strips of jobs (what the database said, what was true) and the files on the
shares.

Everything is bounded: lanes by the `*_MAX` below, marks by the width of the picture (closer ones
become columns). What is left out is counted in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from sys import intern
from typing import Final

from msgspec.structs import replace

from despoolr_core.phrases import counted, how_often
from despoolr_core.records.view import DetailHistory, FaultHistory, Holding, JobHistory
from despoolr_core.share.wire import EpisodeRow
from despoolr_core.times import moment, span
from despoolr_lab.report.axis import Axis
from despoolr_lab.report.content.facts import Episodes, Facts, FileKey, file_of
from despoolr_lab.report.content.words import clean, file_name, program_on, unc
from despoolr_lab.report.lanes import (
    by_holder,
    episode_lane,
    fault_lane,
    hold_lane,
    workstation_lane,
)
from despoolr_lab.report.shapes import LEGEND, WIDTH, Lane, LaneGroup, Picture, tally
from despoolr_lab.report.strips import folder_groups, job_strips

GROUPS_MAX: Final = 6
HOLD_LANES_MAX: Final = 6
EPISODE_LANES_MAX: Final = 4
JOB_GROUPS_MAX: Final = 4
WORKSTATION_LANES_MAX: Final = 12
JOBS_TOLD_MAX: Final = 12
QUIET_LANES_MAX: Final = 5
FAULT_LANES_MAX: Final = 12
_NAMES: Final = (
    "server",
    "machine",
    "user",
    "program",
    "share",
    "path",
    "access",
    "share_mode",
    "reason",
)


def draw(facts: Facts) -> Picture:
    """Lay the facts of a run out as lanes on one axis of time."""
    axis = Axis(facts.start, facts.end, 0, WIDTH)
    groups, blocked_rest = _blocked_groups(facts, axis)
    groups += _reporting_groups(facts, axis)
    groups += _quiet_group(facts, axis)
    groups += _fault_group(facts)
    strips, strips_rest = job_strips(facts, axis)
    files, files_rest = folder_groups(facts)
    picture = Picture(
        axis,
        groups,
        strips,
        files,
        _description(facts),
        blocked_rest,
        strips_rest=strips_rest,
        files_rest=files_rest,
    )
    columns = [lane.attempts.columns for lane in picture.lanes if lane.attempts is not None]
    picture.most = max((one.count for found in columns for one in found), default=1)
    picture.legend = _legend(picture.lanes)
    return picture


# -- blocked files


def _blocked_groups(facts: Facts, axis: Axis) -> tuple[list[LaneGroup], str]:
    """A group a file, longest blocked first; what is left out in words."""
    by_file = facts.episodes.by_file()
    drawn = dict(islice(by_file.items(), GROUPS_MAX))
    holdings: dict[FileKey, list[Holding]] = {key: [] for key in drawn}
    for holding in facts.holdings if drawn else ():
        if holding.refusal_count and (key := file_of(holding)) in drawn:
            holdings[key].append(_in_few_bytes(holding))
    groups = [
        _blocked_group(facts, axis, episodes, holdings[key]) for key, episodes in drawn.items()
    ]
    left_out = sum(len(rows) for rows in list(by_file.values())[GROUPS_MAX:])
    rest = (
        f"{counted(len(by_file) - GROUPS_MAX, 'more blocked file')} "
        f"({counted(left_out, 'episode')})"
        if left_out
        else ""
    )
    return groups, rest


def _in_few_bytes(holding: Holding) -> Holding:
    """An open as a lane needs it: there can be a hundred thousand of them, of a few names."""
    told = {name: intern(getattr(holding, name)) for name in _NAMES}
    return replace(holding, **told, blocked=None, wanted=("", ""))


def _blocked_group(
    facts: Facts,
    axis: Axis,
    episodes: Episodes,
    holdings: Sequence[Holding],
) -> LaneGroup:
    first = episodes[0]
    group = LaneGroup(
        f"{file_name(first.path) or clean(first.share)} on {clean(first.server)}",
        unc(first.server, first.share, first.path),
        says=" ".join(_told(episode) for episode in episodes[:EPISODE_LANES_MAX]),
        episodes=[*episodes.names],
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
    more = [
        counted(number, noun)
        for number, noun in (
            (len(lanes) - HOLD_LANES_MAX, "more holder"),
            (len(episodes) - EPISODE_LANES_MAX, "more episode"),
        )
        if number > 0
    ]
    group.rest = f"not drawn: {' and '.join(more)} of this file" if more else ""
    return group


# -- jobs, and what else was open


def _reporting_groups(facts: Facts, axis: Axis) -> list[LaneGroup]:
    """A group for each job that workstations report on: its rows."""
    by_job: dict[str, list[DetailHistory]] = {}
    for row in facts.workstations():
        by_job.setdefault(row.job, []).append(row)
    groups = []
    for job_id, rows in list(by_job.items())[:JOB_GROUPS_MAX]:
        job = facts.jobs.get(job_id) or JobHistory(job_id, "")
        group = LaneGroup(
            f"Job {clean(job.label)}", "what the site's Job Details said of each workstation"
        )
        chosen = rows[:WORKSTATION_LANES_MAX]
        for row in sorted(chosen, key=lambda row: row.machine):
            group.lanes.append(workstation_lane(facts, axis, row))
        left_out = rows[WORKSTATION_LANES_MAX:]
        if left_out:
            group.rest = (
                f"not drawn: {counted(len(left_out), 'more workstation')} "
                f"({tally(row.status for row in left_out)})"
            )
        groups.append(group)
    return groups


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
    left_out = sum(len(lane) for lane in ranked[QUIET_LANES_MAX:]) + facts.quiet_left_out
    if left_out:
        group.rest = f"not drawn: {counted(left_out, 'more open')} that blocked nobody"
    return [group]


def _fault_group(facts: Facts) -> list[LaneGroup]:
    """What was broken on purpose, a lane for each name and place."""
    places: dict[tuple[str, str], list[FaultHistory]] = {}
    for fault in facts.faults:
        places.setdefault((fault.fault, fault.where), []).append(fault)
    if not places:
        return []
    group = LaneGroup("Broken on purpose", "faults that the scenario caused")
    group.lanes = [fault_lane(facts, faults) for faults in list(places.values())[:FAULT_LANES_MAX]]
    if len(places) > FAULT_LANES_MAX:
        group.rest = f"not drawn: {counted(len(places) - FAULT_LANES_MAX, 'more fault')}"
    return [group]


# -- words


def _legend(lanes: Sequence[Lane]) -> list[tuple[str, str]]:
    used = {bar.kind for lane in lanes for bar in lane.bars}
    used |= {mark.kind for lane in lanes for mark in lane.marks}
    for lane in lanes:
        if lane.attempts is not None:
            used |= {"refused"} if lane.attempts.crosses else {"column"}
    return [(kind, text) for kind, text in LEGEND if kind in used]


def _told(episode: EpisodeRow) -> str:
    holders = (
        ", ".join(program_on(h.program, h.machine) for h in episode.holds[:3]) or "nobody named"
    )
    return (
        f"{program_on(episode.program, episode.machine)} was refused "
        f"{unc(episode.server, episode.share, episode.path)} "
        f"{how_often(episode.attempt_count)} from {moment(episode.first_refused_at)} to "
        f"{moment(episode.last_refused_at)}, "
        f"held by {holders}; {episode.state} after {span(episode.blocked_s)}."
    )


def _description(facts: Facts) -> str:
    """What the picture shows, for those who cannot see it."""
    parts = [f"Site time from {moment(facts.start)} to {moment(facts.end)}."]
    parts += [_told(episode) for episode in facts.episodes[:GROUPS_MAX]]
    for job in list(facts.jobs.values())[:JOBS_TOLD_MAX]:
        parts.append(
            f"Job {clean(job.label)}: "
            + ", ".join(f"{c.status} {moment(c.at)}" for c in job.changes[:10])
            + "."
        )
    return clean(" ".join(parts), 3000)
