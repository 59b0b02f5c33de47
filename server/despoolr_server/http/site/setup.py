"""Two calls that a composition root adds to its servers: what a newcomer must know, and tokens for
others.

| Call | Does |
| --- | --- |
| `GET /api/v1/setup` | the server, its shares, its time; of a site also its version and servers |
| `POST /api/v1/tokens` `[{machine, user, role}]` | a token for each; for administrators |

A composition root adds them, which alone knows URLs, the pace of time and the secret.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from despoolr_core.clock import Clock
from despoolr_core.profile import FIELDS, Profile, profile_of
from despoolr_core.response import Response
from despoolr_core.share.fleet_api import (
    ClockFacts,
    ServerCard,
    SetupFacts,
    SiteCard,
    TokenList,
    TokenRequest,
)
from despoolr_core.share.modes import Role
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.base.problem import Refused, bad_request, known
from despoolr_server.http.base.surface import SURFACE, Surface, json_answer, read_json
from despoolr_server.http.handling.handler import Request, Route, StreamResponse

TOKENS_MAX: Final = 10_000
"""Tokens one request may ask for."""
TOKENS_SIZE_MAX: Final = 4 * 1024 * 1024
"""Bytes of such a request."""


class Standing(Protocol):
    """What these calls must know of the process (`despoolr_app.process.runtime.Runtime`)."""

    @property
    def auth(self) -> Auth: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def starts(self) -> int:
        """Which start of the data directory this is."""

    @property
    def scale(self) -> float:
        """How many site seconds pass in one second."""


class SetupRoutes:
    """The two calls of one server. `site` tells of the site as it is when it is asked; a logon
    server has none.
    """

    def __init__(
        self,
        runtime: Standing,
        name: str,
        site: Callable[[], SiteCard] | None = None,
        servers: Sequence[ServerCard] = (),
    ) -> None:
        self._runtime = runtime
        self._name = name
        self._site = site
        self._servers = servers

    def routes(self) -> list[Route]:
        """What `make_app` takes as `extra_routes`."""
        return [
            Route("GET", "/api/v1/setup", self._get_setup),
            Route("POST", "/api/v1/tokens", self._post_tokens),
        ]

    async def _get_setup(self, request: Request) -> StreamResponse:
        surface: Surface = request.app[SURFACE]
        surface.principal(request)
        runtime = self._runtime
        facts = SetupFacts(
            self._name,
            surface.host.share_names(),
            ClockFacts(runtime.clock.now(), runtime.scale),
            runtime.starts,
        )
        if self._site is not None:
            facts.site = self._site()
            facts.servers = list(self._servers)
        return json_answer(facts)

    async def _post_tokens(self, request: Request) -> StreamResponse:
        surface: Surface = request.app[SURFACE]
        if surface.principal(request).role is not Role.ADMIN:
            raise Refused(
                known(
                    "forbidden",
                    "Only an administrator issues tokens. Use the token in admin.token.",
                )
            )
        asked = await read_json(request, list[TokenRequest], TOKENS_SIZE_MAX)
        if len(asked) > TOKENS_MAX:
            raise bad_request(f"{len(asked):,} tokens in one request are more than {TOKENS_MAX:,}.")
        try:
            tokens = [self._runtime.auth.issue(who.machine, who.user, who.role) for who in asked]
        except ValueError as error:
            raise bad_request(f"{error}.") from None
        return json_answer(TokenList(tokens), 201)


def site_card(code: str, domain: str, profile: Profile, response: Response) -> SiteCard:
    """A site as `GET /api/v1/setup` tells of it; `profile` is as hotfixes have left it."""
    return SiteCard(code, domain, profile.version, _differences(profile), str(response))


def _differences(profile: Profile) -> dict[str, str]:
    """What is not as the version shipped: `--set`, and the hotfixes that are installed; as `--set`
    takes it.
    """
    shipped = profile_of(profile.version)
    changed = {
        name: getattr(profile, name)
        for name in FIELDS
        if getattr(profile, name) != getattr(shipped, name)
    }
    return {
        name: ("false", "true")[value] if isinstance(value, bool) else str(value)
        for name, value in changed.items()
    }
