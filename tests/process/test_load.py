"""Load runs against servers that run: judged by what the servers say, with no mercy for stalls,
honest about itself.
"""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import time
import urllib.request
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from worlds.process import (
    SERVE_ALL,
    SERVE_LOGON,
    SERVE_SITE,
    Process,
    Workshop,
    children,
    is_running,
    until,
)
from worlds.support import REPOSITORY, free_port

pytestmark = pytest.mark.long

SERVE = (*SERVE_ALL, "--response", "Very Fast")

UPDATE = """\
name = "update"
title = "A job runs everywhere, an update is refused by those who hold its files, and gets through"

[load]
for = "5h"
settle = "10h"
until_settled = true
late_max = "5s"

[[clients]]
name = "A"
count = 15
poll_every = "20m"
shape = "logon storm"

[[clients]]
name = "B"
count = 6
poll_every = "20m"

[[package]]
name = "OFFICE"
files = 3
size = "2KB"

[[program]]
command = "SETUP.EXE"
runs = "10s"
opens = ["F00001.DAT"]

[[job]]
name = "FIRST"
package = "OFFICE"
command = "SETUP.EXE"
machines = ["A"]

[[holders]]
clients = "B"
count = 4
package = "OFFICE"
at = "40m"
for = "60m"

[[update]]
name = "UPDATE"
package = "OFFICE"
at = "60m"

[[expect]]
that = "rows"
job = "FIRST"

[[expect]]
that = "reports"
at_least = 15

[[expect]]
that = "job"
job = "UPDATE"

[[expect]]
that = "refusals"
program = "SMS_DESPOOLER"
at_least = 1

[[expect]]
that = "episodes"
state = "waiting"
at_most = 0

[[expect]]
that = "polls"
failed = 0

[[expect]]
that = "settled"
within = "2m"
"""

STEADY = """\
name = "steady"
title = "Fifty polls a second"
[load]
for = "{seconds}s"
late_max = "{late_max}"
[[clients]]
name = "ALL"
count = 50
poll_every = "1s"
[[expect]]
that = "polls"
p99 = "1s"
"""


BROKEN = """
[[fault]]
fault = "slow_share"
server = "LOGON1"
delay = "1s"
at = "0s"

[[fault]]
fault = "clock_jumps"
machine = "A"
by = "+1h"
at = "5m"

[[fault]]
fault = "sender_dies"
at = "1h"
for = "10m"
"""


@pytest.fixture
def site(workshop: Workshop) -> Process:
    """A site in real time."""
    return workshop.start(*SERVE)


def load(workshop: Workshop, text: str, *more: str, ready: str = "running") -> Process:
    """A load that is under way."""
    (workshop.path / "load.toml").write_text(text)
    return workshop.start("load", "load.toml", *more, ready=ready)


def ended(process: Process) -> int:
    until(lambda: process.process.poll() is not None, f"it ends:\n{process.said}")
    return int(process.process.returncode)


def kept(workshop: Workshop) -> Path:
    return (workshop.path / "runs" / "latest").resolve()


def summary(workshop: Workshop) -> Any:
    return msgspec.json.decode((kept(workshop) / "summary.json").read_bytes())


def let_pass(seconds: float) -> None:
    """Something stands still for so long."""
    end = time.perf_counter() + seconds
    until(lambda: time.perf_counter() >= end, "time passes")


def workers(process: Process) -> list[int]:
    """The processes it started."""
    return children(process.process.pid)


def test_a_load_with_a_job_holders_and_an_update_is_judged_by_what_the_servers_say(
    workshop: Workshop,
) -> None:
    workshop.start(*SERVE, "--time", "x600")
    process = load(workshop, UPDATE, "--processes", "2", "--json", ready="")
    assert ended(process) == 0, process.said
    found = summary(workshop)
    assert found["passed"] and found["valid"] and found["clients"] == {"wanted": 21, "there": 21}
    assert found["generator"]["processes"] == 2
    assert found["reports"] == {"sent": 15, "counted": 15, "unsent": 0}
    assert found["holders"] == {"wanted": 4, "made": 4, "broken": 0, "lost": ""}
    jobs = {job["name"]: job for job in found["jobs"]}
    assert (
        jobs["FIRST"]["rows"]["Workstation"] == {"Complete": 15}
        and jobs["UPDATE"]["status"] == "Complete"
    )
    assert found["refusals"][0]["program"] == "SMS_DESPOOLER" and found["episodes"]["resolved"] >= 1
    suite = ElementTree.parse(kept(workshop) / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("8", "0", "0")
    rows = list(csv.DictReader((kept(workshop) / "samples.csv").read_text().splitlines()))
    assert int(rows[-1]["rows_ended"]) == 15 and int(rows[-1]["reports"]) == 15
    assert "<svg" in (kept(workshop) / "report.html").read_text()
    assert workshop.json("machines", "--limit", "100")["count"] == 21
    until(lambda: not workshop.json("clients")["fleets"], "the clients' numbers are given back")


def test_a_load_breaks_its_site_as_its_file_says_and_leaves_it_whole(workshop: Workshop) -> None:
    workshop.start(*SERVE, "--time", "x600", "--allow-faults")
    process = load(workshop, UPDATE + BROKEN, ready="")
    assert ended(process) == 0, process.said
    faults = summary(workshop)["faults"]
    assert [(one["fault"], one["where"]) for one in faults] == [
        ("slow_share", "LOGON1 by 1s"),
        ("clock_jumps", "PC00001 by +1h"),
        ("sender_dies", "SMS_LAN_SENDER of BPC"),
    ]
    lasted_s = faults[2]["ended_s"] - faults[2]["began_s"]
    assert 0.9 < lasted_s < 10, "10 min at x600 are 1 s, and the load goes on for longer"
    assert (kept(workshop) / "report.html").read_text().count('class="broken"') >= 3
    assert workshop.json("fault", "list")["faults"] == [], "all is mended"


def test_a_load_with_faults_needs_a_site_that_may_be_broken(
    workshop: Workshop, site: Process
) -> None:
    process = load(workshop, UPDATE + BROKEN, ready="")
    assert ended(process) == 2 and "was not started with --allow-faults" in process.said


def test_a_server_that_stands_still_is_not_flattered(workshop: Workshop, site: Process) -> None:
    process = load(workshop, STEADY.format(seconds=9, late_max="20s"))
    site.process.send_signal(signal.SIGSTOP)
    let_pass(5.0)
    site.process.send_signal(signal.SIGCONT)
    assert ended(process) == 10, process.said
    found = summary(workshop)
    assert found["polls"]["p99_ms"] > 3000, "everyone who was kept waiting counts"
    assert found["polls"]["count"] == 450, "and no poll was left out because of it"
    assert found["generator"]["late"] == 0


def test_a_generator_that_stands_still_makes_the_run_invalid(
    workshop: Workshop, site: Process
) -> None:
    process = load(workshop, STEADY.format(seconds=6, late_max="200ms"))
    (worker,) = workers(process)
    os.kill(worker, signal.SIGSTOP)
    let_pass(2.0)
    os.kill(worker, signal.SIGCONT)
    assert ended(process) == 12
    (reason,) = summary(workshop)["reasons"]
    assert "the generator was the bottleneck" in reason and "over 200ms late by itself" in reason
    suite = ElementTree.parse(kept(workshop) / "junit.xml").getroot()
    assert (suite.get("errors"), suite.get("skipped")) == ("1", "1")


def test_a_process_of_the_generator_that_dies_makes_the_run_invalid(
    workshop: Workshop, site: Process
) -> None:
    process = load(workshop, STEADY.format(seconds=60, late_max="20s"), "--processes", "2")
    os.kill(workers(process)[1], signal.SIGKILL)
    assert ended(process) == 12
    assert "process 2 of 2 ended" in summary(workshop)["reasons"][0]


def test_ctrl_c_ends_a_run_in_order_and_keeps_its_report(workshop: Workshop, site: Process) -> None:
    process = load(workshop, STEADY.format(seconds=600, late_max="20s"))
    process.process.send_signal(signal.SIGINT)
    assert ended(process) == 130
    found = summary(workshop)
    assert found["interrupted"] and not found["passed"] and found["expectations"] == []
    assert "Interrupted" in process.said and (kept(workshop) / "report.html").exists()
    assert workshop.json("clients")["fleets"] == [], "the clients' numbers are given back"


def test_ctrl_c_before_the_first_poll_is_an_interruption_too(workshop: Workshop) -> None:
    (workshop.path / "load.toml").write_text(STEADY.format(seconds=60, late_max="20s"))
    process = workshop.start(
        "load", "load.toml", "--site", "http://127.0.0.1:9", "--token", "x", ready="waiting for"
    )
    process.process.send_signal(signal.SIGINT)
    assert ended(process) == 130, process.said
    assert "Traceback" not in process.said


def test_a_site_that_has_fewer_clients_to_give_makes_the_run_invalid(workshop: Workshop) -> None:
    workshop.serve_apart("--clients-wanted", "49")
    process = load(workshop, STEADY.format(seconds=5, late_max="1s"), ready="")
    assert ended(process) == 12
    assert "50 clients were asked for and 49 were there" in process.said


HELD = """\
name = "held"
title = "Five clients hold a file of LOGON1"
[load]
for = "40m"
late_max = "20s"
[[clients]]
name = "ALL"
count = 20
poll_every = "1m"
[[package]]
name = "OFFICE"
files = 5
[[job]]
name = "FIRST"
package = "OFFICE"
[[holders]]
clients = "ALL"
count = 5
package = "OFFICE"
at = "8m"
for = "31m"
[[expect]]
that = "holders"
"""


def test_holders_whose_server_was_killed_have_not_held_their_file(workshop: Workshop) -> None:
    port = free_port()
    logon = (*SERVE_LOGON, "--listen", f"127.0.0.1:{port}", "--time", "x60")
    killed = workshop.start(*logon)
    named = ("--logon", f"LOGON1=http://127.0.0.1:{port},distribution")
    pace = ("--time", "x60", "--response", "Very Fast")
    workshop.start(*SERVE_SITE, *named, *pace)
    process = load(workshop, HELD)

    def are_held() -> bool:
        locks = workshop.json("locks", "--url", f"http://127.0.0.1:{port}", *token(workshop))[
            "locks"
        ]
        # packages that run hold files for a moment, too
        return [lock["program"] for lock in locks].count("WINWORD.EXE") == 5

    until(are_held, "all five hold")
    killed.kill()
    workshop.start(*logon)
    assert ended(process) == 10, process.said
    found = summary(workshop)
    assert (
        found["holders"]["made"] == found["holders"]["broken"] == 5
        and "on LOGON1: " in found["holders"]["lost"]
    )
    assert "0 of 5 held their file, 5 lost it" in process.said


def token(workshop: Workshop) -> tuple[str, str]:
    return "--token", workshop.servers()["LOGON1"].token


def test_a_load_of_too_few_polls_is_not_settled(workshop: Workshop, site: Process) -> None:
    process = load(workshop, STEADY.format(seconds=3, late_max="20s"), "--clients", "5", ready="")
    assert ended(process) == 12, process.said
    assert (
        "1 of 1 expectations are not settled" in process.said
        and "at least 100 decide" in process.said
    )


def test_a_load_whose_director_is_paused_past_its_lease_stops_its_clients_by_itself(
    workshop: Workshop,
) -> None:
    workshop.start(*SERVE, "--fleet-lease", "6s")
    process = load(workshop, STEADY.format(seconds=300, late_max="20s"))
    (worker,) = workers(process)
    process.process.send_signal(signal.SIGSTOP)
    until(lambda: not is_running(worker), "its clients log off")
    process.process.send_signal(signal.SIGCONT)
    assert ended(process) == 12, process.said
    assert "clients 1 to 50" in summary(workshop)["reasons"][0]


def test_mistakes_are_one_line_and_leave_no_run(workshop: Workshop) -> None:
    (workshop.path / "bad.toml").write_text(
        STEADY.format(seconds=5, late_max="1s").replace("poll_every", "pol_every")
    )
    (workshop.path / "good.toml").write_text(STEADY.format(seconds=5, late_max="1s"))
    for arguments, says in (
        (("bad.toml",), "bad.toml:9:1: unknown key 'pol_every'; did you mean 'poll_every'?"),
        (("nosuch.toml",), "there is no file nosuch.toml"),
        (("nigth",), "did you mean 'night'?"),
        (("good.toml",), "there is no running site here"),
        (("good.toml", "--site", "nowhere"), "is not a server's URL"),
        (("good.toml", "--clients", "5", "--for", "soon"), "'soon' is not a span"),
    ):
        done = workshop.run("load", *arguments)
        assert (
            done.returncode == 2 and says in done.stderr and len(done.stderr.splitlines()) == 1
        ), done
    assert not (workshop.path / "runs").exists()


def test_a_stack_that_is_not_the_one_meant_is_refused_before_it_is_touched(
    workshop: Workshop, site: Process
) -> None:
    text = STEADY.format(seconds=5, late_max="1s").replace("[load]", '[load]\ntime = "x60"')
    (workshop.path / "load.toml").write_text(text)
    done = workshop.run("load", "load.toml")
    assert done.returncode == 2 and "this load is for a site at x60" in done.stderr
    url, token = workshop.servers()["LOGON1"].url, workshop.servers()["SITE1"].token
    done = workshop.run("load", "load.toml", "--site", url, "--token", token)
    assert done.returncode == 2 and "which is not a site server" in done.stderr
    done = workshop.run(
        "load", "load.toml", "--site", workshop.servers()["SITE1"].url, "--token", "wrong"
    )
    assert done.returncode == 2 and "does not accept the token (401:" in done.stderr


def test_a_server_that_is_out_of_reach_from_here_is_named_before_anything_is_made(
    workshop: Workshop,
) -> None:
    workshop.start(
        "serve",
        "site",
        "--listen",
        "127.0.0.1:0",
        "--data",
        "site",
        "--logon",
        "LOGON1=http://127.0.0.1:9,distribution",
    )
    (workshop.path / "load.toml").write_text(STEADY.format(seconds=5, late_max="1s"))
    done = workshop.run("load", "load.toml")
    assert done.returncode == 2 and "LOGON1 does not answer at http://127.0.0.1:9" in done.stderr
    assert "say where it does with --logon LOGON1=URL" in done.stderr
    assert workshop.json("packages")["packages"] == []


def test_the_example_of_the_page_runs_and_its_expectations_hold(workshop: Workshop) -> None:
    blocks = re.findall(
        r"^```toml\n(.*?)^```", (REPOSITORY / "docs/load.md").read_text(), re.M | re.S
    )
    (whole,) = (block for block in blocks if block.startswith("name = "))
    workshop.start(*SERVE, "--time", "x600")
    process = load(
        workshop,
        whole.replace('late_max = "1s"', 'late_max = "20s"').replace('p99 = "1s"', 'p99 = "20s"'),
        ready="",
    )
    assert ended(process) == 0, process.said
    assert "all 5 expectations hold" in process.said


def test_two_runs_are_compared_and_what_was_not_made_alike_is_refused(
    workshop: Workshop, site: Process
) -> None:
    names: list[str] = []
    for clients in ("50", "50", "40"):
        process = load(
            workshop, STEADY.format(seconds=3, late_max="20s"), "--clients", clients, ready=""
        )
        assert ended(process) in (0, 10), process.said
        names.append(kept(workshop).name)
    done = workshop.run("compare", names[0], names[1], "--json")
    assert done.returncode == 12, done.stdout
    found = json.loads(done.stdout)["data"]
    assert [line["name"] for line in found["measures"]][:3] == ["poll p50", "poll p90", "poll p99"]
    assert found["differences"] == [] and found["measures"][0]["matters"] is None, (
        "three seconds decide nothing"
    )
    text = workshop.run("compare", names[0], names[1])
    assert text.returncode == 12 and re.search(
        r"poll p99 \(ms\) +[\d.]+ +[\d.]+ +x[\d.]+", text.stdout
    ), text
    done = workshop.run("compare", names[0], "latest")
    assert (
        done.returncode == 2
        and "clients differ: ALL count is 50 in A, 40 in B. Say --anyway" in done.stderr
    )
    assert workshop.run("compare", names[0], "latest", "--anyway").returncode == 12
    assert workshop.run("compare", names[0], "nosuch").returncode == 2


def test_a_load_that_runs_has_a_page_whose_last_word_is_its_report(
    workshop: Workshop, site: Process
) -> None:
    text = STEADY.format(seconds=6, late_max="10s")
    process = load(workshop, text, ready="live page: http://127.0.0.1:")
    found = re.search(r"live page: (http://127\.0\.0\.1:\d+)", process.said)
    assert found is not None
    told = []
    with urllib.request.urlopen(f"{found[1]}/events", timeout=60) as reply:
        for line in reply:
            told.append(line)
    names = [line.removeprefix(b"event: ").strip() for line in told if line[:6] == b"event:"]
    assert set(names[:-1]) == {b"course"} and names[-1] == b"over" and len(names) >= 4
    assert ended(process) in (0, 12)
    last = [line for line in told if line.startswith(b"data: ")][-1]
    report = (kept(workshop) / "report.html").read_text("utf-8")
    assert msgspec.json.decode(last.removeprefix(b"data: ")) == report


def test_where_no_page_can_be_is_one_line(workshop: Workshop, site: Process) -> None:
    (workshop.path / "load.toml").write_text(STEADY.format(seconds=6, late_max="10s"))
    port = int(re.findall(r"http://127\.0\.0\.1:(\d+)", site.said)[0])
    for where, says in ((f"127.0.0.1:{port}", "is in use"), ("127.0.0.1:x", "is not host:port")):
        done = workshop.run("load", "load.toml", "--page", where)
        assert done.returncode == 2 and says in done.stderr and len(done.stderr.splitlines()) == 1
