"""The verdict of a run in three short lines: who, how long, what would have fixed it.

The law: the longest wait of the run is what the lines are about, and every duration says from what
to what it counts. What would have fixed it is the answer of a what-if, where one lies beside the
run; else it is what the share modes prove: closing the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from despoolr_core import times
from despoolr_core.phrases import how_often
from despoolr_core.records import verdicts
from despoolr_core.share.wire import EpisodeRow
from despoolr_lab.report.content import words
from despoolr_lab.report.content.facts import Facts

NOBODY: Final = "Nobody was in the way: no open was refused."
_HOLDERS_MAX: Final = 2


class Duration(msgspec.Struct, frozen=True):
    """A span, and from what to what it counts."""

    label: str
    seconds: float

    def __str__(self) -> str:
        return f"{times.span(self.seconds)} {self.label}"


class RunVerdict(msgspec.Struct, frozen=True):
    """`sentence` is all of it in one; `lines` are the three, or the sentence where nobody waited
    (and the remedy, where one is known).
    """

    sentence: str
    lines: tuple[str, ...]


def verdict_of(facts: Facts, summary: Mapping[str, Any], remedy: str = "") -> RunVerdict:
    """The verdict; `remedy` is the sentence of a what-if, empty where none was asked."""
    told = summary.get("verdict")
    episode = facts.episodes[0] if facts.episodes else None
    if not told:
        told = verdicts.verdict(episode) if episode else NOBODY
    sentence = words.clean(told, 2000)
    if episode is None or summary.get("interrupted"):
        return RunVerdict(sentence, (sentence, *([words.clean(remedy, 2000)] if remedy else [])))
    fixed = words.clean(remedy, 2000) or _sentence(verdicts.remedy(episode))
    return RunVerdict(sentence, (_who(episode), _how_long(facts, episode), fixed))


def durations(facts: Facts, episode: EpisodeRow) -> list[Duration]:
    """How long an update waited, and how long the file was held: each with its label."""
    found = []
    if episode.attempt_count > 1:
        waited_s = episode.last_refused_at - episode.first_refused_at
        found.append(Duration("from first to last refusal", waited_s))
    end = {"resolved": "until it got through", "given up": "until it was given up"}.get(
        episode.state, "to the end of the run"
    )
    found.append(Duration(f"from first refusal {end}", episode.blocked_s))
    held = [
        (facts.end if hold.released_at is None else hold.released_at) - hold.opened_at
        for hold in episode.holds
    ]
    if held:
        found.append(Duration("held open" if len(held) == 1 else "held open at most", max(held)))
    return found


def _who(episode: EpisodeRow) -> str:
    waiter = words.program_on(episode.program, episode.machine)
    holds = sorted(episode.holds, key=lambda hold: -hold.refusal_count)
    named = [
        words.program_on(hold.program, hold.machine) or "an open that nobody recorded"
        for hold in holds[:_HOLDERS_MAX]
    ]
    if len(holds) > _HOLDERS_MAX:
        named.append(f"{len(holds) - _HOLDERS_MAX:,} more")
    file = words.file_name(episode.path) or words.clean(episode.share)
    if not named:
        return f"{waiter} was refused {file}."
    return f"{' and '.join(named)} kept {waiter} from {file}."


def _how_long(facts: Facts, episode: EpisodeRow) -> str:
    spans = ", ".join(str(one) for one in durations(facts, episode))
    return f"Refused {how_often(episode.attempt_count)}: {spans}."


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
