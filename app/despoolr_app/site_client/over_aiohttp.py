"""The transport of whoever has an event loop: a session of aiohttp, over sockets or on the
simulated network. The session is shared and stays its owner's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import aiohttp

from despoolr_app.clocks.skew import PROMPT_S_MAX
from despoolr_app.site_client.client import Body, HttpAnswer, Streamed, Transport

_PART_SIZE: Final = 64 * 1024


def aiohttp_transport(
    http: aiohttp.ClientSession, on_date: Callable[[str], None] = lambda _: None
) -> Transport:
    """Requests over a session. Without a time-out of their own they have the session's. `on_date`
    hears the `Date` of every answer that was not long on its way: an old one tells an old time.
    """

    async def carry(
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body,
        *,
        timeout_s: float | None,
        size_max: int,
    ) -> HttpAnswer:
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        timeout = http.timeout if timeout_s is None else aiohttp.ClientTimeout(total=timeout_s)
        data = body.parts if isinstance(body, Streamed) else body
        try:
            async with http.request(
                method, url, data=data, headers=headers, timeout=timeout
            ) as response:
                found = bytearray()
                async for part in response.content.iter_chunked(_PART_SIZE):
                    found += part
                    if len(found) > size_max:
                        break
                date = response.headers.get("Date", "")
                if loop.time() - asked_at < PROMPT_S_MAX:
                    on_date(date)
                again = response.headers.get("Retry-After", "")
                return HttpAnswer(response.status, bytes(found), date, again)
        except aiohttp.ClientError as error:
            if isinstance(error, OSError):
                raise
            raise ConnectionError(" ".join(str(error).split()) or type(error).__name__) from None

    return carry
