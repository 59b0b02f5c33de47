"""What was true, under what was said: for each job what the job database said and what lay on the
servers or was run on the machines; for each package and server what its files were, and who ran
them.

The law: the version map says what was true; a job is *untrue* where the database says Complete and
it is not, or never was. What is right recedes: only folders and files that were ever old, mixed or
missing are drawn file by file.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, TypeVar

from despoolr_core.phrases import counted
from despoolr_core.records.versions.version_map import Truth
from despoolr_core.records.versions.versioned_folder import (
    GONE,
    MISSING,
    MIXED,
    NEW,
    OLD,
    FileChange,
    FolderCount,
    ProgramRun,
    VersionedFolder,
)
from despoolr_core.records.view import JobHistory
from despoolr_core.times import moment, span
from despoolr_lab.report.axis import Axis
from despoolr_lab.report.content.facts import Facts
from despoolr_lab.report.content.words import clean
from despoolr_lab.report.lanes import job_lane
from despoolr_lab.report.shapes import Bar, Lane, LaneGroup, LaneMark, tally

JOBS_MAX: Final = 12
FOLDERS_MAX: Final = 12
FILES_MAX: Final = 12
RUNS_MAX: Final = 60
"""Marks of programs that were run from a folder; of more, those of one state and hour are one."""
CHANGES_MAX: Final = 400
DISAGREE: Final = "≠"
_WRONG: Final = frozenset([MIXED, MISSING])
_WAS: Final = "was"


def job_strips(facts: Facts, axis: Axis) -> tuple[list[LaneGroup], str]:
    """A group a job: what the database said, what was true; then what is left out, in words."""
    jobs = [job for job in facts.jobs.values() if job.changes]
    ranked = sorted(jobs, key=lambda job: not is_untrue(facts, job))
    chosen = {job.job for job in ranked[:JOBS_MAX]}
    groups = [_job_group(facts, axis, job) for job in jobs if job.job in chosen]
    left_out = [job for job in jobs if job.job not in chosen]
    rest = f"{counted(len(left_out), 'more job')} ({tally(job.status for job in left_out)})"
    return groups, rest if left_out else ""


def is_untrue(facts: Facts, job: JobHistory) -> bool:
    """Whether the database says at the end that a job is Complete, and it is not."""
    return job.status == "Complete" and not _is_true(_last(facts.truth_of(job.job)))


def truth_says(facts: Facts, job: JobHistory) -> str:
    """`1 of 2 servers right, 1 mixed`, with a sign where the database disagrees; empty for a job
    that brings nothing and runs nothing.
    """
    last = _last(facts.truth_of(job.job))
    if last is None:
        return ""
    says = _says(last, "server" if facts.versions.brings(job.job) else "PC")
    return f"{DISAGREE} {says}" if is_untrue(facts, job) else says


def is_odd(folder: VersionedFolder) -> bool:
    """Whether some file of it was ever old or missing."""
    return any(one.old or one.missing for one in folder.whole)


def ran_says(folder: VersionedFolder) -> str:
    """`6 of 9 starts got wrong files`; empty where nobody ran it."""
    if not folder.run_count:
        return ""
    return f"{folder.wrong_count:,} of {counted(folder.run_count, 'start')} got wrong files"


def _last(truth: Sequence[Truth]) -> Truth | None:
    """The last word while the job's version was the newest."""
    return next((one for one in reversed(truth) if one.total), None)


def _is_true(last: Truth | None) -> bool:
    return last is None or last.new == last.total


def _job_group(facts: Facts, axis: Axis, job: JobHistory) -> LaneGroup:
    group = LaneGroup("", "")
    lane = job_lane(axis, job, facts.end)
    group.lanes.append(lane)
    truth = facts.truth_of(job.job)
    last = _last(truth)
    if last is None:
        group.says = f"{lane.label}: the job database says {_statuses(job)}."
        return group
    noun = "server" if facts.versions.brings(job.job) else "PC"
    true = Lane("", f"true on the {noun}s", f"what was true on the {noun}s")
    for one, until in _stretches(truth, facts.end):
        if one.total:
            says = _says(one, noun)
            title = f"true of {clean(job.label)}: {says}, {_from_to(one.at, until)}"
            true.bars.append(Bar(one.at, until, _kind(one), title, says))
    true.outcome = f"{last.new} of {counted(last.total, noun)} right"
    if truth[-1].total == 0:
        true.outcome_sub = "until the next version"
    untrue = is_untrue(facts, job)
    if untrue:
        true.outcome = f"{DISAGREE} {true.outcome}"
        true.outcome_sub = "the database disagrees"
    true.outcome_kind = "good" if last.new == last.total else "bad"
    group.lanes.append(true)
    group.says = (
        f"{lane.label}: the job database says {_statuses(job)}; true at the end: "
        f"{_says(last, noun)}{', so the two disagree' if untrue else ''}."
    )
    return group


def _statuses(job: JobHistory) -> str:
    told = [f"{clean(one.status)} from {moment(one.at)}" for one in job.changes[:10]]
    return ", then ".join(told)


def _says(truth: Truth, noun: str) -> str:
    parts = [f"{truth.new} of {counted(truth.total, noun)} right"]
    if truth.missing:
        parts.append(f"{truth.missing} with files missing")
    if truth.mixed:
        parts.append(f"{truth.mixed} mixed")
    return ", ".join(parts)


def _kind(truth: Truth) -> str:
    if truth.new == truth.total:
        return NEW
    return MISSING if truth.missing else MIXED if truth.mixed else OLD


def _from_to(since: float, until: float) -> str:
    return f"{moment(since)} to {moment(until)} ({span(until - since)})"


T = TypeVar("T", FileChange, FolderCount, Truth)


def _stretches(changes: Sequence[T], end: float) -> list[tuple[T, float]]:
    """Each change with the time of the next one; of very many, those that last longest."""
    found = [(one, nxt.at) for one, nxt in pairwise(changes)]
    found += [(changes[-1], end)] if changes else []
    if len(found) > CHANGES_MAX:
        least = sorted((until - one.at for one, until in found), reverse=True)[CHANGES_MAX]
        found = [(one, until) for one, until in found if until - one.at > least]
    return found


# -- files


def folder_groups(facts: Facts) -> tuple[list[LaneGroup], str]:
    """A group for each package and server, the worst first; then what is left out, in words."""
    folders = [one for one in facts.versions.folders.values() if one.names]
    ranked = sorted(folders, key=lambda folder: -_wrong_s(folder, facts.end))
    groups = [_folder_group(facts, folder) for folder in ranked[:FOLDERS_MAX]]
    left_out = ranked[FOLDERS_MAX:]
    states = tally(folder.state or "removed" for folder in left_out)
    rest = [f"{counted(len(left_out), 'more folder')} ({states})"] if left_out else []
    if facts.versions.folders_left_out:
        attempts = counted(facts.versions.folders_left_out, "attempt")
        rest.append(f"{attempts} at folders that are not followed")
    if facts.runs.left_out:
        rest.append(f"{counted(facts.runs.left_out, 'more start')} of programs")
    return groups, " and ".join(rest)


def _wrong_s(folder: VersionedFolder, end: float) -> float:
    """How long the folder was mixed, or had files missing."""
    ends = [one.at for one in folder.whole[1:]] + [end]
    return sum(
        until - one.at for one, until in zip(folder.whole, ends, strict=True) if one.state in _WRONG
    )


def _folder_group(facts: Facts, folder: VersionedFolder) -> LaneGroup:
    name = f"{clean(folder.package)} on {clean(folder.server)}"
    group = LaneGroup(name, _named(facts, folder.package))
    newest = folder.versions.due
    whole = Lane("", "whole folder", f"{name}: the whole folder")
    for one, until in _stretches(folder.whole, facts.end):
        if one.state != GONE:
            says = folder_says(one, newest)
            kind = _WAS if one.state == NEW and one.version < newest else one.state
            title = f"{name}: {says}, {_from_to(one.at, until)}"
            whole.bars.append(Bar(one.at, until, kind, title, says))
    now = folder.count
    whole.outcome = folder_says(now, newest) if now.state else "removed"
    whole.outcome_kind = {NEW: "good", GONE: ""}.get(now.state, "bad")
    group.lanes.append(whole)
    files = folder.files
    odd = [
        one
        for one, changes in files.items()
        if any(change.state in (OLD, MISSING) for change in changes)
    ]
    for key in odd[:FILES_MAX]:
        group.lanes.append(_file_lane(clean(folder.names[key]), files[key], newest, facts.end))
    if folder.runs:
        group.lanes.append(_run_lane(folder))
    others = len(files) - min(len(odd), FILES_MAX)
    left_out = len(odd) - FILES_MAX
    more = [f"{counted(left_out, 'more file')} not drawn"] if left_out > 0 else []
    if others and odd[:FILES_MAX] and len(odd) <= FILES_MAX:
        more.append(f"{counted(others, 'file')} more, never old or missing")
    if folder.unfollowed:
        more.append(f"{counted(len(folder.unfollowed), 'file')} not followed")
    group.rest = "; ".join(more)
    group.says = f"{name}: " + "; ".join(bar.title.partition(": ")[2] for bar in whole.bars[:20])
    return group


def _named(facts: Facts, package: str) -> str:
    """The jobs that brought it."""
    names = [
        clean(job.name or job.job)
        for job in facts.jobs.values()
        if job.package == package and facts.versions.brings(job.job)
    ]
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown


def folder_says(one: FolderCount, newest: int) -> str:
    """`2 of 3 missing`, `1 new, 2 old`, `new`, `version 1`."""
    if one.missing:
        rest = [f"{n} {word}" for n, word in ((one.new, NEW), (one.old, OLD)) if n]
        return ", ".join([f"{one.missing} of {one.total} missing", *rest])
    if one.state == MIXED:
        return f"mixed: {one.new} new, {one.old} old"
    if one.state == NEW and one.version < newest:
        return f"version {one.version}"
    return one.state


def _file_lane(name: str, changes: Sequence[FileChange], newest: int, end: float) -> Lane:
    lane = Lane("", name, name, is_thin=True)
    for one, until in _stretches(changes, end):
        if one.state != GONE:
            kind = _WAS if one.state == NEW and one.version < newest else one.state
            word = f"version {one.version}" if kind == _WAS else one.state
            lane.bars.append(
                Bar(one.at, until, kind, f"{name}: {word}, {_from_to(one.at, until)}", word)
            )
    return lane


def _run_lane(folder: VersionedFolder) -> Lane:
    """Who ran the program from there: a mark each, or one for those of an hour."""
    runs = folder.runs
    program = clean(runs[0].program)
    wrong = folder.wrong_count
    lane = Lane("", f"ran {program} from it", f"who ran {program} from it")
    together: dict[tuple[str, int], list[ProgramRun]] = {}
    for number, run in enumerate(runs):
        hour = int(run.at // 3600) if len(runs) > RUNS_MAX else number
        together.setdefault((_ran(run), hour), []).append(run)
    for (kind, _), found in list(together.items())[:CHANGES_MAX]:
        who = clean(found[0].machine) if len(found) == 1 else f"{len(found):,} PCs"
        title = f"{who} ran {clean(found[0].program)} at {moment(found[0].at)}: {_found(found[0])}"
        lane.marks.append(LaneMark(found[0].at, kind, title))
    lane.outcome = f"{wrong:,} got wrong files" if wrong else "all got whole ones"
    lane.outcome_sub = f"of {counted(folder.run_count, 'start')}"
    lane.outcome_kind = "bad" if wrong else ""
    return lane


def _ran(run: ProgramRun) -> str:
    return f"ran-{run.state}" if run.is_whole else "ran-wrong"


def _found(run: ProgramRun) -> str:
    if run.missing:
        return f"{counted(run.missing, 'file')} missing"
    return {MIXED: "files of both versions", GONE: "no files"}.get(run.state, f"{run.state} files")


def damage(facts: Facts) -> str:
    """What the waiting did to others, in a sentence; empty where it did nothing."""
    parts = []
    for word, noun in ((MISSING, "had files missing"), (MIXED, "had files of two versions")):
        places = [
            f"{clean(folder.package)} on {clean(folder.server)}"
            for folder in facts.versions.folders.values()
            if any(one.state == word for one in folder.whole)
        ]
        if places:
            shown = ", ".join(places[:3])
            more = f" and {len(places) - 3} more" if len(places) > 3 else ""
            parts.append(f"{shown}{more} {noun}")
    folders = facts.versions.folders.values()
    wrong = sum(folder.wrong_count for folder in folders)
    runs = sum(folder.run_count for folder in folders)
    if wrong:
        parts.append(f"{wrong:,} of {counted(runs, 'start')} of a program met them so")
    return f"Meanwhile {'; '.join(parts)}." if parts else ""
