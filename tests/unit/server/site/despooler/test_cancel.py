"""A job that is cancelled: at once while it is Pending, at every site when it is under way; what
was done stays.
"""

from __future__ import annotations

import pytest

from despoolr_core.formats.reports.status_mif import StatusMif
from despoolr_server.site.job_checks import AdministratorError
from despoolr_server.site.jobs.model import DistributePhase
from despoolr_server.site.services.scheduler.service import Scheduler
from despoolr_server.site.state import boxes
from despoolr_server.site.state.rows import queries
from worlds.site import Bench

OK = StatusMif("Success", "installed")


def winst(bench: Bench) -> list[bytes]:
    return [
        data
        for data in bench.files("SITE1/SMS_SHRD", boxes.PCM_DOMAINS).values()
        if b"RequestID" in data
    ]


async def test_a_pending_job_is_cancelled_at_once_and_never_sent() -> None:
    bench = Bench()
    job = await bench.job(await bench.package(), activate_at=bench.clock.now() + 86400.0)
    assert (await bench.administrator.cancel_job(job)).status == "Cancelled"
    bench.clock.time += 2 * 86400.0
    await bench.pump(3)
    assert (bench.status(job), bench.names("LOGON1/SMS_PKGD")) == ("Cancelled", [])


async def test_a_job_that_is_cancelled_while_the_scheduler_sends_it_is_taken_back() -> None:
    """Found by a soak: the Scheduler's Active came after the administrator's Cancelled, and nothing
    was cancelled.
    """
    bench = Bench("1.2 SP4")
    await bench.machines(2)
    job = await bench.run_job(await bench.package())
    row = await bench.database.run(lambda db: queries.job(db, job))
    assert row is not None and (await bench.administrator.cancel_job(job)).status == "Cancelled"
    scheduler = bench.service("SMS_SCHEDULER")
    assert isinstance(scheduler, Scheduler)
    await scheduler._activate(row, queries.spec_of(row), bench.clock.now())
    assert bench.status(job) == "Cancelling"
    await bench.pump(3)
    assert (bench.status(job), winst(bench)) == ("Cancelled", [])


async def test_a_job_cancelled_before_the_scheduler_finds_it_unsendable_stays_cancelled() -> None:
    bench = Bench("1.2 SP4")
    job = await bench.run_job(await bench.package())  # for no machine at all
    row = await bench.database.run(lambda db: queries.job(db, job))
    assert row is not None
    await bench.administrator.cancel_job(job)
    scheduler = bench.service("SMS_SCHEDULER")
    assert isinstance(scheduler, Scheduler)
    await scheduler._activate(row, queries.spec_of(row), bench.clock.now())
    assert bench.status(job) == "Cancelled"


async def test_commands_go_from_the_clients_and_what_has_been_reported_stays() -> None:
    bench = Bench("1.2")
    await bench.machines(3)
    job = await bench.run_job(await bench.package())
    await bench.pump(2)
    assert len(winst(bench)) == 3
    request = (await bench.administrator.jobs())[0].request
    await bench.report(job, request, mif=OK)
    await bench.pump(1)
    row = await bench.administrator.cancel_job("JOB")
    assert (row.status, row.cancel) == ("Cancelling", "Pending")
    await bench.pump(3)
    assert winst(bench) == []
    assert bench.status(job) == "Cancelled"
    assert bench.details(job) == {
        ("Site Arrival", ""): "Complete",
        ("Completion", ""): "Canceled",
        ("Server", "LOGON1"): "Complete",
        ("Workstation", "WS1"): "Complete",
        ("Workstation", "WS2"): "Canceled",
        ("Workstation", "WS3"): "Canceled",
    }
    assert bench.events() == [6]
    assert bench.names("LOGON1/SMS_PKGD") != [], "files that are there stay there"
    assert (await bench.administrator.jobs())[0].cancel == "Complete"


async def test_an_update_that_waits_to_be_tried_again_is_given_up() -> None:
    bench = Bench("1.1")
    package = await bench.package()
    await bench.job(package)
    await bench.pump(2)
    await bench.hold(f"{package}/b.dat")
    job = await bench.update(package)
    await bench.pump(2)
    assert bench.status(job) == "Retrying"
    assert bench.names("SITE1/SMS_SITE") == [f"{job}_R.SNI"]
    await bench.administrator.cancel_job(job)
    await bench.pump(3)
    assert bench.status(job) == "Cancelled"
    assert bench.names("SITE1/SMS_SITE") == []
    (episode,) = bench.logons["LOGON1"].host.episodes()
    assert episode.state == "given up"
    bench.clock.time += 2 * bench.site.retry_s
    await bench.pump(2)
    assert [f["attempt"] for f in bench.facts("copy.started") if f["job"] == job] == [1], (
        "nothing is tried any more"
    )


async def test_every_site_takes_the_job_back_before_it_is_cancelled() -> None:
    top = Bench("1.2", ("HQLOGON",), site="TOP")
    child = Bench("1.2", site="CHD", above=top)
    await child.machines(1)
    await child.pump(4)
    job = await top.job(
        await top.package(), sites=("TOP", "CHD"), distribute=DistributePhase(("*",))
    )
    await top.cycle("SCHEDULER")
    await top.cycle("LAN_SENDER")
    await top.administrator.cancel_job(job)
    top.down.add(child.name)
    await top.pump(3)
    assert top.status(job) == "Cancelling"
    top.down.clear()
    await top.pump(5)
    assert (top.status(job), child.status(job)) == ("Cancelled", "Complete"), (
        "the child had done its part already"
    )


async def test_with_a_repeating_job_its_next_instance_is_cancelled() -> None:
    bench = Bench()
    first = await bench.job(await bench.package(), repeat_every_s=86400.0)
    await bench.pump(1)
    statuses = [job.status for job in await bench.administrator.jobs()]
    assert statuses == ["Active", "Pending"]
    await bench.administrator.cancel_job(first)
    await bench.pump(4)
    assert [job.status for job in await bench.administrator.jobs()] == ["Cancelled", "Cancelled"]


@pytest.mark.parametrize("times", [1, 2])
async def test_what_has_ended_cannot_be_cancelled(times: int) -> None:
    bench = Bench()
    job = await bench.job(await bench.package())
    await bench.pump(3)
    for _ in range(times):
        with pytest.raises(AdministratorError, match=f"job {job} JOB is Complete already"):
            await bench.administrator.cancel_job(job)
    assert bench.status(job) == "Complete"


async def test_another_sites_job_is_cancelled_there() -> None:
    top = Bench("1.2", ("HQLOGON",), site="TOP")
    child = Bench("1.2", site="CHD", above=top)
    job = await top.job(await top.package(), sites=("CHD",), distribute=DistributePhase(("*",)))
    await child.pump(3)
    with pytest.raises(AdministratorError, match="is site TOP's: cancel it there"):
        await child.administrator.cancel_job(job)
