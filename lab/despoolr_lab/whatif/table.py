"""A ladder for people: a table for a terminal, and for a pull request."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

from despoolr_core.phrases import counted
from despoolr_core.records.whatif.ladder import CANNOT_HELP, FIXES, WORDS, Ladder, LadderRow
from despoolr_core.times import moment, span

COLUMNS = ("", "WORLDS", "GOAL AFTER", "CHANGE")
WAIT_COLUMNS = ("WAITS ENDED", "HALF AFTER", "ALL AFTER", "CHANGE")


def heading(ladder: Ladder) -> list[str]:
    """What was asked, and how it stood."""
    return [f"GOAL  {ladder.goal or 'none'}", f"      as it was: {ladder.as_it_was}"]


def rows(ladder: Ladder) -> list[tuple[str, str, str, str]]:
    """The cells of every change that was run again, or could not be for want of time."""
    return [
        (
            row.word,
            f"{row.held}/{row.worlds}" if row.worlds else "-",
            after(row),
            "; ".join(part for part in (row.change, *_about(row)) if part),
        )
        for row in ladder.rows
        if row.word != CANNOT_HELP
    ]


def wait_rows(ladder: Ladder) -> list[tuple[str, str, str, str]]:
    """The cells of every change of a recording that could have ended a wait."""
    return [
        (
            f"{row.ended:,} of {row.waits:,}",
            span(row.ended_after_s or 0.0),
            span(row.bound_after_s or 0.0),
            "; ".join(
                part
                for part in (
                    row.change,
                    row.cost,
                    f"needs: {row.needs}" if row.needs else "",
                    row.why,
                )
                if part
            ),
        )
        for row in ladder.rows
        if row.word != CANNOT_HELP
    ]


def forbidden(ladder: Ladder) -> list[tuple[str, str]]:
    """What cannot help, by its reason: each reason once, with the changes that it rules out."""
    reasons: dict[str, list[str]] = {}
    for row in ladder.rows:
        if row.word == CANNOT_HELP:
            reasons.setdefault(row.why, []).append(row.change)
    return [(reason, ", ".join(found)) for reason, found in reasons.items()]


def after(row: LadderRow) -> str:
    """How long after the first attempt the goal held: the median, and between which."""
    if row.goal_after_s is None:
        return "never" if row.worlds and not row.held else "-"
    text = span(row.goal_after_s)
    least, most = row.goal_after_least_s, row.goal_after_most_s
    if least is None or most is None or span(least) == span(most):
        return text
    return f"{text} ({span(least)} to {span(most)})"


def footer(ladder: Ladder) -> list[str]:
    """How the rows are ordered, and what it cost."""
    found = dict.fromkeys(row.word for row in ladder.rows if ladder.confirmed)
    lines = [
        "; ".join(f"{word}: {WORDS[word]}" for word in found) + "." if found else "",
        f"Order: {'; '.join(ladder.order)}." if ladder.confirmed else "",
    ]
    if ladder.reruns:
        lines.append(
            f"{counted(ladder.reruns, 'rerun')} in {ladder.wall_s:.0f} s; "
            f"the run is of world {ladder.seed}."
        )
    return [line for line in lines if line]


def first_again(ladder: Ladder) -> list[str]:
    """How to see the first row again. Its command has a line of its own, not to be wrapped."""
    replays = [row.replay for row in ladder.rows if row.replay]
    lines = ["See the first again:", f"  {replays[0]}"] if replays else []
    if len(replays) > 1:
        lines.append("The files of the other rows lie beside it, numbered in this order.")
    return lines


def markdown(ladder: Ladder, text: Callable[[str], str]) -> str:
    """The ladder as a table of a pull request; `text` makes text of what may be markup."""
    lines = [
        f"**{text(ladder.sentence)}**",
        "",
        f"Goal: {text(ladder.goal)}. As it was: {text(ladder.as_it_was)}.",
        "",
        "| | change | worlds | goal after | effects | cost |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in ladder.rows:
        worlds = f"{row.held}/{row.worlds}" if row.worlds else ""
        note = row.why or (row.effects.told() if row.worlds else row.needs)
        cells = (row.word, row.change, worlds, after(row), note, row.cost)
        lines.append("| " + " | ".join(text(cell) for cell in cells) + " |")
    if not ladder.rows:
        del lines[-2:]
    notes = [f"- {text(note)}" for note in ladder.notes]
    return "\n".join([*lines, *(["", *notes] if notes else []), ""])


def markdown_of_waits(ladder: Ladder, text: Callable[[str], str]) -> str:
    """The ladder of a recording as a table of a pull request, with its windows and assumptions."""
    lines = [
        f"**{text(ladder.sentence)}**",
        "",
        f"Goal: {text(ladder.goal)}. As it was: {text(ladder.as_it_was)}.",
        "",
    ]
    if ladder.rows:
        lines += ["| change | waits ended | half after | all after | note | cost |"]
        lines += ["| --- | --- | --- | --- | --- | --- |"]
    for row in ladder.rows:
        ends = f"{row.ended:,} of {row.waits:,}"
        times = [span(s) if s is not None else "" for s in (row.ended_after_s, row.bound_after_s)]
        cells = (row.change, ends, *times, row.why or row.needs, row.cost)
        lines.append("| " + " | ".join(text(cell) for cell in cells) + " |")
    lines += ["", *(f"- {text(line)}" for line in (*window_lines(ladder), *ladder.notes)), ""]
    return "\n".join(lines)


def window_lines(ladder: Ladder) -> list[str]:
    """When nobody had the files open, in sentences; empty where it was not asked."""
    found = ladder.windows
    if found is None or not found.files:
        return []
    files = "the file" if found.files == 1 else f"any of the {found.files:,} files"
    of_them = "it" if found.files == 1 else "them"
    lines = [
        f"{_day(one.begin)} to {_until(one.begin, one.end)} ({span(one.end - one.begin)}) nobody "
        f"had {files} open{', and the recording ends or begins there' if one.at_edge else ''}"
        for one in found.windows
    ]
    if found.quietest is not None:
        one = found.quietest
        lines.append(
            f"at no time had nobody {files} open; the quietest is {_day(one.begin)} to "
            f"{_until(one.begin, one.end)} ({span(one.end - one.begin)}): "
            f"{one.opens:,} open at once, by {one.holders:,}"
            if one.opens
            else f"for no whole second had nobody {files} open"
        )
    daily = found.daily
    if daily is not None:
        lines.append(
            f"every day {_of_day(daily.begin_s)} to {_of_day(daily.begin_s + daily.length_s)} "
            f"nobody had {files} open, on each of at least {daily.days:,} days"
        )
    lines += [
        f"every day at {one.hour:02}:00 {one.who} has {one.files:,} of {of_them} open "
        f"(on {one.days:,} of {one.days_recorded:,} days)"
        for one in found.habits
    ]
    return lines


def _day(at: float) -> str:
    return f"{dt.datetime.fromtimestamp(at, dt.UTC):%a %Y-%m-%d %H:%M:%S}".removesuffix(":00")


def _until(begin: float, end: float) -> str:
    first, last = (dt.datetime.fromtimestamp(at, dt.UTC) for at in (begin, end))
    form = "%H:%M:%S" if first.date() == last.date() else "%a %Y-%m-%d %H:%M:%S"
    return last.strftime(form).removesuffix(":00")


def _of_day(seconds: int) -> str:
    return f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}"


def _about(row: LadderRow) -> Iterator[str]:
    yield row.cost
    if row.worlds:
        yield row.effects.told() if any(row.effects.rank) or row.word == FIXES else ""
    yield f"needs: {row.needs}" if row.needs else ""
    if not row.worlds and row.bound_after_s is not None:
        yield f"no earlier than {span(row.bound_after_s)} after the first attempt"
    if row.act_before:
        yield f"act before {moment(row.act_before)}"
    yield row.why
