"""What a site reports of jobs and packages that came from another: what the parent and the child
then know.
"""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_core.records.kinds.site import PackageReported
from despoolr_core.records.stream import of
from despoolr_server.site.jobs.model import DistributePhase, JobType, RunPhase, SendPhase
from worlds.site import Bench

EVERYWHERE = DistributePhase(("*",))


async def shared(
    top_version: str, child_version: str, job_type: JobType = JobType.SHARE_PACKAGE
) -> tuple[Bench, Bench, str, str]:
    """A parent has its child install a package; all reports have arrived."""
    top = Bench(top_version, ("HQLOGON",), site="100")
    child = Bench(child_version, site="CHD", above=top)
    await child.machines(1)
    await child.pump(4)
    package = await top.package()
    run = RunPhase("SETUP.EXE") if job_type is JobType.RUN_COMMAND else None
    spec: dict[str, Any] = {"machines": ("*",)} if run else {}
    job = await top.job(
        package, type=job_type, run=run, sites=("CHD",), distribute=EVERYWHERE, **spec
    )
    await child.pump(5)
    return top, child, package, job


REPORTED = [
    # parent, child, job, what the parent then says of the package
    ("2.0", "1.2", JobType.SHARE_PACKAGE, "Not installed"),
    ("2.0", "1.2 SP4 + hotfixes", JobType.SHARE_PACKAGE, "Not installed"),
    ("2.0", "1.1", JobType.SHARE_PACKAGE, "Success"),
    ("2.0", "2.0", JobType.SHARE_PACKAGE, "Success"),
    ("2.0", "1.2", JobType.RUN_COMMAND, "Success"),
    ("2.0 SP1", "1.2", JobType.SHARE_PACKAGE, "Success"),
    ("1.2", "1.2", JobType.SHARE_PACKAGE, "Success"),
    ("1.2 SP4", "1.1", JobType.SHARE_PACKAGE, "Success"),
]


@pytest.mark.parametrize(("top_version", "child_version", "job_type", "status"), REPORTED)
async def test_what_a_parent_says_of_a_package_that_its_child_installed(
    top_version: str, child_version: str, job_type: JobType, status: str
) -> None:
    top, child, package, _ = await shared(top_version, child_version, job_type)
    assert top.package_status(package, "CHD") == status
    assert child.share("LOGON1", "SMS_PKGD") is not None
    said = [fact.said for _, fact in of(top.records, PackageReported)]
    marked = job_type is JobType.SHARE_PACKAGE and child.site.profile.success_marks_package_id
    assert said == ["100Z0001" if marked else "10000001"]


async def test_a_child_knows_the_job_and_the_package_that_came_from_above() -> None:
    top, child, package, job = await shared("2.0", "1.2")
    assert child.rows("Jobs", "JobID", "Name", "Type", "Status") == [
        (job, "JOB", "Share Package On Server", "Complete")
    ]
    assert child.rows("SMSPackages", "PkgID", "Name", "StoredVersion") == [(package, "OFFICE", 1)]
    assert child.details(job) == {
        ("Site Arrival", ""): "Complete",
        ("Completion", ""): "Complete",
        ("Server", "LOGON1"): "Complete",
    }
    assert top.details(job) == child.details(job)
    assert top.status(job) == "Complete"


async def test_the_workstations_of_a_child_have_said_nothing_at_first_at_either_site() -> None:
    top, child, _, job = await shared("1.2", "1.2", JobType.RUN_COMMAND)
    assert (
        child.details(job)["Workstation", "WS1"] == top.details(job)["Workstation", "WS1"] == "None"
    )
    assert (child.status(job), top.status(job)) == ("Active", "Active")


async def test_a_newer_version_replaces_what_a_child_knew_of_a_package() -> None:
    top, child, package, _ = await shared("1.2", "1.2")
    await top.update(package, sites=("CHD",))
    await child.pump(5)
    assert child.rows("SMSPackages", "PkgID", "StoredVersion") == [(package, 2)]


async def test_a_child_shares_a_parents_package_again_and_the_parent_hears_of_it() -> None:
    top, child, package, _ = await shared("1.2", "1.2")
    job = await child.job(package, "AGAIN", distribute=DistributePhase((), True))
    await child.pump(5)
    assert (child.status(job), top.package_status(package, "CHD")) == ("Complete", "Success")
    assert [fact.job for _, fact in of(top.records, PackageReported)][-1] == job


async def test_a_package_goes_to_a_site_again_only_when_it_must() -> None:
    top, _, package, _ = await shared("1.2", "1.2")
    await top.job(package, "ONCE MORE", sites=("CHD",), distribute=DistributePhase((), True))
    await top.cycle("SCHEDULER")
    (name,) = top.names("SITE1/SMS_SHRD", "SITE.SRV/SENDER.BOX/REQUESTS")
    assert b'"package_file": ""' in await top.root.read(name)
    await top.job(
        package, "AND AGAIN", sites=("CHD",), send=SendPhase.EVEN_IF_SENT, distribute=EVERYWHERE
    )
    await top.cycle("LAN_SENDER")
    await top.cycle("SCHEDULER")
    (name,) = top.names("SITE1/SMS_SHRD", "SITE.SRV/SENDER.BOX/REQUESTS")
    assert b'"package_file": "10000001.P00"' in await top.root.read(name)
