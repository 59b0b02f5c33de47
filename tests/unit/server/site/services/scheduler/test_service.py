"""Scheduler: Pending to Active, the package compressed, one request a site, and the status kept."""

from __future__ import annotations

import itertools

import pytest

from despoolr_core.formats.instructions.instruction import Install, parse_instruction
from despoolr_core.profile import with_overrides
from despoolr_core.records.kinds.site import EventLogged
from despoolr_core.records.stream import of
from despoolr_server.database.protocol import Connection
from despoolr_server.site.jobs.model import DetailKind, JobSpec, RunPhase, SendPhase
from despoolr_server.site.services.scheduler.new_jobs import repeated
from despoolr_server.site.services.scheduler.package_source import split_unc
from despoolr_server.site.services.sender import parse_send_request
from despoolr_server.site.state import boxes
from despoolr_server.site.state.packages import decompress
from despoolr_server.site.state.rows import queries
from worlds.site import FILES, Bench


@pytest.mark.parametrize(
    ("unc", "parts"),
    [
        (r"\\SITE1\PKGSRC\OFFICE", ("SITE1", "PKGSRC", "OFFICE")),
        (r"\\SITE1\PKGSRC\a\b", ("SITE1", "PKGSRC", "a/b")),
        ("//SITE1/PKGSRC/a", ("SITE1", "PKGSRC", "a")),
        (r"\\SITE1\PKGSRC", ("SITE1", "PKGSRC", "")),
    ],
)
def test_a_unc_is_server_share_and_path(unc: str, parts: tuple[str, str, str]) -> None:
    assert split_unc(unc) == parts


@pytest.mark.parametrize("unc", ["", "SITE1", r"\\SITE1", r"\\SITE1\\OFFICE", "\\\\"])
def test_what_is_no_unc_is_refused_with_the_shape_of_one(unc: str) -> None:
    with pytest.raises(ValueError, match="SERVER"):
        split_unc(unc)


def test_a_repetition_is_the_same_job_at_another_time() -> None:
    spec = JobSpec("J", "BPC00001", activate_at=1.0, repeat_every_s=10.0)
    assert repeated(spec, 11.0, keeps_mandatory_date=False) == JobSpec(
        "J", "BPC00001", activate_at=11.0, repeat_every_s=10.0
    )


@pytest.mark.parametrize(("keeps", "mandatory"), [(False, 12.0), (True, 2.0)])
def test_a_repetition_has_later_dates_but_for_the_mandatory_one_of_q141192(
    keeps: bool, mandatory: float
) -> None:
    run = RunPhase("x", offer_after=1.0, mandatory_after=2.0, expires_after=3.0)
    spec = JobSpec("J", "BPC00001", run=run, activate_at=1.0, repeat_every_s=10.0)
    later = repeated(spec, 11.0, keeps_mandatory_date=keeps).run
    assert later == RunPhase("x", offer_after=11.0, mandatory_after=mandatory, expires_after=13.0)


async def test_a_due_job_becomes_active_with_its_package_and_request_in_the_outbox() -> None:
    bench = Bench()
    await bench.machines(2)
    package = await bench.package()
    job = await bench.run_job(package, expires_after=bench.clock.now() + 1000)
    await bench.cycle("SCHEDULER")
    assert bench.status(job) == "Active"
    assert decompress(await bench.root.read(f"{boxes.TOSEND}/{package}.P00")) == {
        n: t.encode() for n, t in FILES.items()
    }
    (name,) = bench.names("SITE1/SMS_SHRD", boxes.LAN_OUTBOX)
    request = parse_send_request(await bench.root.read(name))
    assert (request.job, request.destination, request.remote_instruction) == (
        job,
        "BPC",
        f"{job}.INS",
    )
    install = Install.from_instruction(
        parse_instruction(await bench.root.read(f"{boxes.TOSEND}/{job}.I00"))
    )
    assert [str(w) for w in install.workstations] == ["BPC00001 SALES\\WS1", "BPC00002 SALES\\WS2"]
    assert (install.package_version, install.package_file) == (1, f"{job}.PCK")
    assert bench.details(job) == {
        (DetailKind.SITE_ARRIVAL, ""): "None",
        (DetailKind.COMPLETION, ""): "None",
        (DetailKind.WORKSTATION, "WS1"): "None",
        (DetailKind.WORKSTATION, "WS2"): "None",
    }


async def test_a_job_that_is_not_due_waits() -> None:
    bench = Bench()
    job = await bench.job(await bench.package(), activate_at=bench.clock.now() + 600.0)
    await bench.pump(2)
    assert bench.status(job) == "Pending"
    await bench.cycle("SCHEDULER")
    assert bench.status(job) == "Active"


async def test_a_package_goes_with_the_job_only_when_it_must() -> None:
    bench = Bench()
    package = await bench.package()
    jobs = [
        await bench.job(package, f"J{n}", send=send)
        for n, send in enumerate([*SendPhase, SendPhase.ONLY_IF_NOT_SENT])
    ]
    await bench.cycle("SCHEDULER")
    sent = [
        parse_send_request(await bench.root.read(n))
        for n in bench.names("SITE1/SMS_SHRD", boxes.LAN_OUTBOX)
    ]
    assert [(r.job, bool(r.package_file)) for r in sent] == list(
        zip(jobs, [True, True, False], strict=True)
    )
    assert (await bench.administrator.packages())[0]["version"] == 2


async def test_an_empty_target_list_fails_the_job_with_event_323() -> None:
    bench = Bench()
    job = await bench.run_job(await bench.package())
    await bench.cycle("SCHEDULER")
    assert (bench.status(job), bench.events()) == ("Failed", [323])


async def test_machines_of_another_system_are_no_targets() -> None:
    bench = Bench()
    await bench.machines(1)
    job = await bench.run_job(await bench.package(), operating_system=0x40)
    await bench.cycle("SCHEDULER")
    assert (bench.status(job), bench.events()) == ("Failed", [323])


@pytest.mark.parametrize(
    "source",
    [
        r"\\SITE1\PKGSRC\NOWHERE",
        r"\\SITE1\NOSHARE\X",
        r"\\SITE1\PKGSRC\EMPTY",
        r"\\LOGON1\SMS_PKGD\X",
    ],
)
async def test_a_missing_or_empty_source_fails_the_job_with_event_313_and_no_other(
    source: str,
) -> None:
    from despoolr_core.share.site_api import PackageSpec

    bench = Bench()
    good = await bench.package()
    await bench.share("SITE1", boxes.SOURCE_SHARE).make_directory("EMPTY")
    bad = await bench.administrator.create_package(PackageSpec("BAD", source))
    jobs = [await bench.job(bad, "BAD"), await bench.job(good, "GOOD")]
    await bench.pump(3)
    assert [bench.status(job) for job in jobs] == ["Failed", "Complete"]
    assert bench.events() == [313]
    if not source.endswith("EMPTY"):
        assert any(
            source in line and "doesn't exist or we failed to access it" in line
            for line in bench.log("SCHEDULER")
        )


async def test_a_source_server_that_does_not_answer_fails_the_job_too() -> None:
    from despoolr_core.share.site_api import PackageSpec

    bench = Bench()
    bench.down.add("LOGON1")
    bad = await bench.administrator.create_package(PackageSpec("BAD", r"\\LOGON1\SMS_PKGD\X"))
    job = await bench.job(bad)
    await bench.cycle("SCHEDULER")
    assert (bench.status(job), bench.events()) == ("Failed", [313])


async def test_a_source_nested_too_deep_fails_its_job_and_ends_nothing_else() -> None:
    bench = Bench()
    deep = await bench.package({"/".join("d" * 40) + "/x": "x"}, "DEEP")
    good = await bench.package()
    jobs = [await bench.job(deep, "DEEP"), await bench.job(good, "GOOD")]
    await bench.pump(3)
    assert [bench.status(job) for job in jobs] == ["Failed", "Complete"]
    assert any("nested deeper than 32" in line for line in bench.log("SCHEDULER"))


async def test_a_full_disk_puts_the_job_off_until_there_is_room() -> None:
    bench = Bench()
    package = await bench.package(
        {"big.dat": "".join(chr(33 + n * 7919 % 90) for n in range(3000))}
    )
    job = await bench.job(package)
    root = bench.stores["SITE1/SMS_SHRD"]
    root.capacity = root.used + 100
    await bench.pump(2)
    assert bench.status(job) == "Pending"
    assert 330 in bench.events()
    assert any(
        "Cannot compress the package file, return code = 112" in line
        for line in bench.log("SCHEDULER")
    )
    root.capacity = None
    await bench.pump(3)
    assert bench.status(job) == "Complete"


async def test_a_repeating_job_is_made_anew_for_its_next_time_and_once() -> None:
    bench = Bench()
    await bench.job(await bench.package(), "WEEKLY", repeat_every_s=600.0)
    await bench.pump(5)
    jobs = await bench.administrator.jobs()
    starts = [job.activate_at for job in jobs]
    assert [b - a for a, b in itertools.pairwise(starts)] == [600.0] * (len(starts) - 1)
    assert len({job.job for job in jobs}) == len(jobs) >= 2
    assert jobs[0].status == "Complete"


async def test_many_jobs_at_once_are_all_activated_though_a_cycle_takes_a_hundred() -> None:
    bench = Bench()
    package = await bench.package()
    for n in range(103):
        await bench.job(package, f"J{n}")
    await bench.cycle("SCHEDULER")
    assert sum(job.status == "Pending" for job in await bench.administrator.jobs()) == 3
    await bench.cycle("SCHEDULER")
    assert not any(job.status == "Pending" for job in await bench.administrator.jobs())


@pytest.mark.parametrize(("version", "is_tried"), [("1.1", False), ("1.2", True)])
async def test_a_pending_instance_of_a_repeating_job_blocks_the_next_one_in_the_versions_of_q153533(
    version: str, is_tried: bool
) -> None:
    bench = Bench(version)
    first = await bench.job(await bench.package(), "WEEKLY", repeat_every_s=600.0)
    root = bench.stores["SITE1/SMS_SHRD"]
    root.capacity = root.used  # nothing can be packed: both instances stay Pending
    await bench.pump(4)
    assert [job.status for job in await bench.administrator.jobs()][:2] == ["Pending", "Pending"]
    tried = {fact.job for _, fact in of(bench.records, EventLogged) if fact.event == 330}
    assert first in tried
    assert (len(tried) > 1) is is_tried


async def test_a_job_that_something_was_heard_of_is_looked_at_once_the_outbox_can_be_listed() -> (
    None
):
    bench = Bench("1.2 SP4")
    job = await bench.job(await bench.package())
    await bench.pump(2)
    bench.site.touched_jobs.add(job)
    bench.site.change_count += 1
    await bench.root.delete(boxes.LAN_OUTBOX)
    await bench.cycle("SCHEDULER")
    assert bench.site.touched_jobs == {job}
    await bench.root.make_directory(boxes.LAN_OUTBOX)
    await bench.cycle("SCHEDULER")
    assert not bench.site.touched_jobs


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The jobs whose rows the Scheduler looks at from now on."""
    jobs: list[str] = []
    statuses = queries.detail_statuses

    def counted(db: Connection, job: str) -> set[tuple[str, str]]:
        jobs.append(job)
        return statuses(db, job)

    monkeypatch.setattr(queries, "detail_statuses", counted)
    return jobs


async def test_a_cycle_looks_at_the_jobs_that_something_was_heard_of_and_at_no_others(
    looked: list[str],
) -> None:
    bench = Bench()
    await bench.machines(1)
    package = await bench.package()
    jobs = [await bench.run_job(package, f"J{n}") for n in range(20)]
    await bench.pump(2)
    looked.clear()
    bench.site.touched_jobs.add(jobs[7])
    bench.site.change_count += 1
    await bench.cycle("SCHEDULER")
    assert looked == [jobs[7]]
    looked.clear()
    await bench.administrator.cancel_job(jobs[3])
    await bench.cycle("SCHEDULER")
    assert looked == [jobs[3]]
    looked.clear()
    await bench.service("SCHEDULER").started()
    await bench.cycle("SCHEDULER")
    assert set(looked) == set(jobs), "a service that starts knows nothing of what was heard"


async def test_new_rules_are_applied_to_all_jobs_though_nothing_is_heard_of_them(
    looked: list[str],
) -> None:
    bench = Bench()
    await bench.machines(1)
    package = await bench.package()
    jobs = [await bench.run_job(package, f"J{n}") for n in range(3)]
    await bench.pump(2)
    looked.clear()
    bench.site.profile = with_overrides(bench.site.profile, {"job_stays_retrying": True})
    await bench.cycle("SCHEDULER")
    assert looked == jobs
