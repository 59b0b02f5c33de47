"""Remove Package From Server: its directory goes, its commands go, and a file in use is waited
for.
"""

from __future__ import annotations

import pytest

from despoolr_core.share.modes import ShareMode
from despoolr_server.site.despooler.removal import GARBLED, remove_commands, remove_package
from despoolr_server.site.jobs.model import DistributePhase, JobType
from despoolr_server.site.state import boxes
from despoolr_server.site.state.registry import REMEMBERED_DIRECTORIES, parse_keys
from worlds.site import FILES, Bench

DEEP = {**FILES, "lib/deep/x.txt": "x", "lib/y.txt": "y", "only/inner/z.txt": "z"}


async def offered(
    servers: tuple[str, ...] = ("LOGON1", "LOGON2"), **overrides: object
) -> tuple[Bench, str]:
    bench = Bench("1.1", servers, **overrides)  # type: ignore[arg-type]
    await bench.machines(2)
    package = await bench.package(DEEP)
    await bench.run_job(package)
    await bench.pump(2)
    return bench, package


async def remove(bench: Bench, package: str, *servers: str) -> str:
    return await bench.job(
        package, "REMOVE", type=JobType.REMOVE_PACKAGE, distribute=DistributePhase(servers)
    )


async def test_the_directory_goes_from_every_server_and_the_commands_from_every_client() -> None:
    bench, package = await offered()
    assert b"SETUP.EXE" in bench.files("LOGON1/SMS_SHR")["PCMINS.BOX/BPC00001.INS"]
    job = await remove(bench, package)
    await bench.pump(2)
    assert bench.status(job) == "Complete"
    for server in bench.logons:
        assert bench.names(f"{server}/SMS_PKGD") == []
        assert await bench.share(server, "SMS_PKGD").list() == [], "no empty directories are left"
        assert b"SETUP.EXE" not in bench.files(f"{server}/SMS_SHR")["PCMINS.BOX/BPC00001.INS"]


async def test_a_server_that_keeps_the_package_keeps_the_commands() -> None:
    bench, package = await offered()
    job = await remove(bench, package, "LOGON1")
    await bench.pump(2)
    assert bench.status(job) == "Complete"
    assert (bench.names("LOGON1/SMS_PKGD"), len(bench.names("LOGON2/SMS_PKGD"))) == ([], len(DEEP))
    assert b"SETUP.EXE" in bench.files("LOGON1/SMS_SHR")["PCMINS.BOX/BPC00001.INS"]


async def test_a_file_in_use_is_told_by_event_106_and_goes_with_a_retry() -> None:
    bench, package = await offered(("LOGON1",))
    held = await bench.hold(f"{package}/lib/y.txt")
    job = await remove(bench, package)
    await bench.pump(2)
    assert (bench.status(job), bench.events()) == ("Retrying", [106])
    assert [name.rpartition("/")[2] for name in bench.names("LOGON1/SMS_PKGD")] == ["y.txt"]
    await held.close()
    await bench.pump(25)
    assert bench.status(job) == "Complete"
    assert await bench.share("LOGON1", "SMS_PKGD").list() == []


@pytest.mark.parametrize("is_netware", [False, True])
@pytest.mark.parametrize("is_lost", [False, True])
async def test_only_the_name_of_a_netware_directory_is_lost_and_only_with_the_fault(
    is_lost: bool, is_netware: bool
) -> None:
    """Q153637: it stays there for good, and no retry waits for its files any more."""
    netware = ("LOGON1",) if is_netware else ()
    bench = Bench("1.2", netware=netware, removal_forgets_netware_name=is_lost)
    package = await bench.package(DEEP)
    await bench.job(package)
    await bench.pump(2)
    held = await bench.hold(f"{package}/lib/y.txt")
    job = await remove(bench, package)
    await bench.pump(2)
    assert bench.events() == [106]
    await held.close()
    await bench.pump(50)
    if is_netware and is_lost:
        assert (bench.status(job), bench.events()) == ("Retrying", [106, 107, 107])
        assert [name.rpartition("/")[2] for name in bench.names("LOGON1/SMS_PKGD")] == ["y.txt"]
        assert bench.log("DESPOOLER").count(f"Failed to deltree {GARBLED}, Win32 Error = 0") == 2
        (ended,) = bench.facts("episode.ended")
        assert "garbled name" in ended["reason"]
    else:
        assert (bench.status(job), bench.events()) == ("Complete", [106])
        assert await bench.share("LOGON1", "SMS_PKGD").list() == []


async def test_what_is_lost_stays_lost_when_the_despooler_is_started_again() -> None:
    bench = Bench("1.1", netware=("LOGON1",))
    package = await bench.package(DEEP)
    await bench.job(package)
    await bench.pump(2)
    held = await bench.hold(f"{package}/lib/y.txt")
    job = await remove(bench, package)
    await bench.pump(2)
    await held.close()
    bench.reborn()
    await bench.pump(25)
    assert (bench.status(job), bench.events()) == ("Retrying", [106, 107])


async def test_a_netware_server_that_does_not_answer_loses_no_name() -> None:
    """Q153637 is about files that could not be deleted; here nobody has tried."""
    bench = Bench("1.1", netware=("LOGON1",))
    package = await bench.package(DEEP)
    await bench.job(package)
    await bench.pump(2)
    bench.down.add("LOGON1")
    job = await remove(bench, package)
    await bench.pump(2)
    assert bench.status(job) == "Retrying"
    bench.down.clear()
    await bench.pump(25)
    assert bench.status(job) == "Complete" and 107 not in bench.events()
    assert await bench.share("LOGON1", "SMS_PKGD").list() == []


async def test_a_directory_that_an_update_moved_meanwhile_is_removed_where_it_is_now() -> None:
    bench, package = await offered(("LOGON1",), copy_strategy="new_folder_and_switch")
    held = await bench.hold(f"{package}/lib/y.txt")
    job = await remove(bench, package)
    await bench.pump(2)
    await bench.update(package)
    await bench.pump(2)
    assert {name.partition("/")[0] for name in bench.names("LOGON1/SMS_PKGD")} != {package}
    await held.close()
    await bench.pump(25)
    assert (bench.status(job), bench.events()) == ("Complete", [106])
    assert await bench.share("LOGON1", "SMS_PKGD").list() == []


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_a_job_that_is_over_remembers_no_name(is_cancelled: bool) -> None:
    rule = {"give_up_rule": "count", "attempts_max": 2}
    bench = Bench("1.1", netware=("LOGON1",), **({} if is_cancelled else rule))  # type: ignore[arg-type]
    package = await bench.package(DEEP)
    await bench.job(package)
    await bench.pump(2)
    await bench.hold(f"{package}/lib/y.txt")
    job = await remove(bench, package)
    await bench.pump(2)
    assert await remembered(bench, job) == {"LOGON1": GARBLED}
    if is_cancelled:
        await bench.administrator.cancel_job(job)
    await bench.pump(3 if is_cancelled else 75)
    assert bench.status(job) == ("Cancelled" if is_cancelled else "Failed")
    assert not await remembered(bench, job)


async def remembered(bench: Bench, job: str) -> dict[str, str]:
    keys = parse_keys((await bench.root.read(boxes.REGISTRY)).decode("latin-1"))
    return keys.get(f"{REMEMBERED_DIRECTORIES}\\{job}", {})


async def test_a_server_that_does_not_answer_is_retried_and_the_other_is_cleared() -> None:
    bench, package = await offered()
    bench.down.add("LOGON1")
    job = await remove(bench, package)
    await bench.pump(2)
    assert bench.details(job)["Server", "LOGON2"] == "Complete"
    assert bench.details(job)["Server", "LOGON1"] == "Retrying"
    bench.down.clear()
    await bench.pump(25)
    assert bench.status(job) == "Complete"


async def test_a_package_that_is_not_there_is_removed_already() -> None:
    bench, package = await offered(("LOGON1",))
    await remove(bench, package)
    await bench.pump(2)
    again = await remove(bench, package, "LOGON1")
    await bench.pump(2)
    assert bench.status(again) == "Complete"
    assert await remove_commands(bench.root, package) == 0
    assert remove_package.__doc__


BESIDE = {
    "new_folder_and_switch": "BPC00001.NEW/a.dat",
    "posix_replace": "BPC00001.$GONE/1",
    "at_restart": "BPC00001.$BOOT/a.dat",
    "quiesce_marker": "BPC00001.LCK",
}


@pytest.mark.parametrize("strategy", BESIDE)
async def test_what_a_strategy_left_beside_the_directory_goes_with_it(strategy: str) -> None:
    bench = Bench("1.1", copy_strategy=strategy)
    package = await bench.package(DEEP)
    await bench.job(package)
    await bench.pump(2)
    share_mode = ShareMode.READ | ShareMode.DELETE
    if strategy in ("at_restart", "quiesce_marker"):
        share_mode = ShareMode.READ
    held = await bench.hold(f"{package}/a.dat", share_mode=share_mode)
    await bench.update(package)
    await bench.pump(2)
    assert BESIDE[strategy] in bench.names("LOGON1/SMS_PKGD")
    if strategy != "posix_replace":
        await held.close()
    await remove(bench, package)
    await bench.pump(25)
    await held.close()
    await bench.pump(25)
    assert await bench.share("LOGON1", "SMS_PKGD").list() == []
    bench.restart("LOGON1")
    assert await bench.share("LOGON1", "SMS_PKGD").list() == [], "nothing comes back"
