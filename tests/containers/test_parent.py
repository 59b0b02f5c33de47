"""`--profile parent`: a 2.0 site above the stack's 1.2 site, as docs/containers.md says it, and
what it learns of its child.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import docker
import pytest

from despoolr_app.site_client.blocking_client import ask
from despoolr_app.site_client.errors import SiteError
from worlds.docker import Stack, stack, until
from worlds.process import Administrator

CLIENTS = 5
SETTINGS = {
    "DESPOOLR_PARENT": "PAR=PARSRV=http://parent:8811",
    "DESPOOLR_TIME": "x1000",
    "DESPOOLR_RESPONSE": "Very Fast",
    "DESPOOLR_CLIENTS": str(CLIENTS),
}


@pytest.fixture(scope="module")
def here(client: docker.DockerClient, tag: str) -> Iterator[Stack]:
    with stack(client, tag, "parent", ("parent",), **SETTINGS) as made:
        made.up()
        yield made
    assert made.leftovers() == [], "all is torn down"


def parent(here: Stack) -> Administrator:
    return Administrator(here.address("parent"), "PARSRV")


def status_at_parent(here: Stack, package: str) -> str:
    """What the parent knows of a package at its child; empty: nothing."""
    try:
        rows = ask(parent(here).site, f"packages/{package}", dict)["status"]
    except SiteError:
        return ""
    return next((row["status"] for row in rows if row["site"] == "BPC" and not row["server"]), "")


def share(here: Stack, name: str, package: str) -> str:
    """A Share Package On Server job of the parent's for the child's LOGON1."""
    spec: dict[str, Any] = {
        "type": "Share Package On Server",
        "sites": ["BPC"],
        "distribute": {"put_on": ["LOGON1"]},
    }
    return str(parent(here).post("jobs", name=name, package=package, **spec)["job"])


def log_of(here: Stack, name: str) -> str:
    """A log file of the parent's, as an operator would read it; a component that never wrote has
    none.
    """
    return here.run("parent", "sh", "-c", f"cat /data/LOGS/{name} || true")


def test_a_job_of_the_parent_is_run_by_the_clients_of_its_child_and_their_status_comes_up(
    here: Stack,
) -> None:
    until(
        lambda: (
            "`- BPC  SMS 1.2, SITE1, with LOGON1, LOGON2" in here.run("parent", "despoolr", "sites")
        ),
        "the child told of itself",
    )
    administrator = parent(here)
    until(
        lambda: ask(administrator.site, "machines", dict)["count"] == CLIENTS,
        "the parent learns of the child's machines",
    )
    package = administrator.make_package("OFFICE", a="a one")
    assert package == "PAR00001"
    job = administrator.run_everywhere("FIRST", package)
    until(
        lambda: administrator.job(job)["job"]["status"] == "Complete",
        "the job is complete at the parent",
    )
    statuses = administrator.statuses(job)
    assert len(statuses) == CLIENTS and set(statuses.values()) == {"Complete"}
    assert administrator.statuses(job, "Server") == {"LOGON1": "Complete"}
    assert [j["status"] for j in ask(here.address("site"), "jobs", dict)["jobs"]] == ["Complete"], (
        "the child has it too"
    )
    until(
        lambda: status_at_parent(here, package) == "Success",
        "a Run Command job's package has its own ID in the report",
    )


def test_a_2_0_parent_loses_what_its_child_says_of_a_shared_package_and_sp1_does_not(
    here: Stack,
) -> None:
    """Q235805, through containers: the parent is started again with the version that mends it, on
    the same data.
    """
    lost = parent(here).make_package("SHARED", a="a one")
    job = share(here, "LOST", lost)
    until(lambda: parent(here).job(job)["job"]["status"] == "Complete", "the job is complete")
    said = "This PkgID (PARZ0002) does not exist in the parent table, SMSPackages."
    until(lambda: said in log_of(here, "DISTMGR.LOG"), "Distribution Manager knows no such package")
    assert status_at_parent(here, lost) == "Not installed"

    here.settings["DESPOOLR_PARENT_VERSION"] = "2.0 SP1"
    here.compose("up", "-d", "--no-deps", "parent")
    here.wait_healthy()
    assert ask(here.address("parent"), "site", dict)["version"] == "2.0 SP1"
    kept = parent(here).make_package("AGAIN", a="a one")
    job = share(here, "KEPT", kept)
    until(lambda: parent(here).job(job)["job"]["status"] == "Complete", "the job is complete")
    until(lambda: status_at_parent(here, kept) == "Success", "SP1 finds the package that is meant")
    assert status_at_parent(here, lost) == "Not installed", "what was lost stays lost"
