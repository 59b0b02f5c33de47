"""What every HTTP session of ours has in common."""

from __future__ import annotations

import aiohttp

from despoolr_client.transport.session_options import TIMEOUT, session_options


async def test_a_session_keeps_no_cookies_and_gives_no_version_away() -> None:
    options = session_options({})
    assert isinstance(options["cookie_jar"], aiohttp.DummyCookieJar)
    assert (options["timeout"], options["headers"]) == (TIMEOUT, {"User-Agent": "despoolr"})


async def test_what_a_caller_says_goes_before_what_all_have() -> None:
    soon = aiohttp.ClientTimeout(total=1.0)
    options = session_options({"timeout": soon, "headers": {"Authorization": "Bearer t"}})
    assert options["timeout"] is soon
    assert options["headers"] == {"User-Agent": "despoolr", "Authorization": "Bearer t"}
