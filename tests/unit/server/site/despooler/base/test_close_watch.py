"""The Despooler is told when files that stopped it are closed, and tries in the round after."""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_core.share.modes import ShareMode
from worlds.site import FILES, NEW_FILES, Bench


async def blocked(
    *held: str, servers: tuple[str, ...] = ("LOGON1",)
) -> tuple[Bench, str, list[Any]]:
    """An update was refused because of these files on the last server; its opens."""
    bench = Bench("1.1", servers, copy_strategy="retry_on_close")
    package = await bench.package()
    await bench.job(package)
    await bench.pump(2)
    opens = [await bench.hold(f"{package}/{name}", servers[-1]) for name in held]
    job = await bench.update(package)
    await bench.pump(2)
    assert bench.status(job) == "Retrying"
    return bench, job, opens


def text(bench: Bench, server: str = "LOGON1") -> dict[str, str]:
    found = bench.files(f"{server}/SMS_PKGD", "BPC00001")
    return {path.removeprefix("BPC00001/"): data.decode() for path, data in found.items()}


async def test_the_round_after_the_close_gets_it_through() -> None:
    bench, job, (held,) = await blocked("b.dat")
    await bench.pump(3)
    assert text(bench)["b.dat"] == FILES["b.dat"]
    await held.close()
    await bench.cycle("DESPOOLER")
    assert text(bench) == NEW_FILES
    await bench.pump(2)
    assert bench.status(job) == "Complete"
    assert bench.facts("copy.started")[-1]["attempt"] == 1, "it took the place of the retry"


async def test_nothing_is_tried_while_nothing_was_closed() -> None:
    bench, _, _ = await blocked("b.dat")
    attempts = len(bench.facts("copy.started"))
    assert attempts == 2, "the first distribution, and the update that was refused"
    await bench.pump(20)
    assert len(bench.facts("copy.started")) == attempts
    await bench.pump(4)
    assert len(bench.facts("copy.started")) == attempts + 1, "the retry comes as always"


async def test_each_file_is_copied_as_soon_as_it_is_closed() -> None:
    bench, job, (first, second) = await blocked("a.dat", "c.dat", servers=("LOGON1", "LOGON2"))
    await first.close()
    await bench.pump(1)
    assert text(bench, "LOGON2") == {**NEW_FILES, "c.dat": FILES["c.dat"]}
    await bench.pump(3)
    await second.close()
    await bench.pump(3)
    assert text(bench, "LOGON2") == NEW_FILES
    assert bench.status(job) == "Complete"


@pytest.mark.parametrize("rule", ["count", "time"])
async def test_who_closes_file_after_file_does_not_put_off_giving_up(rule: str) -> None:
    """Three intervals after the first attempt it is over, whatever was tried early in between."""
    many = {f"{n}.dat": "first" for n in range(9)}
    bench = Bench(
        "1.1",
        copy_strategy="retry_on_close",
        give_up_rule=rule,
        attempts_max=3,
        give_up_after_s=3 * 7200.0 - 60.0,
    )
    package = await bench.package(many)
    await bench.job(package)
    await bench.pump(2)
    opens = [await bench.hold(f"{package}/{name}") for name in many]
    job = await bench.update(package, dict.fromkeys(many, "second"))
    await bench.pump(2)
    for opened in opens[:-1]:
        await opened.close()
        await bench.pump(10)
    assert bench.status(job) == "Failed"
    copied = [fact for fact in bench.facts("copy.file") if fact["result"] == "copied"]
    assert len({fact["file"] for fact in copied if fact["job"] == job}) == 7


async def test_an_early_attempt_does_not_move_the_retry_that_is_due() -> None:
    bench, _, (first, _) = await blocked("a.dat", "c.dat")
    await bench.pump(20)
    await first.close()
    await bench.cycle("DESPOOLER")
    attempts = len(bench.facts("copy.started"))
    assert attempts == 3, "an early one"
    await bench.pump(5)
    assert len(bench.facts("copy.started")) == attempts + 1
    due = [f["execute_at"] for f in bench.facts("instruction.written") if f["retries"]]
    assert due[1] == due[0] < due[2] == due[0] + 7200.0


async def test_a_file_that_somebody_else_opened_meanwhile_is_not_free() -> None:
    bench, _, (held,) = await blocked("b.dat")
    other = await bench.hold("BPC00001/b.dat")
    await held.close()
    attempts = len(bench.facts("copy.started"))
    await bench.pump(2)
    assert len(bench.facts("copy.started")) == attempts
    await bench.hold("BPC00001/b.dat", share_mode=ShareMode.READ | ShareMode.WRITE)
    await other.close()
    await bench.pump(1)
    assert text(bench) == NEW_FILES, "who shares writing is not in the way"


@pytest.mark.parametrize("way", ["restarted", "given up", "cancelled"])
async def test_what_is_not_waited_for_any_more_is_not_tried_early(way: str) -> None:
    bench, job, (held,) = await blocked("b.dat")
    if way == "restarted":
        bench.reborn()
        await bench.start()
    elif way == "given up":
        await bench.receive.delete(f"{job}_R.SNI")
    else:
        await bench.administrator.cancel_job("UPDATE")
        await bench.pump(3)
    attempts = len(bench.facts("copy.started"))
    await held.close()
    await bench.pump(2)
    assert len(bench.facts("copy.started")) == attempts


async def test_an_early_attempt_that_gets_nowhere_is_followed_by_the_retry_that_is_due() -> None:
    bench, _, (held,) = await blocked("b.dat")
    attempts = len(bench.facts("copy.started"))
    watch: Any = bench.service("DESPOOLER")
    watch._installer.closes._stops = lambda row: False
    await bench.pump(10)
    assert len(bench.facts("copy.started")) == attempts + 1
    await held.close()


async def test_a_retry_that_somebody_reads_is_left_alone_and_the_rest_goes_on() -> None:
    bench, job, (held,) = await blocked("b.dat")
    reader = await bench.receive.open(f"{job}_R.SNI", share_mode=ShareMode.READ)
    await held.close()
    await bench.job(await bench.package(name="OTHER"), name="OTHER")
    await bench.pump(3)
    assert bench.status(job) == "Retrying"
    assert len(bench.files("LOGON1/SMS_PKGD", "BPC00002")) == len(FILES)
    await reader.close()
    await bench.pump(3)
    assert text(bench) == NEW_FILES


async def test_a_retry_that_cannot_be_read_waits_until_it_is_due_and_is_set_aside() -> None:
    bench, job, (held,) = await blocked("b.dat")
    await bench.receive.write(f"{job}_R.SNI", b"no instruction")
    await held.close()
    await bench.pump(2)
    assert await bench.receive.stat(f"{job}_R.SNI") is not None
    await bench.pump(24)
    assert await bench.receive.stat(f"{job}_R.SNI") is None


async def test_users_who_were_warned_have_the_time_that_they_were_promised() -> None:
    """Q128458: one of two closes the file at once; nobody cuts the other off before the delay."""
    bench = Bench(
        "1.2",
        copy_strategy="retry_on_close",
        use_forced_disconnect=True,
        forced_disconnect_retries=0,
        forced_disconnect_delay_min=30,
    )
    package = await bench.package()
    await bench.job(package)
    await bench.pump(2)
    first, _ = [await bench.hold(f"{package}/{name}") for name in ("a.dat", "b.dat")]
    await bench.update(package)
    await bench.pump(26)
    assert bench.facts("message.sent")
    await first.close()
    await bench.pump(2)
    assert [row.path for row in bench.logons["LOGON1"].host.opens()] == [f"{package}/b.dat"]
    await bench.pump(5)
    assert bench.logons["LOGON1"].host.opens() == []
    assert text(bench) == NEW_FILES


async def test_when_all_who_were_warned_have_closed_the_rest_of_the_delay_is_not_waited() -> None:
    bench = Bench(
        "1.2",
        copy_strategy="retry_on_close",
        use_forced_disconnect=True,
        forced_disconnect_retries=0,
        forced_disconnect_delay_min=30,
    )
    package = await bench.package()
    await bench.job(package)
    await bench.pump(2)
    held = [await bench.hold(f"{package}/{name}") for name in ("a.dat", "b.dat")]
    await bench.update(package)
    await bench.pump(26)
    for file in held:
        await file.close()
    await bench.pump(2)
    assert text(bench) == NEW_FILES
    reasons = [fact["reason"] for fact in bench.facts("open.closed")]
    assert "forced disconnect" not in reasons
