"""What every HTTP session of ours has in common, over sockets and on the simulated network."""

from __future__ import annotations

from typing import Any, Final

import aiohttp

TIMEOUT: Final = aiohttp.ClientTimeout(total=60.0)
"""One timer a request; `sock_connect` and `sock_read` would cost a seventh of a request more and
tell no more.
"""

HEADERS: Final = {"User-Agent": "despoolr"}
"""aiohttp's own names the Python version, and a wire record should not."""


def session_options(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments of `aiohttp.ClientSession`: no cookies, our time-out and our name, and what
    `kwargs` says otherwise.
    """
    headers = {**HEADERS, **kwargs.get("headers", {})}
    return {
        "cookie_jar": aiohttp.DummyCookieJar(),
        "timeout": TIMEOUT,
        **kwargs,
        "headers": headers,
    }
