"""The profiles: the site database on PostgreSQL, Prometheus reading every process of the stack, a
parent site.

The images of PostgreSQL and Prometheus are stand-ins made from Debian's packages; what is proved is
docker-compose.yml. Debian has no Grafana: its dashboard is checked by
`tests/process/test_metrics.py`.
"""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import docker
import pytest

from despoolr_app.site_client.blocking_client import ask
from despoolr_app.site_client.errors import SiteError
from worlds.docker import SCALE_S_MAX, Stack, stack, until
from worlds.support import REPOSITORY

CLIENTS = 5
REPLICAS = 2
SERVICES = ("site", "logon1", "logon2", "clients", "parent", "postgres", "prometheus")


@pytest.fixture(scope="module")
def standins(client: docker.DockerClient) -> dict[str, str]:
    """Settings that name the images that are not ours."""
    for name in ("postgres", "prometheus"):
        path = str(REPOSITORY / "tests/containers/standins")
        client.images.build(
            path=path, dockerfile=f"{name}.Dockerfile", tag=f"despoolr-test-{name}", rm=True
        )
    return {
        f"DESPOOLR_{name.upper()}_IMAGE": f"despoolr-test-{name}"
        for name in ("postgres", "prometheus")
    }


@pytest.fixture(scope="module")
def here(client: docker.DockerClient, tag: str, standins: dict[str, str]) -> Iterator[Stack]:
    settings = {
        "DESPOOLR_TIME": "x1000",
        "DESPOOLR_RESPONSE": "Very Fast",
        "DESPOOLR_CLIENTS": str(CLIENTS),
        "DESPOOLR_CLIENTS_WANTED": str(CLIENTS * REPLICAS),
        "DESPOOLR_DATABASE": "postgresql://despoolr@postgres/despoolr",
        "DESPOOLR_ADDRESS": "PAR=PARSRV=http://parent:8811",
    }
    with stack(client, tag, "profiles", **settings, **standins) as made:
        # Grafana's profile is the one of Prometheus, and there is no image of it here: so services
        # are named.
        made.up(*SERVICES, clients=REPLICAS)
        yield made


def sql(here: Stack, question: str) -> str:
    return here.run(
        "postgres", "psql", "-h", "/tmp", "-U", "despoolr", "-At", "-c", question
    ).strip()


def test_a_job_runs_with_its_rows_in_postgresql_and_survives_a_kill_of_the_database(
    here: Stack,
) -> None:
    administrator = here.administrator()
    package = administrator.make_package("OFFICE", a="a one")
    job = administrator.run_everywhere("FIRST", package)
    until(lambda: "Complete" in administrator.statuses(job).values(), "the first client is done")
    here.container("postgres").kill()
    here.container("postgres").start()
    for service in ("postgres", "site"):
        until(lambda s=service: here.container(s).status == "running", f"{service} runs")  # type: ignore[misc]
    until(lambda: status(here, job) == "Complete", "the job completes", SCALE_S_MAX)
    assert (
        sql(
            here,
            'SELECT "Status", count(*) FROM "JobDetails" '
            """WHERE "Kind" = 'Workstation' GROUP BY 1""",
        )
        == "Complete|10"
    )
    assert (
        sql(here, """SELECT count(*) FROM "LoadedReports" WHERE "Report" NOT LIKE '%/%'""") == "10"
    )
    assert "BPC.db" not in here.run("site", "ls", "/data")


def test_a_second_replica_more_than_wanted_stands_by_and_is_healthy(here: Stack) -> None:
    here.up("--no-recreate", *SERVICES, clients=REPLICAS + 1)
    slots = here.slots()
    assert (slots["wanted"], slots["leased"]) == (CLIENTS * REPLICAS, CLIENTS * REPLICAS)
    assert sum(b"standing by" in c.logs() for c in here.containers("clients")) == 1


def test_prometheus_reads_every_process_of_the_stack(here: Stack) -> None:
    url = here.address("prometheus").url

    def asked(path: str, **query: str) -> Any:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(
                f"{url}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=5
            ) as response:
                return json.loads(response.read())["data"]
        except OSError:
            return {"activeTargets": [], "result": []}

    def up() -> dict[str, int]:
        found: dict[str, int] = {}
        for target in asked("targets")["activeTargets"]:
            job = target["labels"]["job"]
            found[job] = found.get(job, 0) + (target["health"] == "up")
        return found

    wanted = {"site": 1, "logon": 2, "fleet": REPLICAS + 1, "parent": 1}
    until(lambda: up() == wanted, f"{wanted} are up", SCALE_S_MAX)
    live = "sum(despoolr_site_clients_live)"
    until(
        lambda: (
            [float(r["value"][1]) for r in asked("query", query=live)["result"]]
            == [CLIENTS * REPLICAS]
        ),
        "clients are seen",
    )


def test_the_parent_is_a_site_of_its_own(here: Stack) -> None:
    site = ask(here.address("parent"), "site", dict)
    assert (site["site"], site["server"], site["version"]) == ("PAR", "PARSRV", "2.0")
    assert "healthy in" in here.run("parent", "despoolr", "health")


def status(here: Stack, job: str) -> str:
    try:
        return str(here.administrator().job(job)["job"]["status"])
    except (SiteError, AssertionError, docker.errors.APIError):
        return ""
