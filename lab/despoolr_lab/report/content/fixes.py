"""What would have fixed it, as a table: the ladder that a what-if left beside its run, row by row.

The law: every word is the ladder's. A row that no rerun confirmed says so; a time that exists only
in another world has a `~`.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from despoolr_core.phrases import counted
from despoolr_core.records.whatif.ladder import (
    CANNOT_HELP,
    FIXES,
    HARMS,
    HELPS,
    NO_EFFECT,
    NOT_SETTLED,
    WORDS,
    Ladder,
    LadderRow,
)
from despoolr_core.times import moment, span
from despoolr_lab.report.content.words import clean

SIGNS: Final = {
    FIXES: "✓",
    HELPS: "◐",
    NO_EFFECT: "–",
    HARMS: "✗",
    CANNOT_HELP: "⊘",
    NOT_SETTLED: "?",
}
ROWS_MAX: Final = 100
_SHORTEST_S: Final = 300.0
_NEVER: Final = 94.0
"""Where on the scale, of 100, "never" is."""
_MARKS: Final = (600, 3600, 8 * 3600, 86400, 5 * 86400, 30 * 86400)


class Spread(msgspec.Struct, frozen=True):
    """When a goal was reached on a scale of 0 to 100; `least` and `most` are the ends of a line."""

    at: float
    least: float
    most: float
    is_never: bool = False


class FixRow(msgspec.Struct, frozen=True):
    """One change, in cells. `spread` is None where nothing was run again."""

    change: str
    sign: str
    word: str
    kind: str
    worlds: str
    held: int
    tried: int
    after: str
    spread: Spread | None
    effects: str
    needs: str
    act_before: str
    toml: tuple[str, ...]
    divergence: str
    replay: str


class Fixes(msgspec.Struct, frozen=True):
    """The table. `ticks` are marks of the scale of spreads: a place of 100, and a time."""

    goal: str
    as_it_was: str
    rows: list[FixRow]
    left_out: int
    ticks: list[tuple[float, str]]
    footer: list[str]
    is_confirmed: bool


def fixes_of(ladder: Ladder | None) -> Fixes | None:
    """The table of a ladder; None where nothing was asked."""
    if ladder is None or not ladder.rows:
        return None
    longest = max(
        (row.goal_after_most_s or row.goal_after_s or 0.0 for row in ladder.rows), default=0.0
    )
    scale = _Scale(longest)
    found = dict.fromkeys(row.word for row in ladder.rows)
    footer = ["; ".join(f"{SIGNS.get(word, '')} {word}: {WORDS.get(word, '')}" for word in found)]
    footer.append(f"Order: {'; '.join(map(clean, ladder.order))}")
    if ladder.reruns:
        footer.append(f"{counted(ladder.reruns, 'rerun')}; this run is of world {ladder.seed}")
    return Fixes(
        goal=clean(ladder.goal, 1000),
        as_it_was=clean(ladder.as_it_was, 1000),
        rows=[_row(row, scale) for row in ladder.rows[:ROWS_MAX]],
        left_out=max(0, len(ladder.rows) - ROWS_MAX),
        ticks=scale.ticks(),
        footer=[f"{line}." for line in footer],
        is_confirmed=ladder.confirmed,
    )


class _Scale:
    """Seconds on a logarithmic scale, from five minutes to the longest time there is."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = max(longest_s, 6 * 3600.0) * 1.3

    def x(self, seconds: float) -> float:
        """A place of 100."""
        inside = min(self._longest_s, max(_SHORTEST_S, seconds))
        part = math.log(inside / _SHORTEST_S) / math.log(self._longest_s / _SHORTEST_S)
        return round(4 + part * (_NEVER - 16), 2)

    def ticks(self) -> list[tuple[float, str]]:
        """The times that are marked, and never."""
        marked = [(self.x(s), span(s)) for s in _MARKS if s <= self._longest_s]
        return [*marked, (_NEVER, "never")]


def _row(row: LadderRow, scale: _Scale) -> FixRow:
    return FixRow(
        change=clean(row.change[:1].upper() + row.change[1:], 1000),
        sign=SIGNS.get(row.word, ""),
        word=clean(row.word),
        kind={FIXES: "good", HELPS: "good", HARMS: "bad"}.get(row.word, ""),
        worlds=f"{row.held} of {row.worlds}" if row.worlds else "",
        held=row.held,
        tried=row.worlds,
        after=_after(row),
        spread=_spread(row, scale),
        effects=_effects(row),
        needs=clean("; ".join(part for part in (row.cost, _needs(row)) if part)),
        act_before=moment(row.act_before) if row.act_before else "",
        toml=tuple(clean(line, 1000) for line in row.toml),
        divergence=_divergence(row),
        replay=clean(row.replay, 1000),
    )


def _after(row: LadderRow) -> str:
    if row.goal_after_s is None:
        return "never" if row.worlds and not row.held else ""
    least, most = row.goal_after_least_s, row.goal_after_most_s
    text = f"~{span(row.goal_after_s)}"
    if least is None or most is None or span(least) == span(most):
        return text
    return f"{text} ({span(least)} to {span(most)})"


def _spread(row: LadderRow, scale: _Scale) -> Spread | None:
    if not row.worlds:
        return None
    if row.goal_after_s is None:
        return Spread(_NEVER, _NEVER, _NEVER, is_never=True)
    at = scale.x(row.goal_after_s)
    least, most = row.goal_after_least_s, row.goal_after_most_s
    return Spread(
        at, at if least is None else scale.x(least), at if most is None else scale.x(most)
    )


def _needs(row: LadderRow) -> str:
    """What a change needs, where the reason why it cannot help does not say so."""
    return "" if row.needs in row.why else row.needs


def _effects(row: LadderRow) -> str:
    parts = [clean(row.why, 1000)] if row.why else []
    if row.worlds and (any(row.effects.rank) or row.word == FIXES):
        parts.append(row.effects.told())
    if not row.worlds and row.bound_after_s is not None:
        parts.append(f"no earlier than {span(row.bound_after_s)} after the first attempt")
    return "; ".join(parts)


def _divergence(row: LadderRow) -> str:
    found = row.divergence
    if found is None:
        return ""
    return clean(f"first differs at {moment(found.at)}: {found.was} becomes {found.became}", 1000)
