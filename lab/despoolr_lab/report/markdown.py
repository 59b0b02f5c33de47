"""`report.md`: a run for a pull request or an issue: verdict, expectations, who waited for whom,
jobs.

The law: what `report.html` says, shorter; equal records and summaries give equal files. Names from
outside are code or escaped: none of them makes a link, a mention or a table's column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from despoolr_core import phrases, times
from despoolr_core.records.stream import Record
from despoolr_core.records.whatif.ladder import Ladder
from despoolr_lab.report.content import words
from despoolr_lab.report.content.facts import Facts, about_of, read_facts, title_of
from despoolr_lab.report.content.fixes import fixes_of
from despoolr_lab.report.content.verdict import durations, verdict_of
from despoolr_lab.report.strips import damage, folder_says, is_odd, ran_says, truth_says

EPISODES_MAX: Final = 20
HOLDERS_MAX: Final = 3
JOBS_MAX: Final = 20
EXPECTATIONS_MAX: Final = 50
FAULTS_MAX: Final = 20
FIXES_MAX: Final = 20
CHANGES_MAX: Final = 8
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>|~&]|:(?=//)|(?<=www)\.)")
_REFERENCE: Final = re.compile("([@#])")
_NOTHING: Final = "\u200b"
"""A blank of no width: a backslash keeps no page from making a mention or a reference."""


def render_markdown(
    records: Iterable[Record], summary: Mapping[str, Any], ladder: Ladder | None = None
) -> str:
    """The page, ended by a newline. `ladder` is the answer of a what-if, if one was asked."""
    facts = read_facts(records, summary, ladder)
    verdict = verdict_of(facts, summary, ladder.sentence if ladder is not None else "")
    parts = [f"# {escape(title_of(summary))}", "\n".join(_lines(verdict.lines))]
    if about := about_of(summary):
        parts.append(escape(", ".join(about)) + ".")
    if harm := damage(facts):
        parts.append(escape(harm))
    parts += [*_fixes(ladder), *_expectations(summary), *_episodes(facts)]
    parts += [*_faults(facts), *_jobs(facts), *_folders(facts), *_notes(facts, summary)]
    if digest := words.clean(summary.get("digest") or ""):
        parts.append(f"{phrases.counted(facts.record_count, 'record')}, digest {_code(digest)}")
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Text in which nothing is markup."""
    return _REFERENCE.sub(rf"\1{_NOTHING}", _SPECIAL.sub(r"\\\1", text))


def _lines(lines: Sequence[str]) -> list[str]:
    return [f"* **{escape(lines[0])}**", *(f"* {escape(line)}" for line in lines[1:])]


def _code(text: str) -> str:
    return "`" + text.replace("`", "'").replace("|", "\\|") + "`"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _more(left_out: int, noun: str) -> list[str]:
    return [f"{phrases.counted(left_out, 'more ' + noun)} not shown."] if left_out > 0 else []


def _expectations(summary: Mapping[str, Any]) -> list[str]:
    findings = [item for item in summary.get("expectations", []) if isinstance(item, Mapping)]
    if not findings:
        return []
    held = sum(1 for item in findings if item.get("ok"))
    broken = [item for item in findings if not item.get("ok")]
    lines = [f"## Expectations: {held} of {len(findings)} hold"]
    if broken:
        rows = [
            [
                escape(words.clean(item.get("name", ""))),
                escape(words.value_text(item.get("expected"))),
                escape(words.value_text(item.get("actual"))),
            ]
            for item in broken[:EXPECTATIONS_MAX]
        ]
        lines.append(_table(["Not as expected", "Expected", "Found"], rows))
    return [*lines, *_more(len(broken) - EXPECTATIONS_MAX, "expectation")]


def _episodes(facts: Facts) -> list[str]:
    if not facts.episodes:
        return []
    rows = []
    for row in facts.episodes[:EPISODES_MAX]:
        holders = [
            words.program_on(hold.program, hold.machine)
            + (f" (user {words.clean(hold.user)})" if hold.user else "")
            for hold in row.holds[:HOLDERS_MAX]
        ]
        if len(row.holds) > HOLDERS_MAX:
            holders.append(f"{len(row.holds) - HOLDERS_MAX:,} more")
        rows.append(
            [
                escape(words.program_on(row.program, row.machine)),
                _code(words.unc(row.server, row.share, row.path)),
                phrases.how_often(row.attempt_count),
                "; ".join(map(str, durations(facts, row))),
                escape(", ".join(holders)),
                escape(words.clean(row.state)),
            ]
        )
    header = ["Who waited", "For", "Refused", "How long", "Who was in the way", "End"]
    left_out = len(facts.episodes) - EPISODES_MAX
    return ["## Who waited for whom", _table(header, rows), *_more(left_out, "episode")]


def _faults(facts: Facts) -> list[str]:
    if not facts.faults:
        return []
    rows = [
        [
            escape(words.clean(fault.fault)),
            escape(words.clean(fault.where)),
            times.moment(fault.began_at),
            "the end" if fault.ended_at is None else times.moment(fault.ended_at),
        ]
        for fault in facts.faults[:FAULTS_MAX]
    ]
    return [
        "## Broken on purpose",
        _table(["What", "Where", "From", "Until"], rows),
        *_more(len(facts.faults) - FAULTS_MAX, "fault"),
    ]


def _fixes(ladder: Ladder | None) -> list[str]:
    fixes = fixes_of(ladder)
    if fixes is None:
        return []
    rows = [
        [
            escape(f"{row.sign} {row.word}"),
            escape(row.change),
            row.worlds,
            escape(row.after),
            escape(row.effects),
            escape(row.needs),
            row.act_before,
        ]
        for row in fixes.rows[:FIXES_MAX]
    ]
    header = [
        "Result",
        "Change",
        "Worlds",
        "Goal after",
        "Effects, or why not",
        "Costs, needs",
        "Act before",
    ]
    return [
        "## What would have fixed it",
        f"Goal: {escape(fixes.goal)}. As it was: {escape(fixes.as_it_was)}."
        + ("" if fixes.is_confirmed else " Not yet confirmed by reruns."),
        _table(header, rows),
        *_more(len(fixes.rows) + fixes.left_out - FIXES_MAX, "change"),
    ]


def _jobs(facts: Facts) -> list[str]:
    jobs = [job for job in facts.jobs.values() if job.changes]
    if not jobs:
        return []
    rows = [
        [
            escape(words.clean(job.label)),
            escape(words.clean(job.status)),
            times.moment(job.changes[-1].at),
            escape(truth_says(facts, job)),
        ]
        for job in jobs[:JOBS_MAX]
    ]
    return [
        "## Jobs",
        _table(["Job", "The database says", "Since", "True"], rows),
        *_more(len(jobs) - JOBS_MAX, "job"),
    ]


def _folders(facts: Facts) -> list[str]:
    """Each package on each server over time, those only in which something was wrong."""
    wrong = [folder for folder in facts.versions.folders.values() if is_odd(folder)]
    rows = [
        [
            escape(words.clean(f"{folder.package} on {folder.server}")),
            escape(
                "; ".join(
                    f"{folder_says(one, folder.versions.due) or 'removed'} "
                    f"since {times.moment(one.at)}"
                    for one in folder.whole[:CHANGES_MAX]
                )
                + (" ..." if len(folder.whole) > CHANGES_MAX else "")
            ),
            escape(ran_says(folder)),
        ]
        for folder in wrong[:JOBS_MAX]
    ]
    if not rows:
        return []
    header = ["Package", "Its files", "Who ran it from there"]
    more = _more(len(wrong) - JOBS_MAX, "folder")
    return ["## What lay on the shares", _table(header, rows), *more]


def _notes(facts: Facts, summary: Mapping[str, Any]) -> list[str]:
    lines = [
        escape(
            f"“{words.clean(one.says)}” is false, on purpose. {words.clean(one.truth)} SMS said so "
            f"{phrases.how_often(one.count)} ({one.article}, {one.title})."
        )
        for one in facts.false[:EPISODES_MAX]
    ]
    notes = summary.get("notes") or []
    lines += [escape(words.clean(note, 2000)) for note in notes[:EPISODES_MAX]]
    left_out = max(0, len(notes) - EPISODES_MAX) + max(0, len(facts.false) - EPISODES_MAX)
    shown = "\n".join(f"* {line}" for line in lines)
    return ["## Notes", shown, *_more(left_out, "note")] if lines else []
