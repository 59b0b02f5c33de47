"""The garbage collector: what has been made at a start stays, and is not looked at time and again.

Measured: with 20,000 clients polling, a logon server spent 14 % of its time looking through objects
that had been there since its start.
"""

from __future__ import annotations

import atexit
import gc
from typing import Any, Final

THRESHOLDS: Final = (10_000, 20, 250)
"""Objects made, and rounds of each younger generation, between two collections (Python's own: 700,
10, 10). The first is what waits in cycles at most: some 5 MiB of a server's; with 50,000 a site
server that has little to do grew by 30 MiB an hour until the first collection came.
"""

FIRST: Final = 150_000
"""Objects made until the first collection of a command: a run in virtual time has made 100,000 when
it begins, nearly all of them what it imports. Looking through those every 10,000 took a tenth of a
start.
"""

_LATE: Final = (FIRST, *THRESHOLDS[1:])


def collect_late() -> None:
    """Let a command import what it needs: the first collection comes after `FIRST` objects, all
    others as `THRESHOLDS` say. Whoever sets thresholds of their own before that keeps them.
    """
    gc.set_threshold(*_LATE)
    if _as_usual not in gc.callbacks:
        gc.callbacks.append(_as_usual)


def _as_usual(phase: str, _info: dict[str, Any]) -> None:
    if phase == "stop" and gc.get_threshold() == _LATE:
        gc.set_threshold(*THRESHOLDS)
        gc.callbacks.remove(_as_usual)


RUNNING: Final = 150_000
"""The first of `THRESHOLDS` where thousands of clients run programs at one time: what one has while
it runs is gone when it ends, and looking through it meanwhile took a twelfth of a load's clients.
"""


def end_without_gc() -> None:
    """Let the process end without a last look through all that it has: with 20,000 clients that
    took half a second, and of `despoolr --version` a tenth.
    """
    atexit.register(gc.freeze)


def freeze_gc(objects_max: int = THRESHOLDS[0]) -> None:
    """What there is now stays: collect once, then look at newer objects only, and seldom: after
    `objects_max` of them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(objects_max, *THRESHOLDS[1:])
