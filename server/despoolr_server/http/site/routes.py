"""The calls of a site: what the SMS Administrator program and the Service Manager do, as HTTP.

| Call | Does |
| --- | --- |
| `GET /api/v1/site` | the site, its services, its servers |
| `GET`/`POST /api/v1/packages`, `GET /api/v1/packages/{id}` | packages, and where each is |
| `GET`/`POST /api/v1/machines`, `GET /api/v1/machines/{name}` | machines and what they report |
| `GET`/`POST /api/v1/sites` | the sites below this one |
| `GET`/`POST /api/v1/jobs`, `GET /api/v1/jobs/{id}` | jobs; the id may be a job's name |
| `POST /api/v1/jobs/{id}/cancel` | Edit > Cancel Job |
| `GET /api/v1/hotfixes`, `POST /api/v1/hotfixes/{article}` | what can be installed; install one |
| `GET /api/v1/events` | the NT application log |
| `POST /api/v1/services/{component}/{action}` | `pause`, `resume`, `restart` or `cycle` at once |

All of them are for administrators; a client's token gets 403.
"""

from __future__ import annotations

from typing import Any, Final

from despoolr_core.articles import ARTICLES
from despoolr_core.profile import ProfileError
from despoolr_core.share import site_api
from despoolr_core.share.modes import Role
from despoolr_server.http.base.pieces import rows_answer
from despoolr_server.http.base.problem import Refused, known
from despoolr_server.http.base.surface import SURFACE, json_answer, query, read_json
from despoolr_server.http.handling.handler import Request, Route, StreamResponse
from despoolr_server.http.site.answers import shaped, shaped_rows
from despoolr_server.site.administrator import Administrator
from despoolr_server.site.hotfixes import Hotfixes
from despoolr_server.site.job_checks import AdministratorError
from despoolr_server.site.jobs.model import JobSpec
from despoolr_server.site.services.service import Executive
from despoolr_server.site.state.context import SiteContext

MACHINES_SIZE_MAX: Final = 16 * 1024 * 1024
"""Bytes of a body that lists machines: 100,000 of them fit."""
EVENTS_MAX: Final = 10_000
ACTIONS: Final = ("pause", "resume", "restart", "cycle")
"""What can be done to a service."""
MACHINES_MAX: Final = 10_000
"""Rows of one answer; the next page begins after the last name."""


class SiteRoutes:
    def __init__(
        self,
        site: SiteContext,
        executive: Executive,
        administrator: Administrator,
        hotfixes: Hotfixes,
    ) -> None:
        self._site = site
        self._executive = executive
        self._administrator = administrator
        self._hotfixes = hotfixes

    def routes(self) -> list[Route]:
        """What `make_app` takes as `extra_routes`."""
        return [
            Route("GET", "/api/v1/site", self._get_site),
            Route("GET", "/api/v1/packages", self._get_packages),
            Route("POST", "/api/v1/packages", self._post_package),
            Route("GET", "/api/v1/packages/{package}", self._get_package),
            Route("GET", "/api/v1/sites", self._get_sites),
            Route("POST", "/api/v1/sites", self._post_sites),
            Route("GET", "/api/v1/machines", self._get_machines),
            Route("POST", "/api/v1/machines", self._post_machines),
            Route("GET", "/api/v1/machines/{name}", self._get_machine),
            Route("GET", "/api/v1/jobs", self._get_jobs),
            Route("POST", "/api/v1/jobs", self._post_job),
            Route("GET", "/api/v1/jobs/{job}", self._get_job),
            Route("POST", "/api/v1/jobs/{job}/cancel", self._post_cancel),
            Route("GET", "/api/v1/hotfixes", self._get_hotfixes),
            Route("POST", "/api/v1/hotfixes/{article}", self._post_hotfix),
            Route("GET", "/api/v1/events", self._get_events),
            Route("POST", "/api/v1/services/{component}/{action}", self._post_service),
        ]

    async def _get_site(self, request: Request) -> StreamResponse:
        self._require_administrator(request)
        site = self._site
        return _answer(
            site_api.SiteFacts,
            {
                "site": site.code,
                "server": site.server,
                "domain": site.domain,
                "version": site.profile.version,
                "response": str(site.response),
                "polling_s": site.polling_s,
                "now": site.clock.now(),
                "parent": site.parent,
                "servers": [
                    {
                        "name": s.name,
                        "logon": s.logon,
                        "distribution": s.distribution,
                        "package_share": s.package_share,
                    }
                    for s in site.servers
                ],
                "services": [
                    {"component": s.component, "paused": s.is_paused, "cycles": s.cycle_count}
                    for s in self._executive.services
                ],
            },
        )

    async def _get_packages(self, request: Request) -> StreamResponse:
        self._require_administrator(request)
        return _answer(site_api.PackageList, {"packages": await self._administrator.packages()})

    async def _post_package(self, request: Request) -> StreamResponse:
        self._require_administrator(request)
        spec = await read_json(request, site_api.PackageSpec)
        return _answer(
            site_api.PackageMade,
            {"package": await self._asked(self._administrator.create_package(spec))},
            201,
        )

    async def _post_machines(self, request: Request) -> StreamResponse:
        self._require_administrator(request)
        machines = await read_json(request, list[site_api.MachineSpec], MACHINES_SIZE_MAX)
        return _answer(
            site_api.MachinesMade,
            {"machines": await self._asked(self._administrator.add_machines(machines))},
            201,
        )

    async def _get_machines(self, request: Request) -> StreamResponse:
        self._require_administrator(request)
        asked = query(request, "limit", "after")
        machines, count = await self._administrator.machines(
            _limit(asked["limit"], MACHINES_MAX), asked["after"]
        )
        rows = await shaped_rows(machines, site_api.MachineRow)
        return await rows_answer(request, ("machines", rows), ("count", count))

    async def _get_machine(self, request: Request) -> StreamResponse:
        self._require_administrator(request)
        return _answer(
            site_api.MachineFacts,
            await self._found(self._administrator.machine(request.match_info["name"])),
        )

    async def _get_jobs(self, request: Request) -> StreamResponse:
        self._require_administrator(request)
        return await rows_answer(
            request, ("jobs", await shaped_rows(await self._administrator.jobs(), site_api.JobRow))
        )

    async def _post_job(self, request: Request) -> StreamResponse:
        self._require_administrator(request)
        spec = await read_json(request, JobSpec, MACHINES_SIZE_MAX)
        return _answer(
            site_api.JobMade, {"job": await self._asked(self._administrator.create_job(spec))}, 201
        )

    async def _get_job(self, request: Request) -> StreamResponse:
        self._require_administrator(request)
        job, details = await self._found(self._administrator.job(request.match_info["job"]))
        rows = await shaped_rows(details, site_api.DetailRow)
        return await rows_answer(request, ("job", shaped(job, site_api.JobRow)), ("details", rows))

    async def _post_cancel(self, request: Request) -> StreamResponse:
        self._require_administrator(request)
        await self._found(self._administrator.job(request.match_info["job"]))
        return _answer(
            site_api.JobCancelled,
            {"job": await self._asked(self._administrator.cancel_job(request.match_info["job"]))},
            202,
        )

    async def _get_package(self, request: Request) -> StreamResponse:
        self._require_administrator(request)
        return _answer(
            site_api.PackageFacts,
            await self._found(self._administrator.package(request.match_info["package"])),
        )

    async def _get_sites(self, request: Request) -> StreamResponse:
        self._require_administrator(request)
        return _answer(
            site_api.SubSiteList,
            {
                "site": self._site.code,
                "parent": self._site.parent,
                "sites": await self._administrator.sites(),
            },
        )

    async def _post_sites(self, request: Request) -> StreamResponse:
        self._require_administrator(request)
        sites = await read_json(request, list[site_api.SiteSpec], MACHINES_SIZE_MAX)
        return _answer(
            site_api.SubSitesMade,
            {"sites": await self._asked(self._administrator.add_sites(sites))},
            201,
        )

    async def _get_hotfixes(self, request: Request) -> StreamResponse:
        self._require_administrator(request)
        profile = self._site.profile
        available = [
            {"article": a.kb, "title": a.title, "versions": a.versions}
            for a in ARTICLES.values()
            if a.has_fault(profile)
        ]
        installed = await self._hotfixes.installed()
        return _answer(
            site_api.HotfixList,
            {
                "site": self._site.code,
                "version": profile.version,
                "installed": installed,
                "available": available,
            },
        )

    async def _post_hotfix(self, request: Request) -> StreamResponse:
        self._require_administrator(request)
        try:
            article = await self._hotfixes.apply(request.match_info["article"])
        except ProfileError as error:
            raise Refused(known("bad-request", f"{error}.")) from None
        return _answer(
            site_api.HotfixInstalled,
            {"article": article.kb, "title": article.title, "fields": article.fix},
            201,
        )

    async def _get_events(self, request: Request) -> StreamResponse:
        self._require_administrator(request)
        events = await self._administrator.events(
            _limit(query(request, "limit")["limit"], EVENTS_MAX)
        )
        return await rows_answer(request, ("events", await shaped_rows(events, site_api.EventRow)))

    async def _post_service(self, request: Request) -> StreamResponse:
        self._require_administrator(request)
        try:
            service = self._executive.service(request.match_info["component"])
        except KeyError:
            names = ", ".join(s.component for s in self._executive.services)
            raise Refused(
                known(
                    "not-found", f"No service {request.match_info['component']}; there are {names}."
                )
            ) from None
        action = request.match_info["action"]
        if action == "pause":
            service.pause()
        elif action == "resume":
            service.resume()
        elif action == "cycle":
            await service.cycle_now(self._site.clock.now())
        elif action == "restart":
            await self._executive.restart(service.component)
        else:
            raise Refused(
                known("bad-request", f"{action} is none of pause, resume, restart, cycle.")
            )
        return _answer(
            site_api.ServiceFacts,
            {
                "component": service.component,
                "paused": service.is_paused,
                "cycles": service.cycle_count,
            },
        )

    # -- who, what, and what went wrong

    def _require_administrator(self, request: Request) -> None:
        if request.app[SURFACE].principal(request).role is not Role.ADMIN:
            raise Refused(
                known(
                    "forbidden",
                    "Only an administrator may do this. Use the token printed by `despoolr serve`.",
                )
            )

    async def _asked(self, work: Any) -> Any:
        try:
            return await work
        except AdministratorError as error:
            raise Refused(known("bad-request", f"{error}.")) from None

    async def _found(self, work: Any) -> Any:
        try:
            return await work
        except AdministratorError as error:
            raise Refused(known("not-found", f"{error}.")) from None


def _answer(kind: type[Any], facts: Any, status: int = 200) -> StreamResponse:
    return json_answer(shaped(facts, kind), status)


def _limit(text: str, rows_max: int) -> int:
    """How many rows are asked for (1,000 if nothing is said). Raises `Refused` for what is no
    number, or too many.
    """
    text = text or "1000"
    if not text.isdecimal() or not 0 < int(text) <= rows_max:
        raise Refused(known("bad-request", f"limit={text} is not a number from 1 to {rows_max:,}."))
    return int(text)
