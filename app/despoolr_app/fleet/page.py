"""What a fleet tells over HTTP: `GET /healthz` (what it has), `/ready` (whether that is all),
`/metrics` (for Prometheus).

The law: it names no client, and changes nothing. `/ready` is 200 if all its clients exist and one
of their logon servers answers, or if it is there to stand by; else 503 with the reason. It costs a
request and no process. Health asks for no token; metrics ask for one that the site's secret signed,
as a server's do. A fleet without a secret answers on loopback only.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from despoolr_app.fleet.fleet import FleetClients
from despoolr_app.fleet.metrics import FleetMetrics
from despoolr_app.process.http_listener import HttpListener
from despoolr_app.process.metrics import ProcessMetrics
from despoolr_app.process.settings import ConfigError, Listen
from despoolr_server.http.base.auth import Auth, is_loopback
from despoolr_server.http.base.browser_guard import BrowserGuard
from despoolr_server.http.base.problem import Refused, answer
from despoolr_server.http.base.surface import CHALLENGED

STARTING: Final = "starting"
STANDING_BY: Final = "standing by"
STOPPED: Final = "stopped"
"""Its lease is over; it asks for clients anew."""
OK: Final = "ok"
INCOMPLETE: Final = "incomplete"


def fleet_health(clients: FleetClients) -> dict[str, Any]:
    """The body of `/healthz`. `status` is `ok` once every client this fleet is to have exists, or
    it is there to stand by.
    """
    lease = clients.lease
    wanted = len(clients.numbers) if lease is None or lease.size else 0
    live = clients.live_count
    if lease is not None and lease.is_standing_by:
        status = STANDING_BY
    elif clients.are_stopped:
        status = STOPPED
    elif not live:
        status = STARTING
    else:
        status = OK if live == wanted else INCOMPLETE
    return {
        "fleet": clients.settings.holder or "fleet",
        "status": status,
        "first": clients.numbers.start if wanted else 0,
        "wanted": wanted,
        "live": live,
        "site": clients.settings.site_url,
        "logons": clients.logon_urls,
    }


class FleetPage:
    """The three calls of one fleet, listening. `auth` None: anyone may read the metrics (loopback
    only).
    """

    def __init__(self, clients: FleetClients, auth: Auth | None) -> None:
        self._clients = clients
        self._auth = auth
        self._metrics = FleetMetrics(clients, ProcessMetrics())
        self._guard = BrowserGuard()
        self._listener = HttpListener()

    async def start(self, listen: Listen) -> str:
        """Listen; the URL. Raises `StartError` or `ConfigError`."""
        if self._auth is None and not is_loopback(listen.host):
            raise ConfigError(
                f"refusing to listen on {listen.host} without a configured secret: give "
                "DESPOOLR_SECRET, or --common"
            )
        self._guard = BrowserGuard([listen.host], is_open=self._auth is None)
        app = web.Application()
        app.add_routes([web.get("/healthz", self._get_health), web.get("/ready", self._get_ready)])
        app.add_routes([web.get("/metrics", self._get_metrics)])
        return (await self._listener.start(app, listen)).url

    async def stop(self) -> None:
        """Stop answering, and free the port."""
        await self._listener.stop()

    async def _get_health(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=msgspec.json.encode(fleet_health(self._clients)), content_type="application/json"
        )

    async def _get_ready(self, _request: web.Request) -> web.Response:
        facts = fleet_health(self._clients)
        reason = ""
        if facts["status"] not in (OK, STANDING_BY):
            reason = f"{facts['status']}: {facts['live']} of {facts['wanted']} clients"
        elif facts["status"] == OK and not await self._clients.reaches_logon_server():
            reason = "no logon server answers"
        return web.Response(status=503 if reason else 200, text=f"{reason or facts['status']}\n")

    async def _get_metrics(self, request: web.Request) -> web.StreamResponse:
        try:
            self._guard.check(request)
        except Refused as refused:
            return answer(refused.problem)
        if (
            self._auth is not None
            and self._auth.check(request.headers.get(hdrs.AUTHORIZATION)) is None
        ):
            return web.Response(status=401, headers=CHALLENGED)
        text, content_type = self._metrics.render()
        return web.Response(
            body=text,
            headers={hdrs.CONTENT_TYPE: content_type, "X-Content-Type-Options": "nosniff"},
        )
