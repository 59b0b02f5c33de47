"""A ladder of the first pass alone, for a run that cannot be run again: what was imported from a
real server, or made before runs kept their scenario.

The law: it says what the sharing rule makes of the opens that are known, and what it had to assume;
no row is confirmed, and the ladder says so. The records are read twice: once for the refusals, once
for the opens of the files that they were about, so that a run of a million opens fits.
"""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from despoolr_core.phrases import counted
from despoolr_core.records.stream import Record
from despoolr_core.records.whatif.hold_table import FileKey, HoldTable
from despoolr_core.records.whatif.ladder import CANNOT_HELP, NOT_SETTLED, Effects, Ladder, LadderRow
from despoolr_core.records.whatif.ladder import told as sentence_of
from despoolr_core.records.whatif.waits import TO_THE_END, Ends, Hindsight
from despoolr_core.records.whatif.windows import UpdateWindows, windows_of
from despoolr_core.rules.fold import fold
from despoolr_core.rules.remedies import COPY_STRATEGIES, Cost
from despoolr_core.share.wire import EpisodeRow
from despoolr_core.times import span
from despoolr_lab.whatif.knobs.change import COSTS
from despoolr_lab.whatif.recording.recorded_waits import RecordedWaits

HOLDERS_MAX: Final = 8
"""Holders that get a row of their own, those that refused most first."""
RETRIES_S: Final = (1, 10, 60, 300, 900, 3600, 14_400)
NOTE: Final = (
    "not yet confirmed by reruns: this run has no scenario to run again, so this is what the "
    "sharing rule says of the opens that are known, with every other open as it was"
)
SAMBA_NOTE: Final = (
    "a Samba server replaces a file by a rename while another client has it open "
    "(temp_and_rename); Windows refuses that"
)


def first_pass(
    source: str, read: Callable[[], Iterable[Record]], patterns: Sequence[str] = ()
) -> Ladder:
    """What could have let the blocked updates of a run through, and when nobody had the files open:
    those that were refused, or those of `patterns` (`office/*`), or all where none was refused.
    """
    refusals = RecordedWaits(read())
    refused = refusals.files
    folded = [fold(pattern.replace("\\", "/").lstrip("/")) for pattern in patterns]

    def is_asked(key: FileKey) -> bool:
        if folded:
            return any(
                fnmatch.fnmatchcase(name, one) for one in folded for name in (key[2], _whole(key))
            )
        return key in refused if refused else True

    table = HoldTable(lambda key: key in refused or is_asked(key))
    for record in read():
        table.apply(record)
    hindsight = Hindsight(table, refusals.waits, refusals.attempts)
    windows = windows_of(table, is_asked)
    as_it_was = hindsight.as_it_was()
    ladder = Ladder(
        source=source,
        goal="every open that was refused gets through",
        as_it_was=_as_it_was(refusals.waits, as_it_was),
        rows=tuple(_rows(hindsight, table, refusals.is_of_samba)) if refusals.waits else (),
        since=min((row.first_refused_at for row in refusals.waits), default=table.start),
        confirmed=False,
        is_met=not refusals.waits,
        notes=tuple(_notes(refusals, table, windows)),
        windows=windows,
    )
    return msgspec.structs.replace(ladder, sentence=sentence_of(ladder))


def _rows(hindsight: Hindsight, table: HoldTable, is_of_samba: bool) -> list[LadderRow]:
    found = [_row("more attempts", Cost.SETTING, hindsight.whenever())]
    found += [
        _row(f"an attempt every {span(every)}", Cost.SETTING, hindsight.every(every))
        for every in RETRIES_S
        if every < table.end - table.start
    ]
    for name, strategy in COPY_STRATEGIES.items():
        if is_of_samba and strategy.passes_on_samba:
            strategy = replace(strategy, wants=0, yields_to_any=False)
        if strategy.is_ours:
            ends = hindsight.by(strategy)
            if ends.waits:
                found.append(_row(f"copy strategy {name}", strategy.cost, ends, strategy.needs))
    found += [
        _row(f"{who} closing its files", Cost.HABIT, hindsight.without(who))
        for who in hindsight.holders(HOLDERS_MAX)
    ]
    cut = hindsight.by_force()
    if cut.opens:
        forced = _row("closing by force what is in the way", Cost.FORCE, hindsight.at_once())
        effects = Effects(users_cut=cut.machines, data_lost=cut.written)
        says = (
            f"cuts {_count(cut.opens, 'open')} of {_count(cut.users, 'user')} at the first "
            f"refusals, {cut.written:,} of them for writing"
        )
        found.append(msgspec.structs.replace(forced, effects=effects, why=says))
    found.sort(
        key=lambda row: (
            row.word == CANNOT_HELP,
            -row.ended / max(1, row.waits),
            row.effects.rank,
            COSTS.index(Cost(row.cost)),
            row.ended_after_s or 0.0,
        )
    )
    return found


def _row(says: str, cost: Cost, ends: Ends, needs: str = "") -> LadderRow:
    return LadderRow(
        change=says,
        cost=str(cost),
        word=NOT_SETTLED if ends.spans else CANNOT_HELP,
        needs=needs,
        why="" if ends.spans else ends.why or f"it is refused {TO_THE_END}",
        waits=ends.waits,
        ended=len(ends.spans),
        ended_after_s=_rounded(ends.median_s),
        bound_after_s=_rounded(ends.longest_s),
    )


def _as_it_was(waits: Sequence[EpisodeRow], ends: Ends) -> str:
    if not waits:
        return "no refusal"
    states = Counter(row.state for row in waits)
    text = ", ".join(f"{count} {state}" for state, count in states.items())
    longest = ends.longest_s
    return f"{text}, the longest after {span(longest)}" if longest is not None else text


def _notes(refusals: RecordedWaits, table: HoldTable, windows: UpdateWindows) -> Iterator[str]:
    """What had to be assumed."""
    if refusals.waits:
        yield NOTE
        if refusals.is_of_samba:
            yield SAMBA_NOTE
    elif refusals.grades and min(refusals.grades) == "C":
        yield "refusals are not in samples: nobody who waits is known, so only windows are told"
    if table.untold_count:
        yield (
            f"the share mode or the access of {table.untold_count:,} of {len(table):,} opens is "
            "not in the sources: they are taken to be in the way, so that nothing is told too early"
        )
    if any(hold.since and not hold.machine for row in refusals.waits for hold in row.holds):
        yield (
            "some refusals have nobody in the way that the sources show: whoever it was is taken "
            "to have had the file open until the waiter got through"
        )
    if "C" in refusals.grades and windows.windows:
        yield "windows are between samples: what was open for a shorter time may be missing"
    if refusals.count > len(refusals.waits):
        yield f"of {refusals.count:,} waits, these are the longest {len(refusals.waits):,}"
    if table.left_out_count:
        yield f"left out: {counted(table.left_out_count, 'open')} of further files"


def _whole(key: FileKey) -> str:
    return f"{key[1]}/{key[2]}"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' if number != 1 else ''}"
