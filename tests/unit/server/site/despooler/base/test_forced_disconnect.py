"""Forced disconnect, rung by rung, on a bench: who may still open, who is told, who is closed, what
is given back.
"""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_core.share.contract import ShareError
from despoolr_core.share.modes import Access, Role, ShareMode
from despoolr_server.site.despooler.base.forced_disconnect import (
    FORCED_DISCONNECT,
    ForcedDisconnect,
)
from worlds.site import Bench

ON: dict[str, Any] = {
    "use_forced_disconnect": True,
    "forced_disconnect_retries": 0,
    "forced_disconnect_delay_min": 30,
}


async def warned(version: str = "1.2 SP4") -> tuple[Bench, str, str]:
    """WS1 has been told to close b.dat: the first retry, two hours after the first attempt, found
    the limit used up.
    """
    bench = Bench(version, **ON)
    package = await bench.package()
    await bench.job(package)
    await bench.pump(2)
    await bench.hold(f"{package}/b.dat")
    job = await bench.update(package)
    await bench.pump(26)
    return bench, package, job


async def may_read(bench: Bench, path: str) -> bool:
    try:
        held = await bench.share("LOGON1", "SMS_PKGD", "WS2", Role.CLIENT).open(
            path, Access.READ, ShareMode.ALL
        )
    except ShareError:
        return False
    await held.close()
    return True


def key(job: str) -> str:
    return f"[{FORCED_DISCONNECT}\\{job}]"


async def test_the_user_is_told_and_keeps_the_file_while_nobody_else_gets_in() -> None:
    bench, package, job = await warned()
    (message,) = bench.facts("message.sent")
    assert message["machine"] == "WS1"
    assert "closed in 30 minutes" in message["text"]
    assert [row.machine for row in bench.logons["LOGON1"].host.opens()] == ["WS1"]
    assert not await may_read(bench, f"{package}/c.dat")
    assert key(job) in (await bench.root.read("SMS.REG")).decode()


async def test_after_the_delay_the_file_is_closed_copied_and_access_given_back() -> None:
    bench, package, job = await warned()
    await bench.pump(8)
    assert bench.status(job) == "Complete"
    assert bench.logons["LOGON1"].host.opens() == []
    assert bench.files("LOGON1/SMS_PKGD")[f"{package}/b.dat"] == b"b, second"
    assert await may_read(bench, f"{package}/c.dat")
    assert len(bench.facts("message.sent")) == 1, "told once"


async def test_before_sp4_the_directory_stays_with_the_service_account() -> None:
    bench, package, job = await warned("1.2")
    await bench.pump(8)
    assert bench.status(job) == "Complete"
    assert not await may_read(bench, f"{package}/c.dat")  # Q182414


async def test_a_site_server_that_dies_in_the_delay_goes_on_with_the_ladder() -> None:
    bench, package, job = await warned()
    bench.reborn()
    await bench.pump(8)
    assert bench.status(job) == "Complete"
    assert await may_read(bench, f"{package}/c.dat")


async def test_nobody_on_a_netware_server_is_told_or_closed() -> None:
    """Q202063."""
    bench = Bench("1.2 SP4", netware=("LOGON1",), **ON)
    package = await bench.package()
    await bench.job(package)
    await bench.pump(2)
    await bench.hold(f"{package}/b.dat")
    job = await bench.update(package)
    await bench.pump(60)
    assert (bench.status(job), bench.facts("message.sent")) == ("Retrying", [])


@pytest.mark.parametrize("version", ["1.2", "1.2 SP4"])
async def test_without_the_registry_value_nobody_is_told_or_closed(version: str) -> None:
    bench = Bench(version, **{**ON, "use_forced_disconnect": False})
    package = await bench.package()
    await bench.job(package)
    await bench.pump(2)
    await bench.hold(f"{package}/b.dat")
    job = await bench.update(package)
    await bench.pump(60)
    assert (bench.status(job), bench.facts("message.sent")) == ("Retrying", [])


def test_the_ladder_is_one_object_a_site() -> None:
    assert {"warn", "close_opens", "restore"} <= set(dir(ForcedDisconnect))
