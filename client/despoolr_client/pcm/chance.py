"""What PCM may know of chance: a seeded generator that it is given, and one thing to ask of it."""

from __future__ import annotations

from typing import Any, Protocol


class Chance(Protocol):
    """A seeded generator: `random.Random`, as far as PCM uses it."""

    def shuffle(self, x: list[Any], /) -> None:
        """Put a list into random order, in place."""
