"""A Samba is watched while an update is blocked on it, and its log rotated: the run that grows says
what really happened.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from smbprotocol.exceptions import SMBResponseException

from despoolr_app.clocks.time_source import wall_now
from despoolr_app.process.discovery import watches
from despoolr_app.runs.directory import find_run
from despoolr_core.records.view import RunView
from despoolr_core.share.contract import ShareError
from despoolr_core.share.modes import Access, ShareMode
from worlds.samba import Samba, running_samba, wrapped_names
from worlds.smb import Machine

TOLD_S = 8.0
"""A watch tells what happened some seconds later."""
NEAR_S = 1.0
"""How late a client on a busy machine may tell what its server did."""
SERVE = ("--serve", "--listen", "127.0.0.1:0")
WATCH = "import sys; from despoolr.console import main; main(sys.argv[1:])"


@contextmanager
def watched(samba: Samba, at: Path) -> Iterator[subprocess.Popen[str]]:
    """A watch that looks every second; Ctrl-C ends it."""
    environment = wrapped_names(samba.root)
    words = ["watch", "--conf", str(samba.config), "--audit", str(samba.audit), "--tz", "UTC"]
    with subprocess.Popen(
        [sys.executable, "-c", WATCH, *words, "--server", "FS1", "--json", *SERVE],
        env=environment,
        cwd=at,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()


def live_page(at: Path) -> Any:
    """What the live page of the watch in a directory shows now."""
    (found,) = watches(at)
    headers = {"Authorization": f"Bearer {Path(found.token_file).read_text().strip()}"}
    request = urllib.request.Request(f"{found.url}/api/v1/live", headers=headers)
    with urllib.request.urlopen(request, timeout=TOLD_S) as answer:
        return json.loads(answer.read())


async def test_a_command_that_the_page_gives_closes_the_share_for_one_client_alone() -> None:
    with (
        running_samba() as samba,
        losing_its_share(Machine(samba, "WS11", "127.0.0.11", "alice")) as holder,
        Machine(samba, "WS12", "127.0.0.12", "bob") as other,
    ):
        share = other.share()
        for name in ("a.dat", "b.dat"):
            await share.write(name, b"old")
        holder.open("a.dat", Access.READ, ShareMode.READ)
        kept = other.open("b.dat", Access.READ, ShareMode.READ)
        with pytest.raises(ShareError):
            await share.write("a.dat", b"new")
        row = next(line for line in asked(samba, "smbstatus", "-L").splitlines() if "a.dat" in line)
        asked(samba, "smbcontrol", row.split()[0], "close-share", "pkg")
        await asyncio.sleep(NEAR_S)
        await share.write("a.dat", b"new")
        left = asked(samba, "smbstatus", "-L")
        assert "b.dat" in left and "a.dat" not in left
        await kept.close()


@contextmanager
def losing_its_share(machine: Machine) -> Iterator[Machine]:
    """A machine whose share is closed by its server: it cannot close it itself."""
    machine.__enter__()
    try:
        yield machine
    finally:
        with suppress(SMBResponseException):
            machine.__exit__(None, None, None)


def asked(samba: Samba, program: str, *words: str) -> str:
    """What a program of Samba's says."""
    return subprocess.run(
        [program, "-s", str(samba.config), *words],
        env=wrapped_names(samba.root),
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout


async def test_a_watch_tells_who_is_blocked_while_it_is_and_a_run_of_it_afterwards(
    tmp_path: Path,
) -> None:
    refused_at: list[float] = []
    with (
        running_samba() as samba,
        Machine(samba, "WS12", "127.0.0.12", "bob") as other,
        Machine(samba, "WS11", "127.0.0.11", "alice") as holder,
        Machine(samba, "SRV2", "127.0.0.21", "deploy") as updater,
    ):
        share = updater.share()
        await share.make_directory("office")
        await share.write("office/b.dat", b"old")
        await share.write("office/c.dat", b"old")
        before = other.open("office/c.dat", Access.READ, ShareMode.ALL)
        before_at = wall_now()
        with watched(samba, tmp_path) as watching:
            assert watching.stdout is not None
            while not (first := json.loads(watching.stdout.readline())["data"])["holders"]:
                pass
            assert [one["user"] for one in first["holders"]] == ["bob"]
            held = holder.open("office/b.dat", Access.READ, ShareMode.READ)
            held_at = wall_now()
            for _ in range(3):
                try:
                    await share.write("office/b.dat", b"new")
                except ShareError:
                    refused_at.append(wall_now())
                await asyncio.sleep(1.2)
                if len(refused_at) == 2:
                    samba.audit.rename(samba.root / "audit.log.1")
            while (line := json.loads(watching.stdout.readline())["data"])["refusals"] < 3:
                pass
            shown = await asyncio.to_thread(live_page, tmp_path)
            await held.close()
            await share.write("office/b.dat", b"new")
            through_at = wall_now()
            await asyncio.sleep(TOLD_S)
            watching.terminate()
            said, complaint = watching.communicate()
            assert watching.returncode == 0, complaint
        await before.close()
    (waiting,) = line["waiting"]
    assert (waiting["machine"], waiting["path"]) == ("SRV2", "office/b.dat")
    (blocker,) = waiting["blockers"]
    assert (blocker["machine"], blocker["user"], blocker["share_mode"]) == ("WS11", "alice", "READ")
    (block,) = shown["page"]["blocks"].values()
    assert (block["share"], block["files"], block["refused"]) == ("pkg", ["office/b.dat"], 3)
    assert [hold["machine"] for hold in block["holds"]] == ["WS11"] and block["holds"][0]["alone"]
    assert shown["watched"]["by_hand"][1] == "smbcontrol PID close-share SHARE"
    assert json.loads(said.splitlines()[-1])["data"]["waiting"] == []
    run = find_run("latest", tmp_path / "runs")
    view = RunView(list(run.records()))
    (row,) = view.ledger.rows(view.end)
    assert (row.state, row.attempt_count) == ("resolved", 3)
    assert abs(row.first_refused_at - refused_at[0]) < NEAR_S
    assert row.ended_at is not None and abs(row.ended_at - through_at) < NEAR_S
    assert abs(row.holds[0].opened_at - held_at) < NEAR_S
    (old,) = [one for one in view.holdings if one.user == "bob"]
    assert abs(old.opened_at - before_at) < NEAR_S and old.share_mode == "READ|WRITE|DELETE"
    assert run.notes == []
