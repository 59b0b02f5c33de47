"""A site server, asked by a process that makes load: fleets, and what drives them. `live` is how an
operator asks.

The law: a call ends with an answer, a `SiteRefused` that carries the server's own line, or one of
`SILENCES`; whoever may wait for a server that is starting (again) asks `patiently`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import msgspec

from despoolr_app.clocks.skew import PROMPT_S_MAX, SkewWatch
from despoolr_app.clocks.time_source import wall_now
from despoolr_app.process.runtime import SiteRefused, StartError

SILENCES: Final = (aiohttp.ClientError, TimeoutError, OSError)
"""What a site server that gives no answer ends in."""

WAIT_S: Final = 30.0
"""Seconds to wait for a site server that is still starting."""
AGAIN_S: Final = 0.2
RETRY_AFTER_S_MAX: Final = 3600
"""Seconds that a site server may tell its callers to wait."""


@dataclass(slots=True)
class SiteCaller:
    """Calls to `url` as an administrator, over a session that is shared and stays its owner's."""

    http: aiohttp.ClientSession
    url: str
    token: str
    say: Callable[[str], None]
    skew: SkewWatch = field(init=False)

    def __post_init__(self) -> None:
        self.skew = SkewWatch(
            self.url, lambda text: self.say(f"despoolr: warning: {text}"), wall_now
        )

    async def patiently(
        self, method: str, path: str, body: Any = None, *, wait_s: float = WAIT_S
    ) -> Any:
        """A call to a site server that may still be starting, or be starting again. Raises
        `StartError`.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        has_said = False
        while True:
            try:
                return await self.call(method, path, body)
            except SILENCES as error:
                if loop.time() >= deadline:
                    raise StartError(
                        f"the site server does not answer at {self.url}: {error}"
                    ) from None
                if not has_said:
                    self.say(f"waiting for {self.url} ...")
                    has_said = True
                await asyncio.sleep(AGAIN_S)

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """A call of `/api/v1/<path>`: the JSON of its answer, None for an empty one. Raises
        `StartError`, one of `SILENCES`.
        """
        data = None if body is None else msgspec.json.encode(body)
        url = f"{self.url}/api/v1/{path}"
        headers = {"Authorization": f"Bearer {self.token}"}
        asked_at = asyncio.get_running_loop().time()
        async with self.http.request(method, url, data=data, headers=headers) as response:
            raw = await response.read()
        # one that was long on its way tells an old time
        if asyncio.get_running_loop().time() - asked_at < PROMPT_S_MAX:
            self.skew.hear(response.headers.get("Date", ""))
        if response.status == 204:
            return None
        try:
            answer = msgspec.json.decode(raw)
        except msgspec.DecodeError:
            raise StartError(f"{url} answers, but not as a Despoolr server") from None
        if response.status >= 400:
            detail = answer.get("detail") or answer.get("title") if isinstance(answer, dict) else ""
            message = f"{self.url} refused {method} {path} ({response.status}): {detail}"
            again = response.headers.get("Retry-After", "")
            raise SiteRefused(
                response.status,
                message,
                min(RETRY_AFTER_S_MAX, int(again)) if again.isdecimal() else 0.0,
            )
        return answer
