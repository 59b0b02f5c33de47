"""How busy this machine was while a load ran: a run on a busy one is not compared with one on an
idle one unawares.

The law: what the kernel counts, not what we think; where it counts nothing (no `/proc/stat`),
nothing is said.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

_STAT: Final = Path("/proc/stat")
_IDLE: Final = (3, 4)
"""Fields of the line `cpu` that are no work: idle, and waiting for disks."""
_STEAL: Final = 7
_COUNTED: Final = 8
"""Fields that add up to all time; those after them are part of others."""


class MachineUse(msgspec.Struct, frozen=True):
    """Shares of all its processors' time: that was used by anybody, and that other machines on the
    same hardware took. None: not known.
    """

    processors: int = 0
    busy_share: float | None = None
    stolen_share: float | None = None


class BusyMachine:
    """From `begin` on. PollOwner before, it knows nothing."""

    def __init__(self, stat: Path = _STAT) -> None:
        self._stat = stat
        self._before: list[int] = []

    def begin(self) -> None:
        self._before = self._look()

    def use(self) -> MachineUse:
        processors = os.cpu_count() or 1
        spent = [now - was for now, was in zip(self._look(), self._before, strict=False)]
        whole = sum(spent)
        if whole <= 0:
            return MachineUse(processors)
        idle = sum(spent[field] for field in _IDLE)
        return MachineUse(processors, round(1 - idle / whole, 3), round(spent[_STEAL] / whole, 3))

    def _look(self) -> list[int]:
        try:
            words = self._stat.read_text().partition("\n")[0].split()
            found = [int(word) for word in words[1 : 1 + _COUNTED]]
        except (OSError, ValueError):
            return []
        return found if words[:1] == ["cpu"] and len(found) == _COUNTED else []
