"""Work in steps: what takes long gives way after each, and whoever runs it decides to whom.

The law: a step looks at no more than `STEP` things that are dear (rows that are made) or
`LOOKED_AT` that are cheap. What is gone through is a copy, for records may come between two steps.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final, TypeVar

T = TypeVar("T")

Steps = Generator[None, None, T]
"""Returns its result; each yield is the end of a step."""

STEP: Final = 32
LOOKED_AT: Final = 1_024
WORD_COST: Final = 16
"""How much dearer a look is that looks for a word in names."""
