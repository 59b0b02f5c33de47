"""What a newcomer is told of a site is how it is now, not how it was set up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_app.process.settings import parse_profile
from despoolr_core.clock import Clock
from despoolr_core.profile import Profile, profile_of, with_overrides
from despoolr_core.response import Response
from despoolr_core.share.modes import Role
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.handling.handler import Route
from despoolr_server.http.site.setup import TOKENS_MAX, SetupRoutes, site_card
from worlds.share_server import EPOCH, serving


@dataclass
class Runtime:
    """A process, as far as these calls know it."""

    auth: Auth
    clock: Clock
    starts: int = 1
    scale: float = 1.0


async def told(profile: Profile) -> Any:
    auth = Auth(b"a secret of its own")
    async with serving(auth, routes(auth, profile)) as served:
        return (await served.ask("GET", "/api/v1/setup")).json["site"]


def routes(auth: Auth, profile: Profile) -> list[Route]:
    card = partial(site_card, "BPC", "SALES", profile, Response.FAST)
    return SetupRoutes(Runtime(auth, LoopClock(EPOCH)), "SITE1", card).routes()


async def test_what_was_set_and_what_hotfixes_changed_since_is_told() -> None:
    as_set_up = parse_profile("1.2", {"attempts_max": "5"})
    assert (await told(as_set_up))["set"] == {"attempts_max": "5"}
    fixed = with_overrides(as_set_up, {"retry_keeps_refresh": True})
    assert (await told(fixed))["set"] == {
        "attempts_max": "5",
        "retry_keeps_refresh": "true",
    }


async def test_a_site_as_it_shipped_tells_of_nothing() -> None:
    assert (await told(profile_of("1.2")))["set"] == {}


async def test_whoever_reads_it_gets_the_same_behaviour() -> None:
    changed = with_overrides(
        profile_of("1.2"),
        {"retry_keeps_refresh": True, "expiry_status": "Retrying", "attempts_max": 7},
    )
    card = await told(changed)
    assert parse_profile(card["version"], card["set"]) == changed


async def test_a_request_asks_for_so_many_tokens_and_no_more() -> None:
    auth = Auth(b"a secret of its own")
    wanted = [{"machine": f"PC{number}"} for number in range(TOKENS_MAX + 1)]
    async with serving(auth, routes(auth, profile_of("1.2"))) as served:
        admin = auth.issue("ADMIN1", "Administrator", Role.ADMIN)
        made = await served.ask("POST", "/api/v1/tokens", msgspec.json.encode(wanted[1:]), admin)
        assert (made.status, len(made.json["tokens"])) == (201, TOKENS_MAX)
        refused = await served.ask("POST", "/api/v1/tokens", msgspec.json.encode(wanted), admin)
    assert (refused.status, "more than 10,000" in refused.json["detail"]) == (400, True)
