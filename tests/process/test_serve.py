"""Servers as processes: they start, do the work over real sockets, answer questions, and stop when
told.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from despoolr.console import run
from despoolr_app.site_client.blocking_client import call
from despoolr_app.site_client.errors import SiteError
from worlds.process import ANY_PORT, Administrator, Workshop, until

FAST = ("--time", "x2000", "--response", "Very Fast")
STOP_S_MAX = 10.0
"""Seconds that `docker stop` waits."""


def test_one_process_serves_a_site_that_does_a_job_and_explains_a_blocked_update(
    workshop: Workshop,
) -> None:
    process = workshop.start("serve", "all", *FAST, *ANY_PORT, "--clients", "8")
    servers = workshop.servers()
    administrator, logon = Administrator(servers["SITE1"]), servers["LOGON1"]

    health = workshop.json("health")
    assert health["healthy"] and {s["server"] for s in health["servers"]} == {"SITE1", "LOGON1"}

    package = administrator.make_package("OFFICE", a="a one", b="b one", c="c one")
    first = administrator.run_everywhere("FIRST", package)
    until(
        lambda: administrator.job(first)["job"]["status"] == "Complete",
        "the job runs on every machine",
    )
    assert (
        set(administrator.statuses(first).values()) == {"Complete"}
        and len(administrator.statuses(first)) == 8
    )

    session = json.loads(
        call(
            logon,
            "POST",
            "/api/v1/sessions",
            b'{"machine": "WS1", "user": "anna", "program": "WINWORD.EXE"}',
        )
    )
    opened = json.dumps(
        {"session": session["session"], "share": "SMS_PKGD", "path": f"{package}/b.dat"}
    ).encode()
    handle = json.loads(call(logon, "POST", "/api/v1/opens", opened))["open"]
    administrator.upload("OFFICE", a="a two", b="b two", c="c two")
    update = administrator.update("UPDATE", package)
    until(
        lambda: administrator.job(update)["job"]["status"] == "Retrying",
        "the update stops at the open file",
    )

    held = workshop.json("locks", "--path", "b.dat")["locks"]
    assert [(r["machine"], r["program"], r["access"], r["share_mode"]) for r in held] == [
        ("WS1", "WINWORD.EXE", "READ", "READ")
    ]
    assert held[0]["refusal_count"] >= 1 and held[0]["closed_at"] is None
    why = workshop.run("why", "--machine", "WS1")
    assert "WINWORD.EXE on WS1 (user anna) held it open with READ access sharing READ" in why.stdout
    assert [j["status"] for j in workshop.json("jobs")["jobs"]] == ["Complete", "Retrying"]
    assert workshop.json("job", "UPDATE")["job"]["job"] == update
    assert {e["code"] for e in workshop.json("events")["events"]} == {109}

    call(logon, "DELETE", f"/api/v1/opens/{handle}")
    until(
        lambda: administrator.job(update)["job"]["status"] == "Complete",
        "the next attempt gets through",
    )

    code, seconds = process.terminate()
    assert code == 0 and seconds < STOP_S_MAX, process.said
    assert not (workshop.path / ".despoolr" / "servers.json").exists(), (
        "a clean stop takes the announcement back"
    )
    assert (workshop.path / "despoolr-data/all/LOGS/DESPOOL.LOG").stat().st_size > 0

    after = workshop.json("why", "despoolr-data/all")
    assert [e["state"] for e in after["episodes"]] == ["resolved"] and after["holders"][0][
        "machine"
    ] == "WS1"
    assert [
        (j["name"], j["status"]) for j in workshop.json("jobs", "despoolr-data/all")["jobs"]
    ] == [
        ("FIRST", "Complete"),
        ("UPDATE", "Complete"),
    ]


def test_a_restarted_server_gives_new_ids_keeps_its_secret_and_remembers_who_was_refused(
    workshop: Workshop,
) -> None:
    arguments = ("serve", "logon", "--listen", "127.0.0.1:0", "--data", "data")
    first = workshop.start(*arguments)
    logon = workshop.servers()["LOGON1"]
    call(logon, "PUT", "/SMS_PKGD/b.dat", b"one")
    session = json.loads(
        call(logon, "POST", "/api/v1/sessions", b'{"machine": "WS1", "program": "WINWORD.EXE"}')
    )["session"]
    wanted = json.dumps({"session": session, "share": "SMS_PKGD", "path": "b.dat"}).encode()
    handle = json.loads(call(logon, "POST", "/api/v1/opens", wanted))["open"]
    with pytest.raises(SiteError, match=r"held open by WINWORD\.EXE on WS1"):
        call(logon, "PUT", "/SMS_PKGD/b.dat", b"two")
    until(
        lambda: b"open.refused" in (workshop.path / "data/records.jsonl").read_bytes(),
        "the refusal is on record",
    )
    first.kill()

    again = workshop.start(*arguments)
    assert "start 2" in again.said and logon.token == workshop.servers()["LOGON1"].token
    logon = workshop.servers()["LOGON1"]
    assert f"live page: {logon.url}/ (it asks for the token)" in again.said
    assert workshop.json("locks")["locks"] == [], "nobody holds what was open when the server died"
    episodes = workshop.json("why", "--path", "b.dat")["episodes"]
    assert [(e["machine"], e["holds"][0]["program"]) for e in episodes] == [
        ("ADMIN1", "WINWORD.EXE")
    ]
    session = json.loads(call(logon, "POST", "/api/v1/sessions", b'{"machine": "WS1"}'))["session"]
    wanted = json.dumps({"session": session, "share": "SMS_PKGD", "path": "b.dat"}).encode()
    assert json.loads(call(logon, "POST", "/api/v1/opens", wanted))["open"] != handle
    assert again.terminate()[0] == 0


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The last line of what was said; a start that fails says little else."""
    return capsys.readouterr().err.splitlines()[-1]


def test_a_port_in_use_is_one_line_and_exit_code_2(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        assert run(["serve", "logon", "--listen", place]) == 2
    assert f"{place} is in use; stop the process that listens there" in _one_line(capsys)


def test_a_data_directory_that_cannot_be_written_is_one_line_and_exit_code_2(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "file").write_text("not a directory")
    assert run(["serve", "logon", "--data", "file/data"]) == 2
    assert "cannot write the data directory file/data: Not a directory" in _one_line(capsys)
    assert run(["serve", "logon", "--data", "file"]) == 2
    assert "the data directory file is a file; choose another --data" in _one_line(capsys)


@pytest.mark.parametrize("damage", [b"this is no database", None])
def test_a_damaged_site_database_is_one_line_and_exit_code_2(
    here: Path, capsys: pytest.CaptureFixture[str], damage: bytes | None
) -> None:
    data = here / "data"
    data.mkdir()
    if damage is None:
        with sqlite3.connect(data / "BPC.db") as made:
            made.execute("CREATE TABLE Jobs (JobID TEXT PRIMARY KEY, Spec TEXT)")
            made.executemany(
                "INSERT INTO Jobs VALUES (?, ?)", [(f"J{n}", "x" * 500) for n in range(200)]
            )
        made.close()
        whole = (data / "BPC.db").read_bytes()
        damage = whole[:8192] + b"\xff" * 4096 + whole[12288:]
    (data / "BPC.db").write_bytes(damage)
    assert run(["serve", "site", "--listen", "127.0.0.1:0", "--data", "data"]) == 2
    line = _one_line(capsys)
    assert "the site database data/BPC.db cannot be used" in line and "move it away" in line


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "directory"])
@pytest.mark.parametrize(
    "name",
    [
        "lock",
        "secret",
        "state.json",
        "records.jsonl",
        "records.1.jsonl",
        "BPC.db",
        "BPC.db-wal",
        "SITE1/SMS_SHRD/.despoolr/store",
        "SITE1/SMS_SHRD/.despoolr/attributes.json",
    ],
)
def test_what_is_no_file_in_the_place_of_one_is_one_line_and_exit_code_2(
    here: Path, capsys: pytest.CaptureFixture[str], name: str, make: Callable[[Path], None]
) -> None:
    (here / "data" / name).parent.mkdir(parents=True)
    make(here / "data" / name)
    if name == "BPC.db-wal":
        (here / "data/BPC.db").write_bytes(b"x")
    assert run(["serve", "site", "--listen", "127.0.0.1:0", "--data", "data"]) == 2
    line = _one_line(capsys)
    assert name.rpartition("/")[2] in line and "bug" not in line


def test_no_server_listens_beyond_loopback_without_a_configured_secret(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["serve", "all", "--listen", "0.0.0.0:0"]) == 2
    assert "refusing to listen on 0.0.0.0 without a configured secret" in _one_line(capsys)
    assert not (here / "despoolr-data/all/secret").exists()


def test_two_processes_cannot_share_a_data_directory(workshop: Workshop) -> None:
    workshop.start("serve", "logon", "--listen", "127.0.0.1:0", "--data", "data")
    second = workshop.run("serve", "logon", "--listen", "127.0.0.1:0", "--data", "data")
    assert second.returncode == 2
    assert "data is in use by process" in second.stderr and len(second.stderr.splitlines()) == 1


def test_a_misspelt_variable_is_pointed_out(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESPOOLR_RESPONCE", "Fast")
    assert run(["serve", "all"]) == 2
    assert (
        _one_line(capsys) == "despoolr: DESPOOLR_RESPONCE is no setting of Despoolr; "
        "did you mean 'DESPOOLR_RESPONSE'?"
    )


def test_a_wrong_value_of_a_variable_is_one_line_and_exit_code_2(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESPOOLR_VERSION", "1.2 SP5")
    assert run(["serve", "all"]) == 2
    assert "no SMS version '1.2 SP5'; did you mean" in _one_line(capsys)


def test_all_that_a_server_keeps_is_for_its_user_whatever_the_umask(workshop: Workshop) -> None:
    before = os.umask(0)
    try:
        process = workshop.start("serve", "all", *FAST, *ANY_PORT)
    finally:
        os.umask(before)
    call(workshop.servers()["LOGON1"], "PUT", "/SMS_SHR/DESPOOLR.BOX/X.TMP", b"x")
    assert process.terminate()[0] == 0, process.said
    data = workshop.path / "despoolr-data"
    found = {path: stat.S_IMODE(path.lstat().st_mode) for path in [data, *data.rglob("*")]}
    assert {"BPC.db", "records.jsonl", "admin.token", "X.TMP"} <= {path.name for path in found}
    assert {path: oct(mode) for path, mode in found.items() if mode & 0o077} == {}
