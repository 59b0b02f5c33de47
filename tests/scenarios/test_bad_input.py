"""Bad input to a whole site: each gets a line or an event, and what is good goes through at the
same time.
"""

from __future__ import annotations

from typing import Any

import pytest

from worlds.scenario import (
    blocked_update,
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

OFFER = {"do": "job", "at": "0s", "name": "PATCH", "package": "OFFICE", "command": "SETUP.EXE"}
CLIENTS = [{"names": ["WS1", "WS2"], "poll_every": "30m"}]


def put(server: str, share_name: str, path: str, at: str = "1h", **content: str) -> dict[str, Any]:
    return {"do": "put", "at": at, "server": server, "share": share_name, "path": path, **content}


PUTS = [
    # a file somebody puts, the event, the component that complains, a word of the complaint
    (
        put("LOGON1", "SMS_SHR", "DESPOOLR.BOX/BADBAD00.SNI", text="garbage"),
        1,
        "DESPOOLER",
        "this is no despooler instruction",
    ),
    (
        put(
            "LOGON1",
            "SMS_SHR",
            "DESPOOLR.BOX/CUTOFF00.SNI",
            text="The execution time is M/D/Y 1-1-1996\nThe number of\n",
        ),
        1,
        "DESPOOLER",
        "truncated",
    ),
    (
        put("SITE1", "SMS_SITE", "BADBAD00.INS", hex="00ff00ff"),
        1,
        "DESPOOLER",
        "this is no despooler instruction",
    ),
    (
        put("SITE1", "SMS_SHRD", "SITE.SRV/DATALOAD.BOX/DELTAMIF.COL/X0BADBAD.MIF", text="garbage"),
        245,
        "LOADER",
        "Bad MIF",
    ),
    (
        put("SITE1", "SMS_SHRD", "SITE.SRV/SENDER.BOX/REQUESTS/LAN_DEFA.000/0BAD.SRQ", text="{"),
        309,
        "SENDER",
        "not a send request",
    ),
    (
        put("LOGON1", "SMS_SHR", "INVENTRY.BOX/BPC00000.RAW", text="garbage"),
        245,
        "INVENTORY_PROCESSOR",
        "Compilation failed",
    ),
]


@pytest.mark.parametrize(
    ("step", "event", "component", "says"),
    PUTS,
    ids=[p[0]["path"].rpartition("/")[2] for p in PUTS],
)
def test_garbage_in_a_box_is_told_and_the_clients_results_count(
    step: dict[str, Any], event: int, component: str, says: str
) -> None:
    result = play(
        scenario(
            OFFER,
            step,
            {"do": "execute", "at": "1h", "machine": "WS1", "job": "PATCH"},
            clients=CLIENTS,
            hours=3,
        ),
        "1.1",
    )
    assert events(result) == [event]
    assert log(result, component, says)
    assert result.workstations == {"WS1": "Complete", "WS2": "None"}


MIFS = {
    "malformed": "START COMPONENT\n  NAME = nonsense\n",
    "oversized": "START COMPONENT\n" + " " * 70_000,
}


@pytest.mark.parametrize("kind", MIFS)
def test_a_bad_status_mif_counts_as_success_with_event_119(kind: str) -> None:
    programs = [
        {"command": "SETUP.EXE", "runs": "2m", "machines": ["WS1"], "mif": {"raw": MIFS[kind]}}
    ]
    steps = [
        {"do": "execute", "at": "1h", "machine": name, "job": "PATCH"} for name in ("WS1", "WS2")
    ]
    result = play(scenario(OFFER, *steps, clients=CLIENTS, programs=programs, hours=3), "1.1")
    assert events(result) == [119]
    assert result.workstations == {"WS1": "Complete", "WS2": "Complete"}  # Q190135


@pytest.mark.parametrize(("version", "event"), [("1.1", 109), ("1.2", 109)])
def test_a_full_distribution_server_keeps_the_old_files_it_cannot_replace_and_recovers(
    version: str, event: int
) -> None:
    big = {"a.dat": "a, second", "b.dat": "b" * 5000, "c.dat": "c, second"}
    result = play(
        scenario(
            share(),
            {"do": "disk", "at": "1h", "server": "LOGON1", "share": "SMS_PKGD", "free": 100},
            *update(files=big),
            {"do": "disk", "at": "3h", "server": "LOGON1", "share": "SMS_PKGD", "free": 100_000},
            hours=6,
            expect=[
                {"that": "job", "job": "UPDATE", "status": "Retrying", "at": "3h"},
                {"that": "files", "package": "OFFICE", "files": big, "only": True},
                {"that": "job", "job": "UPDATE", "status": "Complete"},
            ],
        ),
        version,
    )
    assert failed(result) == []
    assert events(result) == [event]
    assert log(result, "DESPOOLER", "b.dat, Failed, Win32 Error = 112")
    assert result.episodes == [], "nobody was in the way: a full disk is no lock"


def test_a_full_site_server_takes_up_its_work_when_there_is_room() -> None:
    result = play(
        scenario(
            share(),
            {"do": "disk", "at": "1h", "server": "SITE1", "share": "SMS_SHRD", "free": 0},
            *update(),
            {"do": "disk", "at": "4h", "server": "SITE1", "share": "SMS_SHRD", "free": 1_000_000},
            hours=7,
            expect=[
                files(at="3h", a="first", b="first", c="first"),
                files(a="second", b="second", c="second"),
            ],
        ),
        "1.1",
    )
    assert failed(result) == []
    assert (status(result, "FIRST"), status(result)) == ("Complete", "Complete")
    assert log(result, "SCHEDULER", "Cannot compress the package file, return code = 112")
    assert 330 in events(result)


def test_a_logon_server_cut_off_the_network_holds_up_only_itself() -> None:
    result = play(
        scenario(
            share(),
            {"do": "link", "at": "1h", "server": "LOGON2", "up": False},
            *update(),
            {"do": "link", "at": "3h", "server": "LOGON2", "up": True},
            servers=("LOGON1", "LOGON2"),
            hours=6,
            expect=[files(server="LOGON1", at="3h", a="second", b="second", c="second")],
        ),
        "1.2",
    )
    assert failed(result) == []
    assert status(result) == "Complete"
    assert log(result, "MAINTENANCE_MANAGER", "Cannot connect to logon server LOGON2")


def test_a_text_with_one_blank_is_found_where_the_event_has_two() -> None:
    text = "available on that server is megabytes, space required is megabytes"
    result = play(
        blocked_update(
            hours=4,
            expect=[
                {"that": "events", "code": 109, "text": text, "count": 1},
                {"that": "events", "code": 109, "text": text.replace("is ", "is 1 "), "count": 0},
            ],
        ),
        "1.2",
    )
    assert failed(result) == []
