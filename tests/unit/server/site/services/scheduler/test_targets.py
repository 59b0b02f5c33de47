"""Where a job goes: a table of phases and the sites, workstations and servers they mean."""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_core.formats.reports.site_mif import SiteReport
from despoolr_core.share.site_api import MachineSpec
from despoolr_server.site.jobs.model import DistributePhase, JobSpec, JobType, RunPhase
from despoolr_server.site.services.scheduler import targets
from despoolr_server.site.state.rows import queries
from unit.server.site.loader.test_detail_rows import set_row
from worlds.site import Bench

RUN = RunPhase("SETUP.EXE")
CASES: list[tuple[str, dict[str, Any], tuple[str, ...], list[str]]] = [
    # why, phases, sites, workstations
    ("nothing is named", {"distribute": DistributePhase(("*",))}, ("BPC",), []),
    ("a send-only job is the site's own", {}, ("BPC",), []),
    ("sites are named", {"sites": ("CHD", "BPC")}, ("BPC", "CHD"), []),
    ("a server of a child is named", {"distribute": DistributePhase(("CHDIST",))}, ("CHD",), []),
    (
        "servers of both are named",
        {"distribute": DistributePhase(("chdist", "LOGON1"))},
        ("BPC", "CHD"),
        [],
    ),
    ("sites of the workstations", {"run": RUN, "machines": ("*",)}, ("BPC", "CHD"), ["PC1", "WS1"]),
    ("a workstation of a child", {"run": RUN, "machines": ("pc1",)}, ("CHD",), ["PC1"]),
    (
        "workstations at the named site only",
        {"run": RUN, "machines": ("*",), "sites": ("CHD",)},
        ("CHD",),
        ["PC1"],
    ),
    (
        "another operating system",
        {"run": RunPhase("x", operating_system=0x40), "machines": ("*",)},
        ("BPC",),
        [],
    ),
    (
        "refresh goes where the package is",
        {"distribute": DistributePhase((), True)},
        ("BPC", "CHD"),
        [],
    ),
]


@pytest.mark.parametrize(
    ("why", "phases", "sites", "workstations"), CASES, ids=[c[0] for c in CASES]
)
async def test_where_a_job_goes(
    why: str, phases: dict[str, Any], sites: tuple[str, ...], workstations: list[str]
) -> None:
    bench = Bench()
    package = await bench.package()
    await bench.administrator.add_machines(
        [
            MachineSpec("WS1", "BPC00001", "SALES", 0x0F),
            MachineSpec("PC1", "CHD00001", "BRANCH", 0x0F, "CHD"),
        ]
    )
    report = SiteReport("CHD", "BPC", "CHILD", "1.2", ("CHDIST",), 1.0)
    await bench.database.run(lambda db: queries.set_site(db, report))
    await bench.database.run(
        lambda db: queries.set_package_status(db, package, "CHD", "CHDIST", "Complete", 1, 1.0)
    )
    spec = JobSpec("J", package, **phases)
    found = await bench.database.run(lambda db: targets.find_targets(db, bench.site, spec))
    assert found.sites == sites
    assert sorted(machine.name for machine in found.workstations) == workstations


@pytest.mark.parametrize("skips", [False, True])
async def test_a_job_for_everything_has_a_row_for_what_runs_no_pcm(skips: bool) -> None:
    """Q156250; who names machines never gets it."""
    bench = Bench(site_job_skips_unsupported=skips)
    package = await bench.package()
    machines = [
        MachineSpec("WS1", "BPC00001", "SALES"),
        MachineSpec("NWSRV1", "BPC00002", "SALES", operating_system=queries.NO_PCM),
    ]
    await bench.administrator.add_machines(machines)

    async def workstations(*named: str, **run: Any) -> list[str]:
        phase = RunPhase("SETUP.EXE", **run)
        spec = JobSpec("JOB", package, JobType.RUN_COMMAND, machines=named, run=phase)
        found = await bench.database.run(lambda db: targets.find_targets(db, bench.site, spec))
        return [machine.name for machine in found.workstations]

    assert await workstations("*") == (["WS1"] if skips else ["WS1", "NWSRV1"])
    assert await workstations("WS1", "NWSRV1") == ["WS1"]
    assert await workstations("*", operating_system=0x40) == ([] if skips else ["NWSRV1"])


async def test_each_site_is_told_its_own_servers() -> None:
    bench = Bench("1.1", ("LOGON1", "LOGON2"))
    report = SiteReport("CHD", "BPC", "CHILD", "1.2", ("CHDIST",), 1.0)
    await bench.database.run(lambda db: queries.set_site(db, report))
    spec = JobSpec("J", "BPC00001", distribute=DistributePhase(("LOGON2", "CHDIST")))
    found = await bench.database.run(lambda db: targets.find_targets(db, bench.site, spec))
    assert (found.put_on(spec, "BPC"), found.put_on(spec, "CHD")) == (("LOGON2",), ("CHDIST",))


async def test_a_package_was_sent_once_a_job_with_it_went_out_and_did_not_fail() -> None:
    bench = Bench()
    package = await bench.package()
    job = await bench.job(package)

    async def was_sent(site: str = "BPC", other: str = "another") -> bool:
        return await bench.database.run(lambda db: targets.was_sent(db, package, site, other))

    assert not await was_sent()
    await bench.cycle("SCHEDULER")
    assert await was_sent()
    assert not await was_sent(other=job), "a job does not make its own package a sent one"
    assert not await was_sent("CHD")
    bench.site.change_count += 1
    await bench.database.run(
        lambda db: set_row(db, (job, "Site Arrival", "BPC", ""), "Failed", 2e9)
    )
    assert not await was_sent()
    removal = await bench.job(package, "R", type=JobType.REMOVE_PACKAGE)
    await bench.cycle("SCHEDULER")
    assert removal
    assert not await was_sent()
