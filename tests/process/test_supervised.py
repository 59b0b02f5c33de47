"""What a command has started ends with it, whatever ends the command, and whenever: no process of
its run is left.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from worlds.process import DEADLINE_S, SERVE_ALL, Process, Workshop, until
from worlds.support import REPOSITORY, leave_out

pytestmark = pytest.mark.long

MARK = "TEST_RUN"
"""A variable of the environment that all processes of a run have, and no other process has."""
SOAK = ("soak", "--clients", "20", "--for", "60s", "--time", "x600")
LOAD = """
name = "long"
title = "Long"

[load]
for = "4h"
seed = 1

[[clients]]
name = "PCS"
count = 40
poll_every = "10m"
"""
ALL = ("kb", "run", "--all", "--version", "1.2")


def processes_of(run: str) -> dict[int, str]:
    """Those of a run that live (stopped ones too), by their number."""
    found = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                if f"{MARK}={run}".encode() in (place / "environ").read_bytes().split(b"\0"):
                    found[int(place.name)] = (
                        (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    )
            except OSError:
                continue
    return {number: line for number, line in found.items() if line}  # a zombie has none


@pytest.fixture
def run(workshop: Workshop) -> Iterator[str]:
    """The name of a run; what the test could not end is ended after it."""
    if not Path("/proc/self/environ").exists():
        leave_out("which processes belong to a run is read from /proc, which this system has not")
    name = f"{os.getpid()}-{workshop.path.name}"
    yield name
    for number in processes_of(name):
        os.kill(number, signal.SIGKILL)


def start(
    workshop: Workshop, run: str, *arguments: str, processes: int = 1, ready: str = ""
) -> Process:
    """Start it, and wait for so many processes, and for what it says."""
    process = workshop.start(*arguments, ready=ready, environment={MARK: run})
    until(lambda: len(processes_of(run)) >= processes, f"{processes} processes of {arguments}")
    return process


def assert_nothing_is_left(run: str) -> None:
    until(lambda: not processes_of(run), "no process of the run is left")


def ended_by(process: Process, number: int) -> int:
    process.process.send_signal(number)
    try:
        return process.process.wait(DEADLINE_S)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"it does not end:\n{process.said[-3000:]}") from None


MOMENTS = [
    pytest.param(SOAK, 2, "", id="soak-starting"),
    pytest.param(SOAK, 5, "", id="soak-some-up"),
    pytest.param(SOAK, 6, "running", id="soak-running"),
    pytest.param(ALL, 2, "", id="kb-starting"),
    pytest.param(ALL, 4, "", id="kb-running"),
    pytest.param(("demo",), 1, "", id="demo-starting"),
    pytest.param(("demo",), 1, "1. LIVE", id="demo-running"),
    pytest.param(
        ("run", str(REPOSITORY / "scenarios/demo_live.toml"), "--time", "x500"),
        1,
        "0%",
        id="run-running",
    ),
    pytest.param(
        (*SERVE_ALL, "--clients", "10"),
        *(1, "despoolr: ready"),
        id="serve-with-clients",
    ),
]


@pytest.mark.parametrize(("arguments", "processes", "ready"), MOMENTS)
def test_nothing_is_left_of_a_command_that_is_killed(
    workshop: Workshop, run: str, arguments: tuple[str, ...], processes: int, ready: str
) -> None:
    process = start(workshop, run, *arguments, processes=processes, ready=ready)
    assert ended_by(process, signal.SIGKILL) == -signal.SIGKILL
    assert_nothing_is_left(run)


@pytest.mark.parametrize(("arguments", "processes", "ready"), MOMENTS)
def test_a_command_that_gets_sigterm_ends_in_order_and_leaves_nothing(
    workshop: Workshop, run: str, arguments: tuple[str, ...], processes: int, ready: str
) -> None:
    process = start(workshop, run, *arguments, processes=processes, ready=ready)
    code = ended_by(process, signal.SIGTERM)
    if ready:  # else it may have been too early for any order
        assert code == (0 if arguments[0] == "serve" else 130), process.said
        assert "Traceback" not in process.said and "Exception ignored" not in process.said
    assert_nothing_is_left(run)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("when", ["starting", "running"])
def test_nothing_is_left_of_a_load_and_its_site_goes_on(
    workshop: Workshop, run: str, number: int, when: str
) -> None:
    site = workshop.start(*SERVE_ALL, "--time", "x60")
    (workshop.path / "load.toml").write_text(LOAD)
    ready = "running" if when == "running" else ""
    process = start(
        workshop, run, "load", "load.toml", "--processes", "2", processes=3, ready=ready
    )
    code = ended_by(process, number)
    assert_nothing_is_left(run)
    assert site.process.poll() is None
    if number == signal.SIGTERM:
        assert code == 130 and "Traceback" not in process.said, process.said


def test_a_child_that_is_stopped_when_its_parent_is_killed_ends_as_well(
    workshop: Workshop, run: str
) -> None:
    process = start(workshop, run, *SOAK, processes=6, ready="running")
    for number, line in processes_of(run).items():
        if " fleet " in line or " site " in line:
            os.kill(number, signal.SIGSTOP)
    ended_by(process, signal.SIGKILL)
    assert_nothing_is_left(run)


def test_a_second_signal_ends_a_soak_at_once(workshop: Workshop, run: str) -> None:
    process = start(workshop, run, *SOAK, processes=6, ready="running")
    for number, line in processes_of(run).items():
        if " fleet " in line:
            os.kill(number, signal.SIGSTOP)  # it does not end because it is asked to
    process.process.send_signal(signal.SIGTERM)
    until(lambda: len(processes_of(run)) <= 3, "the servers have ended")
    assert len(processes_of(run)) == 3, "the soak waits for its fleets"
    assert ended_by(process, signal.SIGTERM) == 130
    assert_nothing_is_left(run)
