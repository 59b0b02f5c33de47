"""Two calls that a composition root adds to its servers: what a newcomer must know, and tokens for others.

| Call | Does |
| --- | --- |
| `GET /api/v1/setup` | the server, its shares, its time; of a site server also the site, its version, its machines' URLs |
| `POST /api/v1/tokens` `[{machine, user, role}]` | a token for each; for administrators |

They are the lab's because only the composition root knows URLs, the pace of time and the secret.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from despoolr_core.profile import FIELDS, Profile, profile_of
from despoolr_core.sharing import Role
from despoolr_lab.config import NamedServer, SiteSettings
from despoolr_lab.ground import Ground
from despoolr_server.http.app import SURFACE
from despoolr_server.http.problem import Refused, known
from despoolr_server.http.surface import Surface

TOKENS_MAX: Final = 10_000
"""Tokens one request may ask for."""
_encode: Final = msgspec.json.Encoder().encode


class TokenRequest(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Who a token is to be for. `role` is `client`, `service` or `admin`."""

    machine: str
    user: str = ""
    role: Role = Role.CLIENT


class SetupRoutes:
    """The two calls of one server. `site` is None for a logon server; `profile` is the site's as hotfixes have left it."""

    def __init__(
        self,
        ground: Ground,
        name: str,
        site: SiteSettings | None = None,
        servers: Sequence[NamedServer] = (),
        profile: Callable[[], Profile] | None = None,
    ) -> None:
        self._ground = ground
        self._name = name
        self._site = site
        self._servers = servers
        self._profile = profile

    def routes(self) -> list[web.RouteDef]:
        """For `extra_routes`."""
        return [web.get("/api/v1/setup", self._get_setup), web.post("/api/v1/tokens", self._post_tokens)]

    async def _get_setup(self, request: web.Request) -> web.Response:
        surface: Surface = request.app[SURFACE]
        surface.principal(request)
        ground = self._ground
        body: dict[str, Any] = {
            "server": self._name,
            "shares": surface.host.share_names(),
            "clock": {"now": ground.clock.now(), "scale": ground.scale},
            "start": ground.starts,
        }
        if self._site is not None:
            site = self._site
            body["site"] = {
                "code": site.code,
                "domain": site.domain,
                "version": site.profile.version,
                "set": site.overrides if self._profile is None else _differences(self._profile()),
                "response": str(site.response),
                "parent": site.parent.code if site.parent else "",
            }
            body["servers"] = [_facts(s) for s in self._servers]
        return web.Response(body=_encode(body), content_type="application/json")

    async def _post_tokens(self, request: web.Request) -> web.Response:
        surface: Surface = request.app[SURFACE]
        if surface.principal(request).role is not Role.ADMIN:
            raise Refused(known("forbidden", "Only an administrator issues tokens. Use the token in admin.token."))
        try:
            asked = msgspec.json.decode(await request.read(), type=list[TokenRequest])
            if len(asked) > TOKENS_MAX:
                raise ValueError(f"{len(asked):,} tokens in one request are more than {TOKENS_MAX:,}")
            tokens = [self._ground.auth.issue(who.machine, who.user, who.role) for who in asked]
        except ValueError as error:  # msgspec's errors are ValueErrors too
            raise Refused(known("bad-request", f"{error}.")) from None
        return web.Response(body=_encode({"tokens": tokens}), status=201, content_type="application/json")


def _differences(profile: Profile) -> dict[str, str]:
    """What is not as the version shipped: `--set`, and the hotfixes that are installed."""
    shipped = profile_of(profile.version)
    return {name: str(getattr(profile, name)) for name in FIELDS if getattr(profile, name) != getattr(shipped, name)}


def _facts(server: NamedServer) -> dict[str, Any]:
    return {
        "name": server.name,
        "url": server.url,
        "logon": server.logon,
        "distribution": server.distribution,
        "package_share": server.package_share,
        "domain": server.domain,
    }
