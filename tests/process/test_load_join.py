"""Processes that join a load over HTTP, as from other machines: counted exactly, begun at one
instant, and missed when one is lost.
"""

from __future__ import annotations

import os
import re
import signal
from typing import Any

import msgspec
import pytest

from worlds.process import SERVE_ALL, Process, Workshop, children, until

pytestmark = pytest.mark.long

LOAD = """\
name = "joined"
title = "A job runs on twenty clients, whose processes joined"
[load]
for = "4h"
late_max = "10s"
[[clients]]
name = "A"
count = 20
poll_every = "20m"
[[package]]
name = "OFFICE"
[[program]]
command = "SETUP.EXE"
runs = "10s"
[[job]]
name = "FIRST"
package = "OFFICE"
command = "SETUP.EXE"
[[expect]]
that = "rows"
job = "FIRST"
[[expect]]
that = "reports"
at_least = 20
"""


@pytest.fixture
def site(workshop: Workshop) -> Process:
    """A site six hundred times as fast."""
    return workshop.start(*SERVE_ALL, "--response", "Very Fast", "--time", "x600")


def token_of(site: Process) -> str:
    found = re.search(r"Bearer (\S+)'", site.said)
    assert found is not None, site.said
    return found[1]


def directed(workshop: Workshop, workers: int) -> tuple[Process, str]:
    """A load that waits for workers, and where they join it."""
    (workshop.path / "load.toml").write_text(LOAD)
    process = workshop.start(
        *("load", "load.toml", "--workers-from", "127.0.0.1:0", "--workers", str(workers)),
        ready="live page:",
    )
    found = re.search(r"load join (http://127\.0\.0\.1:\d+) --workers N", process.said)
    assert found is not None, process.said
    return process, found[1]


def ended(process: Process) -> int:
    until(lambda: process.process.poll() is not None, f"it ends:\n{process.said}")
    return int(process.process.returncode)


def summary(workshop: Workshop) -> Any:
    kept = (workshop.path / "runs" / "latest").resolve()
    return msgspec.json.decode((kept / "summary.json").read_bytes())


def test_workers_that_joined_are_one_load_and_every_count_is_exact(
    workshop: Workshop, site: Process
) -> None:
    load, url = directed(workshop, 3)
    token = token_of(site)
    wrong = workshop.run("load", "join", url, "--token", "wrong")
    assert wrong.returncode == 2 and "the token is not that with which" in wrong.stderr
    joined = [
        workshop.start(
            "load", "join", url, "--workers", count, "--token", token, ready="joining the load"
        )
        for count in ("2", "1")
    ]
    assert ended(load) == 0, load.said
    assert [ended(one) for one in joined] == [0, 0], [one.said for one in joined]
    found = summary(workshop)
    assert found["generator"]["processes"] == len(found["generator"]["cpu_shares"]) == 3
    assert found["clients"] == {"wanted": 20, "there": 20}
    assert found["reports"] == {"sent": 20, "counted": 20, "unsent": 0}
    assert found["polls"]["count"] == 20 * 12, "each client polls twelve times in four hours"
    assert sum(part["count"] for part in found["polls"]["groups"].values()) == 20 * 12
    (note,) = [note for note in found["notes"] if note.startswith("workers that joined")]
    assert "3 of 127.0.0.1; they began within " in note


def test_a_worker_that_is_lost_makes_the_run_invalid(workshop: Workshop, site: Process) -> None:
    load, url = directed(workshop, 2)
    token = token_of(site)
    joined = workshop.start("load", "join", url, "--workers", "2", "--token", token, ready="join")
    until(lambda: "running," in load.said, f"it runs:\n{load.said}")
    os.kill(children(joined.process.pid)[0], signal.SIGKILL)
    assert ended(load) == 12, load.said
    assert ended(joined) == 12, joined.said
    found = summary(workshop)
    assert re.search(r"process \d of 2 ended: .*127\.0\.0\.1", found["reasons"][0])


def test_what_cannot_join_is_one_line(workshop: Workshop, site: Process) -> None:
    (workshop.path / "load.toml").write_text(LOAD)
    for arguments, says in (
        (("join",), "join what? give the load's URL"),
        (("load.toml", "http://127.0.0.1:1"), "one argument too many"),
        (("load.toml", "--workers", "2"), "--workers needs --workers-from"),
        (("load.toml", "--workers-from", "127.0.0.1:0", "--workers", "21"), "more than 20 clients"),
        (("join", "x"), "is not a server's URL"),
    ):
        done = workshop.run("load", *arguments)
        assert done.returncode == 2 and says in done.stderr, done
        assert len(done.stderr.splitlines()) == 1
