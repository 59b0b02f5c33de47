"""Which time a run keeps: real, so many times faster, or virtual."""

from __future__ import annotations

import math

import msgspec

SCALE_MAX = 1_000_000.0


class Timing(msgspec.Struct, frozen=True):
    """`scale` site seconds a second; None: virtual."""

    scale: float | None

    @property
    def is_virtual(self) -> bool:
        """Whether time jumps from event to event."""
        return self.scale is None

    def __str__(self) -> str:
        if self.scale is None:
            return "virtual"
        return "real" if self.scale == 1 else f"x{self.scale:g}"


VIRTUAL = Timing(None)


def parse_timing(text: str) -> Timing:
    """Read `real`, `virtual` or `xN`. Raises `ValueError`."""
    if text == "virtual":
        return VIRTUAL
    if text == "real":
        return Timing(1.0)
    try:
        scale = float(text.removeprefix("x")) if text.startswith("x") else math.nan
    except ValueError:
        scale = math.nan
    if not 0 < scale <= SCALE_MAX:
        raise ValueError(
            f"{text!r} is not real, virtual or xN (N at most {SCALE_MAX:,.0f}), such as x20000"
        )
    return Timing(scale)
