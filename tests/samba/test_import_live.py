"""An update that a holder blocks on a real Samba, recorded in every way, and imported: the verdict
names who it was, in which mode, how often, and the time to the second.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from despoolr_app.clocks.time_source import wall_now
from despoolr_core.records.verdicts import verdict
from despoolr_core.share.contract import ShareError
from despoolr_core.share.modes import Access, ShareMode
from worlds.samba import Samba, captured, running_samba
from worlds.smb import Machine
from worlds.support import leave_out
from worlds.traces import Found, imported

ATTEMPT_EVERY_S = 1.1
ATTEMPTS = 3
NAMES = {"127.0.0.11": "WS11", "127.0.0.21": "SRV2"}


Span = tuple[float, float]
"""From asking to the answer, as the client's clock has it."""
CLOCKS_S = 0.02


@dataclass
class Recorded:
    """What was recorded, and what really happened."""

    port: int
    files: dict[str, Path]
    opened: Span = (0.0, 0.0)
    refused: list[Span] = field(default_factory=list)
    got_through: Span = (0.0, 0.0)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    root = tmp_path_factory.mktemp("samba")
    with running_samba(level=10) as samba:
        told = Recorded(samba.port, {})
        with captured(samba, root / "capture.pcapng") as can_capture:
            asyncio.run(_block(samba, told, root / "smbstatus.jsonl"))
        told.files = {
            "level 10 log": samba.log,
            "full_audit": samba.audit,
            "smbstatus -j": root / "smbstatus.jsonl",
        }
        if can_capture:
            told.files["capture"] = root / "capture.pcapng"
        else:
            print("\nNOT RECORDED: this machine lets nobody capture packets; the rest is checked")
        yield told


async def _block(samba: Samba, told: Recorded, status: Path) -> None:
    """alice on WS11 reads a file and shares READ only; SRV2 comes until she has closed it."""
    with (
        Machine(samba, "WS11", "127.0.0.11", "alice") as holder,
        Machine(samba, "SRV2", "127.0.0.21", "deploy") as updater,
    ):
        share = updater.share()
        await share.make_directory("office")
        await share.write("office/b.dat", b"old")
        asked = wall_now()
        held = holder.open("office/b.dat", Access.READ, ShareMode.READ)
        told.opened = asked, wall_now()
        while True:
            with status.open("ab") as file:
                file.write(samba.status())
            asked = wall_now()
            try:
                await share.write("office/b.dat", b"new")
            except ShareError as error:
                assert error.win32 == 32
                told.refused.append((asked, wall_now()))
            else:
                told.got_through = asked, wall_now()
                break
            if len(told.refused) == ATTEMPTS:
                await held.close()
            await asyncio.sleep(ATTEMPT_EVERY_S)
        with status.open("ab") as file:
            file.write(samba.status())


def found_in(recorded: Recorded, *ways: str) -> Found:
    if any(way not in recorded.files for way in ways):
        leave_out("this machine lets nobody capture packets")
    files = [recorded.files[way] for way in ways]
    return imported(files, port=recorded.port, names=NAMES, server="FS1", zone=dt.UTC)


def second(at: float) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def seconds(span: Span) -> set[str]:
    """The seconds in which it can have been."""
    first, last = int(span[0] - CLOCKS_S), int(span[1] + CLOCKS_S)
    return {second(at) for at in range(first, last + 1)}


def is_in(at: float, span: Span) -> bool:
    return span[0] - CLOCKS_S <= at <= span[1] + CLOCKS_S


@pytest.mark.parametrize(
    "ways",
    [
        ("capture",),
        ("level 10 log",),
        ("full_audit",),
        ("full_audit", "smbstatus -j"),
        ("capture", "level 10 log", "full_audit", "smbstatus -j"),
    ],
    ids="+".join,
)
def test_the_verdict_names_the_client_its_mode_the_attempts_and_the_second(
    recorded: Recorded, ways: tuple[str, ...]
) -> None:
    found = found_in(recorded, *ways)
    (episode,) = found.episodes
    said = verdict(episode)
    print(f"\n{' + '.join(ways)}: {said}")
    assert said.startswith("SRV2 was refused b.dat 3 times over ")
    assert " s because WS11 (user alice) held it open with READ access" in said
    assert episode.state == "resolved"
    (hold,) = episode.holds
    if ways == ("full_audit",):
        assert "with READ access, its share mode unknown, since" in said
    else:
        assert "with READ access sharing READ since" in said
    assert any(f"since {moment};" in said for moment in seconds(recorded.opened))
    assert any(f"got through at {moment}," in said for moment in seconds(recorded.got_through))
    assert len(found.refusals) == len(recorded.refused) == ATTEMPTS
    for (at, _), span in zip(found.refusals, recorded.refused, strict=True):
        assert is_in(at, span)
    assert is_in(hold.opened_at, recorded.opened)


def test_samples_alone_name_the_holder_and_say_that_nobody_who_waits_is_in_them(
    recorded: Recorded,
) -> None:
    found = found_in(recorded, "smbstatus -j")
    held = next(one for one in found.view.holdings if one.machine == "WS11")
    assert (held.path, held.share_mode) == ("office/b.dat", "READ")
    assert is_in(held.opened_at, recorded.opened)
    assert not found.refusals
    assert "refusals are not in samples" in found.notes


def test_a_log_of_level_10_is_of_grade_a_although_it_begins_with_its_configuration(
    recorded: Recorded,
) -> None:
    assert found_in(recorded, "level 10 log").imported.grade == "A"
