"""A ladder of the first pass alone, for a run that cannot be run again: what was imported from a
real server, or made before runs kept their scenario.

The law: it says what the sharing rule forbids, and for the rest no more than a bound; no row is
confirmed, and the ladder says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from despoolr_core.records.bounds import BlockedUpdate, Bound, blocked_updates, together, told
from despoolr_core.records.ladder import CANNOT_HELP, NOT_SETTLED, Ladder, LadderRow
from despoolr_core.records.ladder import told as sentence_of
from despoolr_core.records.stream import Record
from despoolr_core.records.view import Holding, RunView
from despoolr_core.rules.remedies import COPY_STRATEGIES, Cost

HOLDERS_MAX: Final = 8
"""Holders that get a row of their own, those that refused most first."""
NOTE: Final = (
    "not yet confirmed by reruns: this run has no scenario to run again, so this is what the "
    "sharing rule says of the opens that are known"
)


def first_pass(source: str, records: Sequence[Record]) -> Ladder:
    """What could have let the blocked updates of a run through, by the sharing rule."""
    view = RunView(records)
    updates = blocked_updates(records, view, unresolved_only=False)
    since = min((one.since for one in updates), default=view.start)
    found = [
        _row("more attempts", Cost.SETTING, together([one.as_it_asked() for one in updates]), since)
    ]
    for name, strategy in COPY_STRATEGIES.items():
        if strategy.is_ours:
            bound = together([one.by(strategy) for one in updates])
            says = f"copy strategy {name}"
            found.append(_row(says, strategy.cost, bound, since, strategy.needs))
    found += [
        _row(f"{who} closing its files", Cost.HABIT, _without(updates, who), since)
        for who in _holders(updates)
    ]
    order = {NOT_SETTLED: 0, CANNOT_HELP: 1}
    found.sort(key=lambda row: (order[row.word], row.bound_after_s or 0.0))
    states: dict[str, int] = {}
    for one in updates:
        states[one.episode.state] = states.get(one.episode.state, 0) + 1
    ladder = Ladder(
        source=source,
        goal="every open that was refused gets through",
        as_it_was=", ".join(f"{count} {state}" for state, count in states.items()) or "no refusal",
        rows=tuple(found) if updates else (),
        since=since,
        confirmed=False,
        is_met=not updates,
        notes=(NOTE,),
    )
    return msgspec.structs.replace(ladder, sentence=sentence_of(ladder))


def _row(says: str, cost: Cost, bound: Bound, since: float, needs: str = "") -> LadderRow:
    free_at = bound.free_at
    return LadderRow(
        change=says,
        cost=str(cost),
        word=CANNOT_HELP if bound.cannot_help else NOT_SETTLED,
        needs=needs,
        why=bound.why if bound.cannot_help else "",
        bound_after_s=None if free_at is None else round(max(0.0, free_at - since), 3),
    )


def _holders(updates: Sequence[BlockedUpdate]) -> list[str]:
    """Who stood in the way, those who refused most first."""
    refusals: dict[str, int] = {}
    for update in updates:
        for one in update.holdings:
            refusals[told(one)] = refusals.get(told(one), 0) + one.refusal_count
    return sorted(refusals, key=lambda who: -refusals[who])[:HOLDERS_MAX]


def _without(updates: Sequence[BlockedUpdate], who: str) -> Bound:
    def kept(one: Holding) -> Holding | None:
        return None if told(one) == who else one

    return together([update.with_holdings(kept).as_it_asked() for update in updates])
