"""A process that dies between any two steps comes back and ends where an undisturbed one ends:
nothing lost, nothing twice.

Each service is killed before every single call that changes a share, and before and after every
transaction, begun anew from nothing but files and rows, and let go on. What lies in boxes, stands
in rows and was logged must be the same in the end.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from despoolr_core.formats.instructions.instruction import Result
from despoolr_core.formats.reports.status_mif import StatusMif
from despoolr_core.profile import with_overrides
from despoolr_core.rules.remedies import COPY_STRATEGIES
from despoolr_server.site.jobs.model import DistributePhase, JobType
from despoolr_server.site.state import boxes
from worlds.site import Bench, Death, Died, Prepare

OK = StatusMif("Success", "installed")
NO = StatusMif("Failed", "disk full")


async def fresh_job() -> Bench:
    """A new package and a job with a run phase, not yet activated."""
    bench = Bench()
    await bench.machines()
    await bench.run_job(await bench.package())
    return bench


async def sent_job() -> Bench:
    """The same, compressed: a send request waits for the sender."""
    bench = await fresh_job()
    await bench.cycle("SCHEDULER")
    return bench


async def delivered_job() -> Bench:
    """The same, delivered: an instruction with its package waits in RECEIVE."""
    bench = await sent_job()
    await bench.cycle("LAN_SENDER")
    return bench


async def installed_job() -> Bench:
    bench = await delivered_job()
    await bench.cycle("DESPOOLER")
    return bench


async def blocked_update(version: str = "1.1") -> Bench:
    """An update has arrived while WS1 holds the middle one of three files."""
    bench = Bench(
        version,
        ("LOGON1", "LOGON2"),
        restart_resets_retry_count=False,
        partial_retry_list_lost=False,
    )
    package = await bench.package()
    await bench.job(package)
    await bench.pump(2)
    await bench.hold(f"{package}/b.dat")
    await bench.update(package)
    await bench.cycle("SCHEDULER")
    await bench.cycle("LAN_SENDER")
    return bench


async def blocked_update_of_1_2() -> Bench:
    return await blocked_update("1.2 SP4")


async def last_attempt() -> Bench:
    """The retries of a blocked update are used up: its instruction is due once more."""
    bench = await blocked_update()
    bench.site.profile = with_overrides(bench.site.profile, {"attempts_max": 1})
    await bench.cycle("DESPOOLER")
    bench.clock.time += bench.site.retry_s
    return bench


async def about_to_warn() -> Bench:
    """The attempt after which users are told to close the file is due (Q128458)."""
    bench = Bench("1.2 SP4", use_forced_disconnect=True, forced_disconnect_retries=0)
    package = await bench.package()
    await bench.job(package)
    await bench.pump(2)
    await bench.hold(f"{package}/b.dat")
    await bench.update(package)
    await bench.pump(2)
    bench.clock.time += bench.site.retry_s - bench.site.polling_s
    return bench


async def about_to_close() -> Bench:
    """They have been told, and the delay is over."""
    bench = await about_to_warn()
    await bench.pump(1)
    return bench


async def removal() -> Bench:
    """A package is to be removed while WS1 holds one of its files."""
    bench = await installed_job()
    bench.site.profile = with_overrides(bench.site.profile, {"restart_resets_retry_count": False})
    await bench.pump(1)
    await bench.hold("BPC00001/b.dat")
    await bench.job("BPC00001", type=JobType.REMOVE_PACKAGE, distribute=DistributePhase())
    await bench.cycle("SCHEDULER")
    await bench.cycle("LAN_SENDER")
    return bench


async def reported() -> Bench:
    """Every kind of report lies on the logon server."""
    bench = Bench(malformed_mif_is_success=True)
    await bench.machines(5)
    job = await bench.run_job(await bench.package())
    await bench.pump(2)
    request = (await bench.administrator.jobs())[0].request
    await bench.report(job, request, machine="WS1", sms_id="BPC00001", mif=OK)
    await bench.report(job, request, machine="WS2", sms_id="BPC00002", mif=NO, result=Result.FAILED)
    await bench.report(
        job, request, machine="WS3", sms_id="BPC00003", mif=b"START COMPONENT\r\nnonsense"
    )
    await bench.report(job, request, machine="WS4", sms_id="BPC00004", result=Result.EXPIRED)
    await bench.report(job, request, machine="WS5", sms_id="BPC00005", result=Result.FAILED)
    return bench


async def collected() -> Bench:
    """The reports have been carried to RECEIVE."""
    bench = await reported()
    await bench.cycle("MAINTENANCE_MANAGER")
    return bench


async def to_be_loaded() -> Bench:
    """The reports have become MIFs, and one file that is none lies between them."""
    bench = await collected()
    await bench.cycle("DESPOOLER")
    await bench.root.write("SITE.SRV/DATALOAD.BOX/DELTAMIF.COL/X0000001.EMF.MIF", b"garbage")
    return bench


async def cancelled() -> Bench:
    """A job under way is to be taken back, while it waits to be tried again."""
    bench = await blocked_update()
    await bench.cycle("DESPOOLER")
    await bench.administrator.cancel_job("UPDATE")
    return bench


async def cancellation_delivered() -> Bench:
    bench = await cancelled()
    await bench.cycle("SCHEDULER")
    await bench.cycle("LAN_SENDER")
    return bench


async def child() -> Bench:
    """A 1.2 site below a 2.0 SP1 site has installed the parent's package and knows of two
    machines.
    """
    top = Bench("2.0 SP1", ("HQLOGON",), site="TOP")
    below = Bench("1.2 SP4", site="BPC", above=top)
    for bench in (top, below):
        await bench.start()
    await top.job(await top.package(), sites=("BPC",), distribute=DistributePhase(("*",)))
    await below.machines(2)
    for service in ("SCHEDULER", "LAN_SENDER"):
        await top.cycle(service)
    await below.cycle("DESPOOLER")
    return below


async def child_that_loaded() -> Bench:
    bench = await child()
    await bench.cycle("DATA_LOADER")
    return bench


async def child_with_a_packet() -> Bench:
    bench = await child_that_loaded()
    await bench.cycle("SITE_REPORTER")
    return bench


async def parent_with_a_packet() -> Bench:
    bench = await child_with_a_packet()
    await bench.cycle("LAN_SENDER")
    assert bench.above is not None
    return bench.above


async def parent_with_a_record() -> Bench:
    bench = await parent_with_a_packet()
    await bench.cycle("DESPOOLER")
    return bench


async def parent_to_load() -> Bench:
    return await parent_with_a_record()


FIRST = {"a.dat": "a, first", "gone/x.dat": "x", "sub/b.dat": "b, first", "taken": "a file"}
SECOND = {"a.dat": "a, second", "new/y.dat": "", "sub/b.dat": "b, second", "taken/z.dat": "z"}


def first_distribution(strategy: str) -> Prepare:
    """A package that no server has waits in RECEIVE."""

    async def prepare() -> Bench:
        bench = Bench("1.1", copy_strategy=strategy)
        await bench.job(await bench.package(FIRST))
        await bench.cycle("SCHEDULER")
        await bench.cycle("LAN_SENDER")
        return bench

    return prepare


def update_by(strategy: str) -> Prepare:
    """An update of it waits there, and WS1 holds a file of it on one of two servers."""

    async def prepare() -> Bench:
        bench = Bench(
            "1.1",
            ("LOGON1", "LOGON2"),
            copy_strategy=strategy,
            restart_resets_retry_count=False,
        )
        package = await bench.package(FIRST)
        await bench.job(package)
        await bench.pump(2)
        await bench.hold(f"{package}/a.dat", "LOGON2")
        source = bench.share("SITE1", boxes.SOURCE_SHARE)
        for name in ("taken", "gone/x.dat", "gone"):
            await source.delete(f"OFFICE/{name}")
        await bench.update(package, SECOND)
        await bench.cycle("SCHEDULER")
        await bench.cycle("LAN_SENDER")
        return bench

    return prepare


CASES: list[tuple[str, Prepare]] = [
    ("SCHEDULER", cancelled),
    ("DESPOOLER", cancellation_delivered),
    ("DATA_LOADER", child),
    ("SITE_REPORTER", child_that_loaded),
    ("LAN_SENDER", child_with_a_packet),
    ("DESPOOLER", parent_with_a_packet),
    ("DISTRIBUTION_MANAGER", parent_with_a_record),
    ("DATA_LOADER", parent_to_load),
    ("SCHEDULER", fresh_job),
    ("LAN_SENDER", sent_job),
    ("DESPOOLER", delivered_job),
    ("DESPOOLER", blocked_update),
    ("DESPOOLER", blocked_update_of_1_2),
    ("DESPOOLER", last_attempt),
    ("DESPOOLER", about_to_warn),
    ("DESPOOLER", about_to_close),
    ("DESPOOLER", removal),
    ("DESPOOLER", collected),
    ("MAINTENANCE_MANAGER", installed_job),
    ("MAINTENANCE_MANAGER", reported),
    ("DATA_LOADER", to_be_loaded),
]


async def live(prepare: Prepare, component: str, death: Death) -> Bench:
    """One life that `death` may end, and the next one."""
    bench = await prepare()
    service = bench.dying(component, death)
    try:
        await service.started()
        await service.cycle(bench.clock.now())
    except Died:
        bench.reborn()
    else:
        death.is_over = True
        service.site = bench.site  # it hears of changes again
        bench.services = [
            service if s.component == service.component else s for s in bench.services
        ]
        bench.site.change_count += 1
    await bench.pump(6 if len(bench.tree) > 1 else 4)
    for one in bench.tree:
        for name in one.names(f"{one.name}/SMS_SHRD", boxes.TOSEND):
            if name.endswith(".I00") or "/_" in name:
                # a sender that dies after its last step but one leaves this copy: it harms nobody
                await one.root.delete(name)
    return bench


@pytest.mark.slow
@pytest.mark.parametrize(
    ("component", "prepare"), CASES, ids=[f"{p.__name__}-{c}" for c, p in CASES]
)
async def test_a_death_before_any_step_changes_nothing_in_the_end(
    component: str, prepare: Prepare
) -> None:
    await expect_the_same_end(component, prepare)


@pytest.mark.slow
@pytest.mark.parametrize("story", [first_distribution, update_by])
@pytest.mark.parametrize(
    "strategy", [name for name, strategy in COPY_STRATEGIES.items() if strategy.is_ours]
)
async def test_a_death_at_any_step_of_a_strategy_of_ours_changes_nothing_in_the_end(
    strategy: str, story: Callable[[str], Prepare]
) -> None:
    await expect_the_same_end("DESPOOLER", story(strategy))


async def expect_the_same_end(component: str, prepare: Prepare) -> None:
    undisturbed = Death()
    expected = (await live(prepare, component, undisturbed)).state()
    assert undisturbed.call_count > 1, "the service did something worth dying in"
    for n in range(1, undisturbed.call_count + 1):
        death = Death(n)
        actual = (await live(prepare, component, death)).state()
        for part, wanted in expected.items():
            assert actual[part] == wanted, (
                f"{part} differ after a death at call {n}: {death.story[-1]}"
            )
