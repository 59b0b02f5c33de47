"""Messages to the user of a machine, as NET SEND delivers them: kept by the server that sent them
until the machine asks.

The law: a message is told once, to its own machine, oldest first. A machine that never asks costs a
bounded number of lines; the oldest go. A server that stops forgets them, as a network does.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

from despoolr_core.rules.fold import fold

MESSAGES_MAX: Final = 16
"""Messages one machine can have waiting."""
MACHINES_MAX: Final = 10_000
"""Machines that can have any."""


class MessageBoard:
    """What waits for whom. Names of machines are compared without regard to case."""

    def __init__(self, machines_max: int = MACHINES_MAX) -> None:
        self._machines_max = machines_max
        self._waiting: OrderedDict[str, deque[str]] = OrderedDict()

    def post(self, machine: str, text: str) -> None:
        """Keep a message for a machine."""
        key = fold(machine)
        waiting = self._waiting.get(key)
        if waiting is None:
            if len(self._waiting) >= self._machines_max:
                self._waiting.popitem(last=False)
            waiting = self._waiting[key] = deque(maxlen=MESSAGES_MAX)
        waiting.append(text)

    def take(self, machine: str) -> list[str]:
        """A machine's messages, which wait no longer."""
        return list(self._waiting.pop(fold(machine), ()))
