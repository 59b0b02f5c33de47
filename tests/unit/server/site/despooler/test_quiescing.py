"""A marker that keeps new opens out while an update waits: when it is set, and when it goes."""

from __future__ import annotations

from typing import Any

from despoolr_core.profile import with_overrides
from worlds.site import FILES, NEW_FILES, Bench

MARKER = "BPC00001.LCK"


async def waiting(*held: str) -> tuple[Bench, str, list[Any]]:
    """An update was refused because of these files; their opens."""
    bench = Bench("1.1", copy_strategy="quiesce_marker")
    package = await bench.package()
    await bench.job(package)
    await bench.pump(2)
    opens = [await bench.hold(f"{package}/{name}") for name in held]
    job = await bench.update(package)
    await bench.pump(2)
    return bench, job, opens


def has_marker(bench: Bench) -> bool:
    return MARKER in bench.files("LOGON1/SMS_PKGD")


def text(bench: Bench) -> dict[str, str]:
    found = bench.files("LOGON1/SMS_PKGD", "BPC00001")
    return {path.removeprefix("BPC00001/"): data.decode() for path, data in found.items()}


async def test_nobody_who_is_in_no_ones_way_is_kept_out() -> None:
    bench, job, _ = await waiting()
    assert bench.status(job) == "Complete"
    assert not has_marker(bench)


async def test_the_marker_stands_until_the_last_file_is_closed_and_all_are_copied_then() -> None:
    bench, job, (first, second) = await waiting("a.dat", "c.dat")
    assert has_marker(bench)
    await first.close()
    await bench.pump(2)
    assert has_marker(bench)
    assert text(bench) == FILES, "all files or none"
    await second.close()
    await bench.cycle("DESPOOLER")
    assert text(bench) == NEW_FILES
    assert not has_marker(bench)
    await bench.pump(2)
    assert bench.status(job) == "Complete"


async def test_a_retry_that_is_refused_gives_the_files_back_and_names_who_was_deaf() -> None:
    bench, _, (held,) = await waiting("b.dat")
    bench.clock.time += 60.0
    deaf = bench.share("LOGON1", "SMS_PKGD", "WS2")
    await deaf.open("BPC00001/b.dat")
    await held.close()
    await bench.pump(24)
    assert not has_marker(bench), "it had its time"
    named = [f["result"] for f in bench.facts("copy.file") if f["file"] == MARKER]
    assert named == ["not honoured by WS2"]
    await bench.pump(24)
    assert has_marker(bench), "the attempt after that asks again"


async def test_a_job_that_is_given_up_or_cancelled_keeps_nobody_out() -> None:
    bench, job, _ = await waiting("b.dat")
    await bench.pump(24 * 2)
    assert has_marker(bench)
    bench.site.profile = with_overrides(bench.site.profile, {"attempts_max": 1})
    await bench.pump(25)
    assert bench.status(job) == "Failed"
    assert not has_marker(bench)
    bench, _, _ = await waiting("b.dat")
    assert has_marker(bench)
    await bench.administrator.cancel_job("UPDATE")
    await bench.pump(3)
    assert not has_marker(bench)
