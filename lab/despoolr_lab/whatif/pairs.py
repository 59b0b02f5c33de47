"""Two changes of a what-if at once, where none is a remedy alone.

The law: one change of what a site does, and one of what stands in its way, come before two of a
kind; a change whose rerun was the run as it was, record for record, comes last. Of a knob's values
the strongest stands for all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, islice
from typing import Any, Final

import msgspec

from despoolr_core.rules.remedies import Cost
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.whatif.knobs.change import COSTS, ScenarioChange
from despoolr_lab.whatif.knobs.names import (
    ASKED,
    FORCED,
    IDLE,
    LOCAL,
    MARKER,
    MENDED,
    REAPER,
    SHARING,
    STRATEGY,
    WINDOW,
)
from despoolr_lab.whatif.tried_change import Tried

PAIRS_MAX: Final = 30
_OPEN_THE_WAY: Final = frozenset(
    {ASKED, FORCED, IDLE, LOCAL, MARKER, MENDED, REAPER, SHARING, WINDOW}
)
"""Knobs of what stands in a site's way; the others are of what it does."""
_OF_A_KIND: Final = 6
"""Places that a pair of one kind stands behind."""


class _Clash(Exception):
    """Two changes give one key different values."""


def pairs(before: Scenario, tried: Sequence[Tried]) -> list[ScenarioChange]:
    """At most `PAIRS_MAX` pairs of changes that are no remedy alone, the likeliest first."""
    return list(islice(_pairs(before, tried), PAIRS_MAX))


def _pairs(before: Scenario, tried: Sequence[Tried]) -> Iterator[ScenarioChange]:
    alone = _strongest([one for one in tried if not one.held and not one.change.parts])
    placed = [
        (number, opens, one)
        for opens in (False, True)
        for number, one in enumerate(
            sorted((t for t in alone if _opens_the_way(t.change) is opens), key=_order)
        )
    ]

    def place(two: tuple[tuple[int, bool, Tried], ...]) -> int:
        (first, opens, _), (second, also_opens, _) = two
        return first + second + _OF_A_KIND * (opens is also_opens)

    for (*_, first), (*_, second) in sorted(combinations(placed, 2), key=place):
        if first.change.family != second.change.family:
            both = _both(before, first.change, second.change)
            if both is not None:
                yield both


def _strongest(alone: Sequence[Tried]) -> list[Tried]:
    most: dict[str, float] = {}
    for one in alone:
        family, strength = one.change.family, one.change.strength
        most[family] = max(strength, most.get(family, strength))
    return [one for one in alone if one.change.strength == most[one.change.family]]


def _opens_the_way(change: ScenarioChange) -> bool:
    return change.knob in _OPEN_THE_WAY or change.cost is Cost.FORCE


def _order(tried: Tried) -> tuple[bool, int, bool]:
    """Those last whose rerun was the run as it was; a fix before a way to copy that shipped."""
    is_same = bool(tried.outcomes) and all(one.index < 0 for one in tried.outcomes.values())
    return is_same, tried.change.cost_rank, tried.change.knob == STRATEGY


def _both(before: Scenario, first: ScenarioChange, second: ScenarioChange) -> ScenarioChange | None:
    """Two changes at once; None where they give one key of the file different values."""
    try:
        merged = _merged(
            *(msgspec.to_builtins(one) for one in (before, first.scenario, second.scenario))
        )
        scenario = msgspec.convert(merged, Scenario)
    except (_Clash, msgspec.ValidationError):
        return None
    return replace(
        first,
        says=f"{first.says}, and {second.says}",
        cost=max((first.cost, second.cost), key=COSTS.index),
        needs="; ".join(dict.fromkeys(one.needs for one in (first, second) if one.needs)),
        scenario=scenario,
        family=f"{first.family} and {second.family}",
        is_shipped=first.is_shipped and second.is_shipped,
        later_s=first.later_s + second.later_s,
        bound=None,
        made_at=None,
        parts=(first.says, second.says),
    )


def _merged(before: Any, one: Any, other: Any) -> Any:
    """What both make of it. Raises `_Clash`."""
    if one in (before, other):
        return other
    if other == before:
        return one
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        was = before if isinstance(before, Mapping) else {}
        found = {
            key: _merged(was.get(key), one.get(key), other.get(key))
            for key in dict.fromkeys((*was, *one, *other))
        }
        return {key: value for key, value in found.items() if value is not None}
    lists = [found for found in (before, one, other) if isinstance(found, list)]
    if len(lists) == 3 and len(one) == len(other) == len(before):
        return [_merged(*three) for three in zip(before, one, other, strict=True)]
    raise _Clash
