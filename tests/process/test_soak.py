"""A short soak of real processes: one restart, one cut, every count exact; and one that ends before
its time leaves nothing.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from worlds.process import DEADLINE_S, Process, Workshop, is_running, until

pytestmark = pytest.mark.long

SHORT = ("soak", "--clients", "60", "--for", "20s", "--time", "x600", "--seed", "1")


FAULTS = """
[[fault]]
fault = "disk_full"
at = "20m"
for = "10m"
server = "LOGON1"
share = "SMS_PKGD"

[[fault]]
fault = "slow_share"
at = "30m"
server = "LOGON2"
delay = "10s"
"""


def pids(workshop: Workshop) -> list[int]:
    """The servers of the stack."""
    listed = msgspec.json.decode(
        (workshop.path / "runs/latest/stack/.despoolr/servers.json").read_bytes()
    )["servers"]
    return [server["pid"] for server in listed]


def ended(process: Process) -> tuple[int, Any]:
    """Its exit code and its summary."""
    try:
        code = process.process.wait(2 * DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.terminate()  # in order, so that its own processes go with it
        raise AssertionError(f"it does not end:\n{process.said[-3000:]}") from None
    return code, json.loads(
        (process.child.output.path.parent / "runs/latest/summary.json").read_text()
    )


def test_a_soak_with_a_restart_a_cut_link_and_faults_counts_everything_exactly(
    workshop: Workshop,
) -> None:
    (workshop.path / "faults.toml").write_text(FAULTS)
    process = workshop.start(*SHORT, "--faults", "faults.toml", ready="clients for 0:20")
    code, summary = ended(process)
    assert code == 0, process.said
    assert (
        summary["passed"]
        and all(count["ok"] for count in summary["counts"])
        and len(summary["counts"]) >= 15
    )
    assert "counts are exact" in summary["verdict"]
    done = summary["done"]
    assert done["restarts"] == done["cuts"] == 1 and done["files_held"] >= 1
    assert [(one["fault"], one["where"]) for one in summary["faults"]] == [
        ("disk_full", "LOGON1\\SMS_PKGD"),
        ("slow_share", "LOGON2 by 10s"),
    ]
    assert summary["counts"][-1]["count"] == "faults that began, of those asked for"
    assert done["reports"] >= 3 * 60, "every client has run three packages"
    assert {row["process"] for row in summary["resources"]} == {
        "SITE1",
        "LOGON1",
        "LOGON2",
        "FLEET1",
        "FLEET2",
    }
    assert {row["verdict"] for row in summary["resources"]} == {"too short"}, (
        "twenty seconds tell nothing, and say so"
    )
    with (workshop.path / "runs/latest/samples.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["process"] for row in rows} >= {"SITE1", "FLEET1"}
    assert len({row["started"] for row in rows if row["process"] == "SITE1"}) == 2, (
        "the site server had two lives"
    )
    assert "SITE1 gets SIGKILL" in process.said and "link SITE1-LOGON1 is cut" in process.said
    assert "too short" in process.said and summary["verdict"] in process.said
    made = workshop.path / "runs/latest"
    suite = ElementTree.parse(made / "junit.xml").getroot()
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
    assert int(suite.get("tests", "")) == 1 + len(summary["counts"]) + len(summary["resources"])
    page = (made / "report.html").read_text("utf-8")
    assert "disk_full, LOGON1" in page and "SITE1: 0:" in page and "Clients" in page
    assert summary["verdict"] in page
    for left in ("report.html", "junit.xml"):
        (made / left).unlink()
    assert workshop.run("soak", "--judge", "latest").returncode == 0
    assert (made / "report.html").read_text("utf-8") == page and (made / "junit.xml").is_file()


def test_a_server_that_falls_ends_the_soak_and_is_named(workshop: Workshop) -> None:
    process = workshop.start(*SHORT, "--json", ready="running")
    all_of_them = pids(workshop)
    listed = msgspec.json.decode(
        (workshop.path / "runs/latest/stack/.despoolr/servers.json").read_bytes()
    )["servers"]
    os.kill(next(server["pid"] for server in listed if server["name"] == "LOGON2"), signal.SIGKILL)
    code, summary = ended(process)
    assert code == 10 and summary["counts"] == []
    assert summary["verdict"].startswith("LOGON2 ended by itself with code -9")
    until(lambda: not any(map(is_running, all_of_them)), "no process is left")


def test_an_interrupted_soak_leaves_no_process_and_says_that_nothing_was_counted(
    workshop: Workshop,
) -> None:
    process = workshop.start(*SHORT, ready="running")
    all_of_them = pids(workshop)
    process.process.send_signal(signal.SIGINT)
    code, summary = ended(process)
    assert (
        code == 130
        and summary["interrupted"]
        and summary["verdict"] == "Interrupted: nothing was counted."
    )
    until(lambda: not any(map(is_running, all_of_them)), "no process is left")


def test_a_plan_is_printed_and_nothing_is_done(workshop: Workshop) -> None:
    plan = workshop.json("soak", "--clients", "2000", "--for", "30m", "--plan")
    assert plan == workshop.json("soak", "--clients", "2000", "--for", "30m", "--plan")
    assert {step["what"] for step in plan["steps"]} == {
        "run",
        "update",
        "offer",
        "remove",
        "hold",
        "restart",
        "cut",
    }
    printed = workshop.run("soak", "--for", "30m", "--plan")
    assert "SIGKILL" in printed.stdout and "a user opens this file" in printed.stderr
    assert not (workshop.path / "runs").exists()


def test_what_cannot_be_soaked_is_refused_in_one_line(workshop: Workshop) -> None:
    for arguments in (("--for", "5s"), ("--for", "x"), ("--time", "virtual"), ("--clients", "3")):
        done = workshop.run("soak", *arguments)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done
