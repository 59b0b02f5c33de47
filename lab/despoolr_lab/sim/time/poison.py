"""Nothing in a simulation may ask the real world for time, chance, identity, threads or sockets.

While `poison` lasts, the usual ways of asking raise `RealWorldCall` in the simulation's thread
(other threads of the process are left alone). A caught exception does not hide the deed: every call
is kept, and `sim.world` fails a run that has one.

Out of reach, and therefore banned by the linter instead: `datetime.now` and names imported before
(`from time import time`). Left alone on purpose: `perf_counter` and `process_time`, which measure
what work costs and decide nothing that a run shows.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from despoolr_lab.sim.time.endings import RealWorldCall

__all__ = ["HARMLESS", "poison"]

HARMLESS = ("logging", "sqlalchemy", "prometheus_client", "_pytest", "pluggy")
"""Packages whose reads of the clock reach no record: a console line's time, a pooled connection's
age, a metric's birth.
"""

_INSTEAD = {
    time: ("take a Clock or `now`", ["time", "time_ns", "monotonic", "monotonic_ns", "sleep"]),
    uuid: ("take ids from a counter or a seeded generator", ["uuid1", "uuid4"]),
    os: ("take a seeded random.Random", ["urandom", "getrandom"]),
    secrets: (
        "secrets are arguments",
        ["token_bytes", "token_hex", "token_urlsafe", "randbelow", "randbits", "choice"],
    ),
    random: (
        "take a seeded random.Random",
        [name for name in random.__all__ if name[0].islower()] + ["_urandom"],
    ),
    threading.Thread: ("virtual time has one thread; give the work to the loop", ["start"]),
    socket.socket: ("use sim.network", ["connect", "connect_ex", "bind"]),
    socket: ("use sim.network", ["getaddrinfo", "create_connection"]),
    asyncio: ("their order is by chance; use a TaskGroup or gather", ["as_completed"]),
}


@contextmanager
def poison() -> Iterator[list[str]]:
    """Make calls to the real world raise `RealWorldCall` in this thread; yields the list of those
    that were tried.
    """
    thread: int | None = threading.get_ident()
    tried: list[str] = []
    restore: list[Callable[[], None]] = []

    def refusing(name: str, instead: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def refuse(*args: Any, **kwargs: Any) -> Any:
            # a module that was imported meanwhile may have it for good: after the simulation,
            # which has no thread then, it is the original
            if threading.get_ident() != thread:
                return original(*args, **kwargs)
            caller = sys._getframe(1)
            if caller.f_globals.get("__name__", "").partition(".")[0] in HARMLESS:
                return original(*args, **kwargs)
            where = f"{caller.f_code.co_filename}:{caller.f_lineno}"
            tried.append(f"{name}() at {where}")
            raise RealWorldCall(f"{name}() in a simulation ({where}): {instead}")

        return refuse

    def replace(owner: Any, name: str, instead: str) -> None:
        if not hasattr(owner, name):
            return  # os.getrandom is Linux's
        inherited = name not in vars(owner)
        original = getattr(owner, name)
        setattr(owner, name, refusing(f"{owner.__name__}.{name}", instead, original))
        restore.append(
            (lambda: delattr(owner, name))
            if inherited
            else (lambda: setattr(owner, name, original))
        )

    try:
        for owner, (instead, names) in _INSTEAD.items():
            for name in names:
                replace(owner, name, instead)
        yield tried
    finally:
        thread = None
        while restore:
            restore.pop()()
