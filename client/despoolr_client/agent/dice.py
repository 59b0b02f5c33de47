"""Chance on demand: the generator is made when there is something to decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from despoolr_client.agent.settings import MakeRandom


class Dice:
    """A generator for one purpose. `draw` gives the label of the next draw for it."""

    __slots__ = ("_draw", "_label", "_random")

    def __init__(self, random: MakeRandom, draw: Callable[[str], str], label: str) -> None:
        self._random = random
        self._draw = draw
        self._label = label

    def shuffle(self, x: list[Any], /) -> None:
        """Put the list in random order, in place."""
        if len(x) > 1:
            self._random(self._draw(self._label)).shuffle(x)
