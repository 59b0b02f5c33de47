"""What of a simulation needs aiohttp, which is imported when there are bytes to be read or said."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

_waiting: list[Callable[[], None]] = []
"""What is done when aiohttp is first used in the run that goes on."""


def when_used(callback: Callable[[], None]) -> None:
    """Call this when aiohttp is first used: at once where it has been imported."""
    if "aiohttp" in sys.modules:
        callback()
    else:
        _waiting.append(callback)


def forget() -> None:
    """Call nothing any more: the run that asked for it is over."""
    _waiting.clear()


def bytes_side() -> Any:
    """The module of that name."""
    from despoolr_lab.sim import bytes_side as module  # noqa: PLC0415 - as said

    while _waiting:
        _waiting.pop()()
    return module
