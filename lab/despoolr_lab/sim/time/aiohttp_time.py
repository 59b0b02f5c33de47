"""Where aiohttp asks the world for time or chance, and what it is told in a simulation.

The law: every such read in the installed aiohttp is listed here, and is either redirected to the
loop and a seeded generator, or known to be out of reach. A contract test reads aiohttp's source and
fails when a version adds a read that is not listed. Nothing else in the house touches aiohttp's
module globals. (`docs/decisions/0002-aiohttp-internals.md`)
"""

from __future__ import annotations

import asyncio
import os
import random
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import aiohttp.client
import aiohttp.connector
import aiohttp.cookiejar
import aiohttp.helpers
import aiohttp.multipart

__all__ = ["REDIRECTED", "UNREACHED", "redirect_aiohttp"]

REDIRECTED = {
    "connector: monotonic": "how long a connection has been idle: the loop's time",
    "connector: "
    "random.shuffle": "which host's waiter gets a freed connection: the seeded generator",
    "helpers: time.time": "the Date header: the site's calendar",
    "cookiejar: time.time": "expiry of cookies: the site's calendar",
    "multipart: uuid.uuid4": "boundaries of multipart bodies: the seeded generator",
    "client: os.urandom": "the key of a WebSocket handshake: the seeded generator",
}
"""module: expression -> what it decides, and what answers instead."""

UNREACHED = {
    "client_middleware_digest_auth: "
    "time.ctime": "digest authentication is not used; os.urandom beside it raises in a simulation",
    "client_middleware_digest_auth: "
    "os.urandom": "digest authentication is not used; raises in a simulation",
    "web_log: datetime.datetime.now": "the access log is off: the record is the log",
    "web_log: time_mod.time": "the access log is off",
    "web_log: time_mod.localtime": "the access log is off",
    "_websocket/writer: "
    "random.Random": "frame masks of a WebSocket client; none runs in a simulation",
    "_websocket/writer: "
    "random.getrandbits": "frame masks of a WebSocket client; none runs in a simulation",
}
"""module: expression -> why it is left alone."""


class _Stand:
    """Stands for a module: a few names of its own, the rest the module's."""

    def __init__(self, module: ModuleType, **own: Any) -> None:
        self._module = module
        self.__dict__.update(own)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


@contextmanager
def redirect_aiohttp(
    loop: asyncio.AbstractEventLoop, *, epoch: float, seed: object = 0
) -> Iterator[None]:
    """Give aiohttp the loop's time (`epoch` seconds since 1970 at loop time 0) and chance from a
    generator seeded with `seed`.

    Process-wide while it lasts, and undone at the end; so it is for simulations, which have the
    process's aiohttp to themselves.
    """
    rng = random.Random(f"{seed}/aiohttp")
    calendar = _Stand(time, time=lambda: epoch + loop.time())
    chance: list[tuple[Any, str, Any]] = [
        (aiohttp.connector, "monotonic", loop.time),
        (aiohttp.connector, "random", rng),
        (aiohttp.helpers, "time", calendar),
        (aiohttp.cookiejar, "time", calendar),
        (
            aiohttp.multipart,
            "uuid",
            _Stand(uuid, uuid4=lambda: uuid.UUID(int=rng.getrandbits(128), version=4)),
        ),
        (aiohttp.client, "os", _Stand(os, urandom=rng.randbytes)),
        (aiohttp.helpers, "_cached_current_datetime", None),
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in chance]
    for module, name, stand in chance:
        setattr(module, name, stand)
    try:
        yield
    finally:
        for module, name, original in before:
            setattr(module, name, original)
        # the cached Date belongs to the other calendar
        aiohttp.helpers._cached_current_datetime = None
