"""The rows of a site: what the SMS Administrator program and the Service Manager do
(`http.site.routes`).
"""

from __future__ import annotations

from typing import Any, Final

from despoolr_core.share import site_api
from despoolr_server.http.openapi.table import (
    ADMINISTRATORS,
    Answer,
    Call,
    Parameter,
    in_query,
    json,
    ok,
    one_of,
    whole,
)
from despoolr_server.http.site.routes import ACTIONS, EVENTS_MAX, MACHINES_MAX
from despoolr_server.site.jobs.model import JobSpec

SITE: Final = "The site"
PACKAGES: Final = "Packages"
MACHINES: Final = "Machines and sites"
JOBS: Final = "Jobs"


def _call(
    method: str,
    path: str,
    summary: str,
    group: str,
    answer: Answer,
    *refusals: int,
    parameters: tuple[Parameter, ...] = (),
    body: Any = None,
    text: str = "",
) -> Call:
    """A row for administrators: a client's and a service's token get 403."""
    return Call(
        method,
        path,
        summary,
        group,
        (answer,),
        parameters,
        json(body) if body else {},
        refusals=(403, *refusals),
        who=ADMINISTRATORS,
        text=text,
    )


SITE_CALLS: Final = (
    _call(
        "GET",
        "/api/v1/site",
        "The site, its services, its servers",
        SITE,
        ok(site_api.SiteFacts, "As it is now."),
    ),
    _call(
        "GET",
        "/api/v1/events",
        "The NT application log",
        SITE,
        ok(site_api.EventList, "The newest events, oldest first."),
        400,
        507,
        parameters=(in_query("limit", "Events at most.", whole(EVENTS_MAX, 1)),),
    ),
    _call(
        "POST",
        "/api/v1/services/{component}/{action}",
        "Pause, resume, restart or cycle a service",
        SITE,
        ok(site_api.ServiceFacts, "The service after that."),
        400,
        404,
        parameters=(
            Parameter(
                "action",
                "path",
                "`cycle` is `sendcode N 192`: a cycle at once.",
                one_of(*ACTIONS),
                True,
            ),
        ),
    ),
    _call(
        "GET",
        "/api/v1/hotfixes",
        "Which hotfixes are installed, and which could be",
        SITE,
        ok(site_api.HotfixList, "By article."),
    ),
    _call(
        "POST",
        "/api/v1/hotfixes/{article}",
        "Install a hotfix",
        SITE,
        ok(site_api.HotfixInstalled, "It is installed, and the SMS Executive runs again.", 201),
        400,
        text="Stops the SMS Executive, installs, starts it. Everything in flight is kept.",
    ),
    _call(
        "GET",
        "/api/v1/packages",
        "All packages",
        PACKAGES,
        ok(site_api.PackageList, "By PackageID."),
    ),
    _call(
        "POST",
        "/api/v1/packages",
        "Make a package",
        PACKAGES,
        ok(site_api.PackageMade, "Its PackageID.", 201),
        400,
        body=site_api.PackageSpec,
        text=r"`source` is `\\SERVER\SHARE\DIRECTORY`; put the files there with PUT on that "
        r"share. `id` is usually left out.",
    ),
    _call(
        "GET",
        "/api/v1/packages/{package}",
        "A package, and what sites and servers say of it",
        PACKAGES,
        ok(site_api.PackageFacts, "By id or name."),
        404,
    ),
    _call(
        "GET",
        "/api/v1/machines",
        "The machines that the site knows",
        MACHINES,
        ok(site_api.MachineList, "A page of them, by name."),
        400,
        507,
        parameters=(
            in_query("limit", "Machines at most.", whole(MACHINES_MAX, 1)),
            in_query("after", "The last name of the page before."),
        ),
    ),
    _call(
        "POST",
        "/api/v1/machines",
        "Make machines known",
        MACHINES,
        ok(site_api.MachinesMade, "How many.", 201),
        400,
        body=list[site_api.MachineSpec],
        text="What their first inventory would do. Those already known are brought up to date.",
    ),
    _call(
        "GET",
        "/api/v1/machines/{name}",
        "A machine and what it reported",
        MACHINES,
        ok(site_api.MachineFacts, "Its attributes by group."),
        404,
    ),
    _call(
        "GET",
        "/api/v1/sites",
        "The sites below this one",
        MACHINES,
        ok(site_api.SubSiteList, "And its parent."),
    ),
    _call(
        "POST",
        "/api/v1/sites",
        "Make sites below known",
        MACHINES,
        ok(site_api.SubSitesMade, "How many.", 201),
        400,
        body=list[site_api.SiteSpec],
    ),
    _call("GET", "/api/v1/jobs", "All jobs", JOBS, ok(site_api.JobList, "Oldest first."), 507),
    _call(
        "POST",
        "/api/v1/jobs",
        "Create a job",
        JOBS,
        ok(site_api.JobMade, "Its JobID. It is Pending.", 201),
        400,
        body=JobSpec,
        text="What it names must be there: the refusal says what is.",
    ),
    _call(
        "GET",
        "/api/v1/jobs/{job}",
        "A job and its details",
        JOBS,
        ok(site_api.JobFacts, "By id, or by name."),
        404,
        507,
    ),
    _call(
        "POST",
        "/api/v1/jobs/{job}/cancel",
        "Cancel a job",
        JOBS,
        ok(site_api.JobCancelled, "Cancelled, or Cancelling if it was under way.", 202),
        400,
        404,
    ),
)
"""Every call of `http.site.routes`."""
