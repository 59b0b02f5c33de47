"""A change of a what-if and what became of it in each world: its place among the others.

The law: first by the worlds in which the goal holds (the lower bound of Wilson's interval), then by
harm, cost and time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from despoolr_core.records.whatif.ladder import Effects
from despoolr_lab.whatif.knobs.change import ScenarioChange
from despoolr_lab.whatif.rerun import RerunOutcome

Z: Final = 1.96
"""Of Wilson's interval: 95 %."""


@dataclass(slots=True)
class Tried:
    """A change and what became of it in each world."""

    change: ScenarioChange
    outcomes: dict[int, RerunOutcome] = field(default_factory=dict)
    act_before: float = 0.0

    @property
    def held(self) -> int:
        """Worlds in which the goal held."""
        return sum(one.is_met for one in self.outcomes.values())

    @property
    def times(self) -> list[float]:
        """How long after the first attempt as it was, in each world in which the goal holds."""
        found = [one.goal_after_s for one in self.outcomes.values()]
        later_s = self.change.later_s
        return [max(0.0, after_s + later_s) for after_s in found if after_s is not None]

    @property
    def is_sound(self) -> bool:
        """Whether the goal holds in every world that it was tried in."""
        return 0 < self.held == len(self.outcomes)

    def effects(self, seed: int) -> Effects:
        """What it does to others in a world."""
        found = self.outcomes.get(seed)
        return found.effects if found else Effects()

    def rank(self, seed: int, *, gentlest_first: bool = False) -> tuple[object, ...]:
        """Its place, the best first. Of equals the strongest comes first, from which one weakens;
        in the ladder the gentlest.
        """
        strength = self.change.strength if self.held else 0.0
        times = self.times
        return (
            -wilson(self.held, len(self.outcomes)),
            self.effects(seed).rank,
            self.change.cost_rank,
            median(times) if times else math.inf,
            strength if gentlest_first else -strength,
            self.change.says,
        )


def one_of_each(tried: Sequence[Tried]) -> list[Tried]:
    """The first of each family, in order, then the others."""
    seen: set[str] = set()
    first: list[Tried] = []
    rest: list[Tried] = []
    for one in tried:
        (rest if one.change.family in seen else first).append(one)
        seen.add(one.change.family)
    return first + rest


def wilson(held: int, tried: int) -> float:
    """The lower bound of Wilson's interval for a share of worlds, at 95 %."""
    if not tried:
        return 0.0
    share = held / tried
    spread = Z * math.sqrt(share * (1 - share) / tried + Z * Z / (4 * tried * tried))
    return (share + Z * Z / (2 * tried) - spread) / (1 + Z * Z / tried)
