"""What would let through what waits at a running site, by the opens that stand there."""

from __future__ import annotations

import msgspec
import pytest

from despoolr_app.site_client.live import ServerState
from despoolr_core.records.whatif.ladder import CANNOT_HELP, Ladder
from despoolr_core.share.wire import EpisodeRow, Hold, LockedRange, OpenRow
from despoolr_lab.whatif.recording.running import NOTE_NOW, remedies_now

START = 833702400.0
OPEN = OpenRow(
    "O1", "S1", "WS1", "ALICE", "WINWORD.EXE", "SMS_PKGD", "P/b.dat", "READ", "READ", START + 100
)
HOLD = Hold(
    "WS1", "ALICE", "WINWORD.EXE", "READ", "READ", START + 100, START + 3600, START + 7200, None, 5,
    path="P/b.dat", open="O1",
)  # fmt: skip
WAITS = EpisodeRow(
    "E1", "waiting", "SITE1", "SMS_DESPOOLER", "job BPC00002", "SMS_PKGD", "P/b.dat", START + 3600,
    START + 7200, None, 5, 3600.0, "STATUS_SHARING_VIOLATION", [HOLD], "LOGON1", "WRITE", "READ",
)  # fmt: skip


def ladder(
    opens: list[OpenRow] | None = None, waits: EpisodeRow = WAITS, server: str = "LOGON1"
) -> Ladder:
    state = ServerState(server, START + 9000, [OPEN] if opens is None else opens, [waits])
    return remedies_now("http://127.0.0.1", [state])


def helping(found: Ladder) -> set[str]:
    return {row.change for row in found.rows if row.word != CANNOT_HELP}


def test_one_holder_in_the_way_is_named_and_ways_that_do_not_need_it_gone() -> None:
    found = ladder()
    assert {"WINWORD.EXE closing its files", "copy strategy new_folder_and_switch"} <= helping(
        found
    )
    assert "more attempts" not in helping(found), "it has the file open now"
    assert {row.why for row in found.rows if row.change == "more attempts"} == {
        "WINWORD.EXE on WS1 keeps it open still"
    }
    assert not found.confirmed and NOTE_NOW in found.notes
    assert found.windows is not None and not found.windows.windows


@pytest.mark.parametrize(
    ("share_mode", "helps"), [("READ", False), ("READ|DELETE", True)], ids=["no", "yes"]
)
def test_renames_help_where_the_holder_shares_delete(share_mode: str, helps: bool) -> None:
    held = msgspec.structs.replace(OPEN, share_mode=share_mode)
    row = msgspec.structs.replace(
        WAITS, holds=[msgspec.structs.replace(HOLD, share_mode=share_mode)]
    )
    assert ("copy strategy rename_aside" in helping(ladder([held], row))) == helps


def test_who_was_in_the_way_and_is_gone_needs_but_another_attempt() -> None:
    gone = msgspec.structs.replace(HOLD, released_at=START + 7300)
    found = ladder([], msgspec.structs.replace(WAITS, holds=[gone]))
    assert "more attempts" in helping(found)


def test_a_locked_range_is_in_the_way_of_who_writes_the_whole_file() -> None:
    lock = LockedRange("EXCLUSIVE", 0, 10, START + 200)
    held = msgspec.structs.replace(OPEN, share_mode="READ|WRITE", ranges=(lock,))
    row = msgspec.structs.replace(
        WAITS, holds=[msgspec.structs.replace(HOLD, share_mode="READ|WRITE", lock=lock)]
    )
    assert "copy strategy skip_locked_and_retry" not in helping(ladder([held], row))


def test_where_nobody_waits_there_is_nothing_to_fix() -> None:
    state = ServerState("LOGON1", START + 9000, [OPEN], [])
    found = remedies_now("http://127.0.0.1", [state])
    assert found.is_met and not found.rows
