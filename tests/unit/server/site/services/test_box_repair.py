"""Boxes that are missing are made again, on the logon servers and on the site server, and a file in
the way is kept.
"""

from __future__ import annotations

import pytest

from despoolr_core.records.kinds.site import BoxRestored, LineLogged
from despoolr_core.records.stream import of
from despoolr_core.share.contract import ShareError
from despoolr_core.share.modes import Access, Role, ShareMode
from despoolr_core.share.wire import Entry
from despoolr_server.shares.base.principal import Caller, Principal
from despoolr_server.shares.local import LocalShare
from despoolr_server.site.services.box_repair import ASIDE_MAX
from despoolr_server.site.state import boxes
from worlds.site import Bench


async def bench_of(version: str = "1.1") -> Bench:
    bench = Bench(version, ("LOGON1", "LOGON2"))
    await bench.pump()
    assert not restored(bench), "nothing was missing"
    return bench


def restored(bench: Bench) -> list[tuple[str, str, str]]:
    return [(fact.server, fact.path, fact.aside) for _, fact in of(bench.records, BoxRestored)]


def logs(bench: Bench) -> list[str]:
    return [
        fact.text for _, fact in of(bench.records, LineLogged) if "MAINTENANCE" in fact.component
    ]


async def remove(bench: Bench, server: str, share: str, path: str) -> None:
    host = bench.server.host if server == bench.name else bench.logons[server].host
    assert not await host.trees.delete(Caller(Principal("ADMIN1", "A", Role.ADMIN)), share, path)


@pytest.mark.parametrize("box", boxes.LOGON_DIRECTORIES)
async def test_a_box_missing_on_a_logon_server_is_there_after_one_cycle(box: str) -> None:
    bench = await bench_of()
    await remove(bench, "LOGON2", "SMS_SHR", box)
    await bench.cycle("MAINTENANCE_MANAGER")
    assert restored(bench) == [("LOGON2", box, "")]
    assert f"~\\\\LOGON2\\SMS_SHR\\{box} was missing; the directory has been made again." in logs(
        bench
    )
    await bench.cycle("MAINTENANCE_MANAGER")
    assert len(restored(bench)) == 1


@pytest.mark.parametrize(
    ("version", "gone", "made"),
    [
        ("1.1", boxes.TOSEND, [boxes.TOSEND]),
        (
            "1.1",
            "SITE.SRV/SENDER.BOX",
            ["SITE.SRV/SENDER.BOX", boxes.TOSEND, boxes.REQUESTS, boxes.LAN_OUTBOX],
        ),
        ("1.1", boxes.PCM_DOMAINS, [boxes.PCM_DOMAINS]),
        ("2.0", boxes.DISTRIBUTION_MANAGER, [boxes.DISTRIBUTION_MANAGER]),
    ],
)
async def test_a_box_missing_on_the_site_server_is_there_after_one_cycle(
    version: str, gone: str, made: list[str]
) -> None:
    bench = await bench_of(version)
    await remove(bench, bench.name, boxes.ROOT_SHARE, gone)
    await bench.cycle("MAINTENANCE_MANAGER")
    assert restored(bench) == [(bench.name, path, "") for path in made]


async def test_a_domain_directory_that_was_seen_is_made_again() -> None:
    bench = await bench_of()
    directory = boxes.domain_directory("SALES")
    await bench.root.make_directory(directory)
    await bench.cycle("MAINTENANCE_MANAGER")
    await remove(bench, bench.name, boxes.ROOT_SHARE, directory)
    await bench.cycle("MAINTENANCE_MANAGER")
    assert restored(bench) == [(bench.name, directory, "")]


async def test_a_file_in_a_box_place_is_kept_under_a_free_name() -> None:
    bench = await bench_of()
    logon = bench.share("LOGON1", boxes.LOGON_SHARE)
    await logon.write("DESPOOLR.BOX.BAD", b"an earlier one")
    await remove(bench, "LOGON1", "SMS_SHR", "DESPOOLR.BOX")
    await logon.write("despoolr.box", b"a file")
    await bench.cycle("MAINTENANCE_MANAGER")
    assert restored(bench) == [("LOGON1", "DESPOOLR.BOX", "DESPOOLR.BOX.BAD1")]
    assert (
        "~\\\\LOGON1\\SMS_SHR\\DESPOOLR.BOX was a file, now DESPOOLR.BOX.BAD1; the directory has "
        "been made again." in logs(bench)
    )
    assert await logon.read("DESPOOLR.BOX.BAD1") == b"a file"
    entry = await logon.stat("DESPOOLR.BOX")
    assert entry is not None and entry.directory


async def test_a_file_in_use_in_a_box_place_keeps_nothing_else_from_being_done() -> None:
    bench = await bench_of()
    logon = bench.share("LOGON1", boxes.LOGON_SHARE)
    for box in ("APPCTL.SRC", "PCMPKG.SRC"):
        await remove(bench, "LOGON1", "SMS_SHR", box)
    await logon.write("APPCTL.SRC", b"a file")
    held = await logon.open("APPCTL.SRC", Access.READ, ShareMode.READ)
    await bench.report("BPC00001", "BPC0001")
    await bench.cycle("MAINTENANCE_MANAGER")
    assert restored(bench) == [("LOGON1", "PCMPKG.SRC", "")]
    assert any("APPCTL.SRC is missing and cannot be made" in line for line in logs(bench))
    assert bench.names(f"{bench.name}/SMS_SITE") == ["00001001.SNI"]
    await held.close()
    await bench.cycle("MAINTENANCE_MANAGER")
    assert restored(bench)[1:] == [("LOGON1", "APPCTL.SRC", "APPCTL.SRC.BAD")]


async def test_masters_are_carried_again_to_a_box_that_was_made_again() -> None:
    bench = await bench_of()
    master = f"{boxes.domain_directory('SALES')}/BPC00001.INS"
    await bench.root.make_directory(boxes.domain_directory("SALES"))
    await bench.root.write(master, b"a master")
    await bench.cycle("MAINTENANCE_MANAGER")
    await remove(bench, "LOGON1", "SMS_SHR", "PCMINS.BOX")
    await bench.cycle("MAINTENANCE_MANAGER")
    assert (
        await bench.share("LOGON1", boxes.LOGON_SHARE).read("PCMINS.BOX/BPC00001.INS")
        == b"a master"
    )


async def test_no_service_deletes_a_box_by_mistake() -> None:
    bench = await bench_of()
    root = bench.site.share(bench.name, boxes.ROOT_SHARE, "SMS_SCHEDULER")
    for path in (boxes.TOSEND, "SITE.SRV", boxes.domain_directory("SALES")):
        await root.make_directory(path)
        with pytest.raises(ShareError, match="stays where it is"):
            await root.delete(path)


async def test_a_file_in_a_box_place_waits_while_no_name_is_free() -> None:
    bench = await bench_of()
    logon = bench.share("LOGON1", boxes.LOGON_SHARE)
    await remove(bench, "LOGON1", "SMS_SHR", "APPCTL.SRC")
    for number in range(ASIDE_MAX):
        await logon.write(f"APPCTL.SRC.BAD{number or ''}", b"")
    await logon.write("APPCTL.SRC", b"a file")
    await bench.cycle("MAINTENANCE_MANAGER")
    assert not restored(bench)
    assert await logon.read("APPCTL.SRC") == b"a file"
    await logon.delete(f"APPCTL.SRC.BAD{ASIDE_MAX - 1}")
    await bench.cycle("MAINTENANCE_MANAGER")
    assert restored(bench) == [("LOGON1", "APPCTL.SRC", f"APPCTL.SRC.BAD{ASIDE_MAX - 1}")]


async def test_a_cycle_in_which_nothing_changed_asks_one_question_a_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = await bench_of()
    await bench.cycle("MAINTENANCE_MANAGER")
    asked: list[str] = []
    real = LocalShare.stat

    async def stat(share: LocalShare, path: str) -> Entry | None:
        asked.append(path)
        return await real(share, path)

    monkeypatch.setattr(LocalShare, "stat", stat)
    await bench.cycle("MAINTENANCE_MANAGER")
    assert not {boxes.TOSEND, boxes.LAN_OUTBOX} & set(asked)
    await remove(bench, bench.name, boxes.ROOT_SHARE, boxes.TOSEND)
    await bench.cycle("MAINTENANCE_MANAGER")
    assert boxes.TOSEND in asked and restored(bench) == [(bench.name, boxes.TOSEND, "")]
