"""A run in a terminal: verdict, expectations, jobs over time, and a timeline in plain ASCII, as
wide as it is asked to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rich.cells import cell_len

from despoolr_app.cells import cut, fill, padded
from despoolr_core import times
from despoolr_core.phrases import counted, how_often
from despoolr_core.records.stream import Record
from despoolr_core.records.view import DetailHistory, FaultHistory, Holding, JobHistory
from despoolr_core.share.wire import EpisodeRow
from despoolr_lab.report.axis import Axis
from despoolr_lab.report.content import words
from despoolr_lab.report.content.facts import Episodes, Facts, FileKey, file_of, read_facts
from despoolr_lab.report.content.verdict import verdict_of
from despoolr_lab.report.shapes import tally

WIDTH: Final = 100
"""Columns of a page that goes to no terminal."""
WIDTH_MIN: Final = 79
NAME: Final = 26
OUTCOME: Final = 19
EXPECTATIONS_MAX: Final = 50
JOBS_MAX: Final = 12
FILES_MAX: Final = 4
HOLDERS_MAX: Final = 3
WORKSTATIONS_MAX: Final = 12
FAULTS_MAX: Final = 12
MANY: Final = 10
SHOWN_MAX: Final = 600
"""Characters of a value that was expected or found."""
OVER: Final = frozenset(["Complete", "Failed", "Canceled", "Cancelled"])

LETTERS: Final[dict[str, str]] = {
    "Pending": "p",
    "Active": "a",
    "Retrying": "r",
    "Complete": "C",
    "Failed": "F",
    "None": ".",
}
LETTERS.update(dict.fromkeys(("Cancelling", "Canceled", "Cancelled"), "/"))
"""A status in a lane; others by the first letter of their name."""


def render_text(
    summary: Mapping[str, Any],
    records: Iterable[Record],
    remedy: str = "",
    *,
    width: int = WIDTH,
) -> str:
    """The run in words and ASCII, no line longer than `width` columns (at least `WIDTH_MIN`), no
    colour.
    """
    facts = read_facts(records, summary)
    page = _Page(max(WIDTH_MIN, width))
    parts = [
        page.verdict(summary, facts, remedy),
        page.expectations(summary),
        page.jobs(facts),
        page.workstations(facts),
        page.timeline(facts),
    ]
    return "\n\n".join(part for part in parts if part)


class _Page:
    """The parts of the page, `width` columns wide; `columns` of them are the picture's."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.columns = width - NAME - OUTCOME - 4

    def verdict(self, summary: Mapping[str, Any], facts: Facts, remedy: str) -> str:
        verdict = verdict_of(facts, summary, remedy)
        lines = [self._wrapped("VERDICT  ", verdict.sentence, "         ")]
        if remedy:
            lines.append(self._wrapped("REMEDY   ", words.clean(remedy, 2000), "         "))
        lines += [
            self._wrapped("NOTE     ", words.clean(note, 500), "         ")
            for note in summary.get("notes", [])
        ]
        return "\n".join(lines)

    def _wrapped(self, first: str, text: str, rest: str) -> str:
        return fill(text, self.width, first, rest, break_on_hyphens=False)

    def expectations(self, summary: Mapping[str, Any]) -> str:
        findings = [item for item in summary.get("expectations", []) if isinstance(item, Mapping)]
        if not findings:
            return ""
        lines = [
            f"EXPECTATIONS  {sum(1 for item in findings if item.get('ok'))} of {len(findings)} hold"
        ]
        for item in findings[:EXPECTATIONS_MAX]:
            name = words.clean(item.get("name", ""))
            if item.get("ok"):
                actual = cut(
                    words.value_text(item.get("actual")), max(12, self.width - 8 - cell_len(name))
                )
                line = f"  ok   {name}"
                room = self.width - cell_len(f"{line}  {actual}")
                lines.append(
                    f"{line}  {' ' * room}{actual}" if room >= 0 else cut(line, self.width)
                )
            else:
                lines.append(self._wrapped("  NOT  ", name, "       "))
                lines.append(
                    self._wrapped(
                        "       expected  ",
                        words.value_text(item.get("expected"), SHOWN_MAX),
                        " " * 17,
                    )
                )
                lines.append(
                    self._wrapped(
                        "       found     ",
                        words.value_text(item.get("actual"), SHOWN_MAX),
                        " " * 17,
                    )
                )
        if len(findings) > EXPECTATIONS_MAX:
            lines.append(
                f"  {counted(len(findings) - EXPECTATIONS_MAX, 'more expectation')} not shown"
            )
        return "\n".join(lines)

    def jobs(self, facts: Facts) -> str:
        if not facts.jobs:
            return ""
        jobs = list(facts.jobs.values())
        width = min(20, max(cell_len(words.clean(job.name or job.job)) for job in jobs[:JOBS_MAX]))
        lines = ["JOBS"]
        for job in jobs[:JOBS_MAX]:
            name = cut(words.clean(job.name or job.job), width)
            steps = [
                f"{words.clean(change.status)} {times.moment(change.at)}" for change in job.changes
            ]
            if len(steps) > 6:
                steps = [*steps[:3], f"{len(steps) - 5} more", *steps[-2:]]
            text = " > ".join(step.replace(" ", "\xa0") for step in steps)
            lines.append(
                self._wrapped(f"  {padded(name, width)}  ", text, " " * (width + 4)).replace(
                    "\xa0", " "
                )
            )
        if len(jobs) > JOBS_MAX:
            left_out = jobs[JOBS_MAX:]
            lines.append(
                f"  {counted(len(left_out), 'more job')} not shown: "
                f"{tally(job.status for job in left_out)}"[: self.width]
            )
        return "\n".join(lines)

    def workstations(self, facts: Facts) -> str:
        rows = facts.workstations()
        if not rows:
            return ""
        lines = [f"WORKSTATIONS  {tally(row.status for row in rows)}"[: self.width]]
        for row in sorted(rows[:WORKSTATIONS_MAX], key=lambda row: (row.job, row.machine)):
            steps = [
                row.changes[0].was or "None",
                *(
                    f"{change.status} {times.moment(change.at)}"
                    for change in row.changes[-2:]
                    if change.status != change.was
                ),
            ]
            if len(row.changes) > 2:
                steps.insert(1, f"{len(row.changes) - 2} more")
            job = facts.jobs.get(row.job)
            name = (
                f"  {padded(cut(words.clean(row.machine), 15), 15)}  "
                f"{padded(cut(words.clean(job.name if job else row.job), 16), 16)}  "
            )
            lines.append(cut(name + words.clean(" > ".join(steps)), self.width))
        if len(rows) > WORKSTATIONS_MAX:
            lines.append(f"  {counted(len(rows) - WORKSTATIONS_MAX, 'more workstation')} not shown")
        return "\n".join(lines)

    # -- the picture

    def timeline(self, facts: Facts) -> str:
        if facts.end <= facts.start or not (facts.episodes or facts.jobs or facts.faults):
            return ""
        axis = Axis(facts.start, facts.end, 0, self.columns)
        column = times.span((facts.end - facts.start) / self.columns)
        lines = [
            f"TIMELINE  {times.moment(facts.start)} to {times.moment(facts.end)}, one column "
            f"is {column}"
        ]
        drawn: set[str] = set()
        used: set[str] = set()
        by_file = facts.episodes.by_file()
        body: list[str] = []
        for key, episodes in list(by_file.items())[:FILES_MAX]:
            body += self._file(facts, axis, key, episodes, drawn, used)
        if len(by_file) > FILES_MAX:
            body.append(f"  {counted(len(by_file) - FILES_MAX, 'more blocked file')} not drawn")
        others = [job for job in facts.jobs.values() if job.job not in drawn]
        body += [self._job_lane(axis, job, used) for job in others[:JOBS_MAX]]
        if not facts.episodes:
            rows = sorted(facts.workstations()[:WORKSTATIONS_MAX], key=lambda row: row.machine)
            body += [self._workstation_lane(axis, row, used) for row in rows]
        body += [self._fault_lane(axis, facts, fault, used) for fault in facts.faults[:FAULTS_MAX]]
        if len(facts.faults) > FAULTS_MAX:
            body.append(f"  {counted(len(facts.faults) - FAULTS_MAX, 'more fault')} not drawn")
        return "\n".join([*lines, self._ruler(axis), *body, *self._key(used)])

    def _file(
        self,
        facts: Facts,
        axis: Axis,
        key: FileKey,
        episodes: Episodes,
        drawn: set[str],
        used: set[str],
    ) -> list[str]:
        first = episodes[0]
        lines = [cut(f"  {words.unc(first.server, first.share, first.path)}", self.width)]
        lanes: dict[tuple[str, str], list[Holding]] = {}
        for holding in facts.holdings:
            if holding.refusal_count and file_of(holding) == key:
                lanes.setdefault((holding.machine, holding.program), []).append(holding)
        ranked = sorted(
            lanes.values(),
            key=lambda held: (-sum(h.refusal_count for h in held), held[0].opened_at),
        )
        lines += [self._hold_lane(axis, facts, held, used) for held in ranked[:HOLDERS_MAX]]
        if len(lanes) > HOLDERS_MAX:
            lines.append(f"    {counted(len(lanes) - HOLDERS_MAX, 'more holder')} not drawn")
        for episode in episodes[:HOLDERS_MAX]:
            lines.append(self._episode_lane(axis, facts, episode, used))
            job = facts.job_of(episode)
            if job and job.job not in drawn:
                drawn.add(job.job)
                lines.append(self._job_lane(axis, job, used))
        if len(episodes) > HOLDERS_MAX:
            lines.append(f"    {counted(len(episodes) - HOLDERS_MAX, 'more episode')} not drawn")
        return lines

    def _lane(self, name: str, cells: Sequence[str], outcome: str) -> str:
        head = f"    {padded(cut(name, NAME - 4), NAME - 4)}"
        return f"{head} |{''.join(cells)}| {cut(outcome, OUTCOME)}".rstrip()

    def _column(self, axis: Axis, at: float) -> int:
        return min(self.columns - 1, int(axis.x(at)))

    def _hold_lane(self, axis: Axis, facts: Facts, held: Sequence[Holding], used: set[str]) -> str:
        cells = [" "] * self.columns
        for holding in held:
            until = facts.end if holding.closed_at is None else holding.closed_at
            begin, end = self._column(axis, holding.opened_at), self._column(axis, until)
            cells[begin : end + 1] = ["="] * (end - begin + 1)
            if holding.closed_at is None:
                cells[end] = ">"
            elif end > begin:
                cells[end] = ")"
        used |= set(cells) - {" "}
        first, last = held[0], held[-1]
        outcome = (
            "never closed"
            if last.closed_at is None
            else f"{words.how_closed(last.reason)} {times.moment(last.closed_at)[5:]}"
        )
        return self._lane(words.program_on(first.program, first.machine), cells, outcome)

    def _episode_lane(self, axis: Axis, facts: Facts, episode: EpisodeRow, used: set[str]) -> str:
        counts = [0] * self.columns
        for at in facts.attempts.get(episode.episode, ()):
            counts[self._column(axis, at)] += 1
        cells = [" " if not n else "x" if n == 1 else str(n) if n < MANY else "#" for n in counts]
        used |= {"x" if n == 1 else "2" if n < MANY else "#" for n in counts if n}
        outcome = f"refused {how_often(episode.attempt_count)}"
        if episode.ended_at is not None:
            mark = "o" if episode.state == "resolved" else "!"
            cells[self._column(axis, episode.ended_at)] = mark
            used.add(mark)
        return self._lane(words.program_on(episode.program, episode.machine), cells, outcome)

    def _job_lane(self, axis: Axis, job: JobHistory, used: set[str]) -> str:
        """A job; once it is over, its letter and a line."""
        cells = self._statuses(axis, job)
        if job.status in OVER:
            begin = self._column(axis, job.changes[-1].at) + 1
            cells[begin:] = ["-"] * (self.columns - begin)
        _explain(cells, job, used)
        return self._lane(f"job {words.clean(job.name or job.job)}", cells, words.clean(job.status))

    def _workstation_lane(self, axis: Axis, row: DetailHistory, used: set[str]) -> str:
        cells = self._statuses(axis, row)
        _explain(cells, row, used)
        return self._lane(words.clean(row.machine), cells, words.clean(row.status))

    def _fault_lane(self, axis: Axis, facts: Facts, fault: FaultHistory, used: set[str]) -> str:
        until = facts.end if fault.ended_at is None else fault.ended_at
        begin, end = self._column(axis, fault.began_at), self._column(axis, until)
        cells = [" "] * self.columns
        cells[begin : end + 1] = ["~"] * (end - begin + 1)
        used.add("~")
        outcome = f"broken {times.span(until - fault.began_at)}"
        return self._lane(words.clean(f"{fault.fault} {fault.where}"), cells, outcome)

    def _statuses(self, axis: Axis, row: JobHistory | DetailHistory) -> list[str]:
        cells = [" "] * self.columns
        for change in row.changes:
            begin = self._column(axis, change.at)
            cells[begin:] = [_letter(change.status)] * (self.columns - begin)
        return cells

    def _ruler(self, axis: Axis) -> str:
        """Ticks over the lanes, as many as there is room for."""
        cells = [" "] * self.columns
        free = 0
        for tick in axis.ticks(room=8):
            begin = self._column(
                axis, axis.start + tick.at / self.columns * (axis.end - axis.start)
            )
            if begin >= free and begin + len(tick.text) <= self.columns:
                cells[begin : begin + len(tick.text)] = list(tick.text)
                free = begin + len(tick.text) + 1
        return f"{'':{NAME}} |{''.join(cells)}|"

    def _key(self, used: set[str]) -> list[str]:
        symbols = (
            ("=", "= held open"),
            (")", ") closed"),
            ("x", "x refused"),
            ("2", "2-9 refused so often"),
            ("#", "# ten times or more"),
            ("o", "o got through"),
            ("!", "! given up"),
            ("~", "~ broken on purpose"),
        )
        found = [text for symbol, text in symbols if symbol in used] + sorted(
            text for text in used if len(text) > 2
        )
        text = ", ".join(item.replace(" ", "\xa0") for item in found)
        return [self._wrapped("  ", text, "  ").replace("\xa0", " ")] if found else []


def _letter(status: str) -> str:
    return LETTERS.get(status) or words.clean(status)[:1].lower() or "?"


def _explain(cells: Sequence[str], row: JobHistory | DetailHistory, used: set[str]) -> None:
    """Remember the letters that are to be seen."""
    used |= {
        f"{_letter(c.status)} {words.clean(c.status)}"
        for c in row.changes
        if _letter(c.status) in cells
    }
