"""Jobs by the names that a scenario gives them: a site knows jobs by their IDs, and calls every
instance of a repeating job the same.

The law: `NAME` is the latest job of that name, as for an administrator; `NAME#1` is the one that
was made, `NAME#2` its first repetition, in the order in which the site made them.
"""

from __future__ import annotations

from typing import Any

from despoolr_app.site_client.errors import SiteRefused
from despoolr_lab.scenario.world import World
from despoolr_lab.toml.tables import split_job


async def job_at(world: World, site: str, name: str) -> Any:
    """What a site says of a job and its details; None for one that is not there (yet). Raises
    `SiteError`.
    """
    job = await job_id(world, site, name)
    if not job:
        return None
    try:
        return await world.api(site, "GET", f"jobs/{job}")
    except SiteRefused as error:
        if error.status == 404:
            return None
        raise


async def job_id(world: World, site: str, name: str) -> str:
    """What a site's API finds a job by: its name, and of an instance the JobID; empty for an
    instance that there is not. Raises `SiteError`.
    """
    plain, number = split_job(name)
    if not number:
        return name
    jobs = (await world.api(site, "GET", "jobs"))["jobs"]
    same = [job["job"] for job in jobs if job["name"] == plain]
    return same[number - 1] if number <= len(same) else ""
