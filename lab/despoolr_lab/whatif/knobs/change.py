"""One change of a scenario: what it is called, what it costs, and the scenario with it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from despoolr_core.records.whatif.bounds import Bound
from despoolr_core.rules.remedies import Cost
from despoolr_lab.scenario.model import Expectation, Scenario
from despoolr_lab.scenario.reading.written import to_toml

COSTS = tuple(Cost)
LINES_MAX = 40
"""Lines of a difference that a row keeps."""


@dataclass(frozen=True, slots=True)
class ScenarioChange:
    """`says` is its name in a table; `needs` what must be there for it. Changes of a `family` are
    one knob at several values: the gentlest has the least `strength`. `bound` is what the first
    pass says of it, `instead` what holds in place of the goal, where the change keeps the truth
    elsewhere.
    """

    says: str
    cost: Cost
    scenario: Scenario
    needs: str = ""
    family: str = ""
    strength: float = 0.0
    is_shipped: bool = False
    knob: str = ""
    later_s: float = 0.0
    """How much later than it was the first attempt is made because of it."""
    bound: Bound | None = None
    instead: tuple[Expectation, ...] = ()
    parts: tuple[str, ...] = field(default=())
    """The names of the changes that it is made of, if it is a pair."""
    made_at: Callable[[float], Scenario] | None = None
    """The scenario in which it is made so many seconds after the start; None for one that has to be
    there from the start.
    """

    def difference(self, before: Sequence[str]) -> tuple[str, ...]:
        """The lines that it removes from (`-`) and adds to (`+`) the scenario file, whose lines
        were those of `before`.
        """
        after = to_toml(self.scenario).splitlines()
        lines = difflib.unified_diff(before, after, n=0, lineterm="")
        found = [
            line
            for line in lines
            if line[:1] in "+-" and not line.startswith(("+++", "---")) and line[1:].strip()
        ]
        return tuple(found[:LINES_MAX])

    @property
    def cost_rank(self) -> int:
        """The place of its cost class, the cheapest first."""
        return COSTS.index(self.cost)
