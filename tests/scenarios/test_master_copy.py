"""The master copy that cannot be stored (Q195936): other paces, other causes, new servers,
hotfixes.
"""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_core.records.kinds.site import HotfixApplied
from despoolr_core.records.stream import of
from worlds.scenario import (
    FILES,
    NEW,
    events,
    failed,
    files,
    log,
    play,
    scenario,
    share,
    status,
    update,
)

# -- the master copy (Q195936)


STORE = "SITE.SRV/DESPOOLR.BOX/STORE/{package:OFFICE}.PCK"


def backup(**more: Any) -> dict[str, Any]:
    """A program on the site server keeps the master copy open."""
    where = {
        "machine": "SITE1",
        "server": "SITE1",
        "share": "SMS_SHRD",
        "path": STORE,
        "program": "NTBACKUP.EXE",
    }
    return {"do": "hold", "at": "1h", **where, **more}


@pytest.mark.parametrize("version", ["1.2", "1.2 SP4", "1.2 SP4 + hotfixes"])
@pytest.mark.parametrize("response", ["Very Fast", "Medium"])
def test_the_retry_after_a_failed_store_refreshes_or_forgets_at_any_pace(
    version: str, response: str
) -> None:
    keeps = version.endswith("hotfixes")
    result = play(
        scenario(
            share(),
            backup(),
            *update(at="2h"),
            {"do": "release", "at": "2h 20m", "machine": "SITE1"},
            servers=("D1", "D2", "D3"),
            hours=12,
            response=response,
            expect=[
                files(server=name, **dict.fromkeys("abc", "second" if keeps else "first"))
                for name in ("D1", "D2", "D3")
            ],
        ),
        version,
    )
    assert failed(result) == []
    assert status(result) == "Complete"


@pytest.mark.parametrize(("version", "word"), [("1.2", "first"), ("1.2 SP4 + hotfixes", "second")])
def test_a_full_disk_keeps_the_master_from_being_stored_as_well(version: str, word: str) -> None:
    full = {"do": "disk", "server": "SITE1", "share": "SMS_SHRD"}
    result = play(
        scenario(
            share(),
            *update(at="2h"),
            {**full, "at": "1h", "path": "SITE.SRV\\DESPOOLR.BOX\\STORE", "free": 0},
            {**full, "at": "2h 30m", "path": "site.srv/despoolr.box/store", "free": -1},
            hours=6,
            expect=[
                {"that": "files", "package": "OFFICE", "files": FILES, "at": "4h"},
                {"that": "files", "package": "OFFICE", "files": FILES if word == "first" else NEW},
            ],
        ),
        version,
    )
    assert failed(result) == []
    assert {115, 206} <= set(events(result))
    assert log(result, "DESPOOLER", "Win32 Error = 112")
    assert "disk was full" in result.verdict


def test_a_new_server_gets_the_package_by_the_retry_and_the_old_one_is_still_forgotten() -> None:
    new = {
        "do": "job",
        "at": "2h",
        "name": "UPDATE",
        "package": "OFFICE",
        "type": "share",
        "put_on": ["D2"],
    }
    result = play(
        scenario(
            share(put_on=["D1"]),
            backup(**{"for": "90m"}),
            {"do": "source", "at": "2h", "package": "OFFICE", "files": NEW},
            {**new, "send": "even if previously sent", "refresh_existing": True},
            servers=("D1", "D2"),
            hours=6,
            expect=[
                files(server="D1", **dict.fromkeys("abc", "first")),
                files(server="D2", **dict.fromkeys("abc", "second")),
            ],
        ),
        "1.2",
    )
    assert failed(result) == []


@pytest.mark.parametrize(("at", "word"), [("1h 30m", "second"), ("3h", "first")])
def test_a_hotfix_helps_what_comes_after_it_and_keeps_what_is_in_flight(at: str, word: str) -> None:
    """Installed before the store fails it keeps the flag; installed later, the retry instruction
    has lost it already.
    """
    result = play(
        scenario(
            share(),
            backup(**{"for": "90m"}),
            *update(at="2h"),
            {"do": "hotfix", "at": at, "article": "Q195936"},
            hours=6,
            expect=[
                files(**dict.fromkeys("abc", word)),
                {"that": "job", "job": "UPDATE", "status": "Complete"},
            ],
        ),
        "1.2 SP4",
    )
    assert failed(result) == []
    assert [fact.fields for _, fact in of(result.records, HotfixApplied)] == [
        {"retry_keeps_refresh": True}
    ]
