"""What a person who makes a job may get wrong, and what the refusal says."""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_core.formats.reports.site_mif import SiteReport
from despoolr_core.share.site_api import MachineSpec, PackageSpec
from despoolr_server.site.job_checks import NAMED_MAX, AdministratorError, check_job, suggested
from despoolr_server.site.jobs.model import DistributePhase, JobSpec, JobType, RunPhase, SendPhase
from despoolr_server.site.state.rows import queries
from worlds.site import Bench

RUN = RunPhase("SETUP.EXE")
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "1 to 64 characters"),
    ({"name": "x" * 65}, "1 to 64 characters"),
    ({"priority": 4}, "priority 4 is none of 1"),
    ({"repeat_every_s": 59.0}, "60 s or more"),
    (
        {"package": "BPC00009"},
        "no package 'BPC00009'; there are BPC00001 (OFFICE), TOP00001 (TOOLS)",
    ),
    ({"sites": ("CHX",)}, "no address to site 'CHX'; did you mean 'CHD'?"),
    (
        {"distribute": DistributePhase(("LOGON9",))},
        "no distribution server 'LOGON9'; did you mean 'LOGON1'?",
    ),
    (
        {"distribute": DistributePhase(("LOGON1",)), "sites": ("CHD",)},
        "LOGON1 is at site BPC, and the job goes to CHD",
    ),
    ({"run": RUN}, "needs target machines"),
    ({"run": RUN, "machines": ("WS2",)}, "knows no machine WS2; did you mean 'WS1'?"),
    (
        {"run": RUN, "machines": ("WS1",), "sites": ("CHD",)},
        "WS1 is at none of the job's sites CHD",
    ),
    (
        {"run": RUN, "machines": ("*",), "type": JobType.SHARE_PACKAGE},
        "only a Run Command On Workstation job",
    ),
    (
        {"run": RunPhase("x", offer_after=5.0, expires_after=5.0), "machines": ("*",)},
        "would expire before it is offered",
    ),
    (
        {"package": "TOOLS", "send": SendPhase.EVEN_IF_SENT},
        "only that site can send it anew (Q134718)",
    ),
]


async def checked(**changes: Any) -> JobSpec:
    bench = Bench()
    await bench.package()
    await bench.administrator.create_package(
        PackageSpec("TOOLS", r"\\HQ\PKGSRC\TOOLS", id="TOP00001")
    )
    await bench.administrator.add_machines([MachineSpec("WS1", "BPC00001", "SALES")])
    bench.site.addresses["CHD"] = "CHILD"
    report = SiteReport("CHD", "BPC", "CHILD", "1.2", ("CHDIST",), 1.0)
    await bench.database.run(lambda db: queries.set_site(db, report))
    spec = JobSpec(**{"name": "J", "package": "OFFICE", **changes})
    return await bench.database.run(lambda db: check_job(db, bench.site, spec))


@pytest.mark.parametrize(("changes", "says"), REFUSED, ids=[says for _, says in REFUSED])
async def test_what_cannot_be_done_is_refused_with_what_can(
    changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(AdministratorError) as refused:
        await checked(**changes)
    assert says in str(refused.value)


@pytest.mark.parametrize("package", ["OFFICE", "office", "BPC00001", "bpc00001"])
async def test_a_package_may_be_named_either_way(package: str) -> None:
    assert (await checked(package=package)).package == "BPC00001"


async def test_names_of_servers_come_out_as_the_site_spells_them() -> None:
    assert (
        await checked(distribute=DistributePhase(("logon1", "chdist", "*")))
    ).distribute.put_on == ("LOGON1", "CHDIST", "*")


@pytest.mark.parametrize("changes", [{"name": "x" * 64}, {"priority": 3}, {"repeat_every_s": 60.0}])
async def test_a_limit_itself_is_allowed(changes: dict[str, Any]) -> None:
    assert await checked(**changes)


def test_a_refusal_lists_no_more_than_a_person_reads() -> None:
    assert suggested("zzz", []) == "; there are none yet"
    assert suggested("zzz", ["A", "B"]) == "; there are A, B"
    many = [f"MACHINE{n}" for n in range(NAMED_MAX + 1)]
    assert suggested("zzz", many).endswith(f"MACHINE{NAMED_MAX - 1} ...")
