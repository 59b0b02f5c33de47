"""Children that end with their parent: real processes, of Python alone."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from despoolr_app.cli.root import _take_sigterm_for_ctrl_c
from despoolr_app.process.children import supervisor
from despoolr_app.process.children.output import Output, ProcessDied
from despoolr_app.process.children.supervisor import (
    GRACE_S,
    VARIABLE,
    BlockingSupervisor,
    Lifeline,
    Supervisor,
    process_pool,
    run_in_order,
)

CHILD = (
    "from despoolr_app.process.children.supervisor import end_with_parent; end_with_parent(); "
    "import signal; print('up', flush=True); signal.pause()"
)
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {CHILD}"
PARENT = f"""
import os, subprocess, sys
from despoolr_app.process.children.supervisor import Lifeline, end_with_parent
end_with_parent()
line = Lifeline()
ask = [sys.executable, "-c", {CHILD!r}]
child = subprocess.Popen(ask, stdout=subprocess.PIPE, **line.options())
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


def start(code: str, lifeline: Lifeline) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, **lifeline.options()
    )


def first_line(child: subprocess.Popen[bytes]) -> bytes:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def has_ended(child: subprocess.Popen[bytes], within_s: float) -> int:
    code = child.wait(within_s)
    assert child.stdout is not None
    child.stdout.close()
    return code


def test_a_child_gets_sigterm_when_its_parent_has_gone() -> None:
    lifeline = Lifeline()
    child = start(CHILD, lifeline)
    assert first_line(child) == b"up"
    lifeline.cut()
    assert has_ended(child, GRACE_S) == -signal.SIGTERM


@pytest.mark.slow
def test_a_child_that_does_not_listen_is_killed_when_its_grace_is_over() -> None:
    lifeline = Lifeline()
    child = start(DEAF, lifeline)
    assert first_line(child) == b"up"
    lifeline.cut()
    assert has_ended(child, GRACE_S + 5) == -signal.SIGKILL


def test_a_child_whose_parent_has_gone_before_it_began_ends_as_well() -> None:
    lifeline = Lifeline()
    child = start(CHILD, lifeline)
    lifeline.cut()
    assert has_ended(child, GRACE_S + 5) == -signal.SIGTERM


def test_the_child_of_a_child_ends_when_that_is_killed() -> None:
    lifeline = Lifeline()
    parent = start(PARENT, lifeline)
    grandchild = int(first_line(parent))
    parent.kill()
    parent.wait()
    assert parent.stdout is not None
    parent.stdout.read()  # until nobody has the other end any more: the grandchild had it, too
    parent.stdout.close()
    assert grandchild != parent.pid


def test_who_has_no_parent_of_this_kind_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for told in ("", "x", "99999", "0"):
        with (tmp_path / "file").open("wb") as file:
            monkeypatch.setenv(
                VARIABLE, told.replace("0", str(file.fileno())) if told == "0" else told
            )
            supervisor.end_with_parent()
        assert VARIABLE not in os.environ, "it is nobody else's"


async def started(tree: Supervisor, code: str) -> asyncio.subprocess.Process:
    child = await tree.start([sys.executable, "-c", code], stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None and await child.stdout.readline() == b"up\n"
    return child


@pytest.mark.slow
def test_children_are_asked_then_killed() -> None:
    async def work() -> list[int | None]:
        tree = Supervisor()
        children = [await started(tree, CHILD), await started(tree, DEAF)]
        await tree.end(within_s=0.5)
        return [child.returncode for child in children]

    assert asyncio.run(work()) == [-signal.SIGTERM, -signal.SIGKILL]


def test_children_are_killed_at_once_when_the_waiting_is_cancelled() -> None:
    async def work() -> int | None:
        tree = Supervisor()
        child = await started(tree, DEAF)
        ending = asyncio.ensure_future(tree.end(within_s=60))
        await asyncio.sleep(0.05)
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)
        return await child.wait()

    assert asyncio.run(work()) == -signal.SIGKILL


def test_what_a_child_has_started_goes_with_its_group() -> None:
    code = (
        "import subprocess, sys; p = subprocess.Popen(['sleep', '600']); import signal; "
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); p.wait()"
    )

    async def work() -> bytes:
        tree = Supervisor()
        child = await started(tree, code)
        await tree.end(within_s=0.1)
        assert child.stdout is not None
        return await child.stdout.read()  # ends when the sleeper has gone, too

    assert asyncio.run(work()) == b""


def test_a_pool_that_is_left_by_an_error_does_not_wait_for_its_workers() -> None:
    with pytest.raises(KeyboardInterrupt), process_pool(1) as pool:
        assert pool.submit(os.getppid).result() == os.getpid()
        pool.submit(signal.pause)
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    "ctrl_c", [signal.SIG_IGN, signal.default_int_handler], ids=["ignored", "as it is"]
)
def test_sigterm_ends_work_in_order_whether_or_not_ctrl_c_is_ignored(
    ctrl_c: signal.Handlers,
) -> None:
    """A shell ignores Ctrl-C for what is started with `&`."""
    went: list[str] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            went.append("on")  # nothing is raised in the middle of a task's own work
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            went.append("cancelled")
            raise

    before = signal.signal(signal.SIGINT, ctrl_c), signal.getsignal(signal.SIGTERM)
    _take_sigterm_for_ctrl_c()
    ours = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_in_order(work())
        assert signal.getsignal(signal.SIGTERM) is ours
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
    assert went == ["on", "cancelled"]


# -- waiting for what they say

FALLS = "print('starting', flush=True); print('no such disk', flush=True); raise SystemExit(3)"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_child_is_there_when_it_has_said_that_it_is_up(tmp_path: Path) -> None:
    async def work() -> str:
        tree, output = Supervisor(), Output("CHILD", tmp_path / "log")
        await tree.start_ready(python(CHILD), output, "up")
        await tree.end()
        return output.text()

    assert asyncio.run(work()) == "up\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "within_s", "says"),
    [
        (FALLS, 60.0, "CHILD ended by itself with code 3: no such disk"),
        (CHILD, 0.5, "CHILD is not up after 0.5 s: "),
    ],
)
def test_a_child_that_does_not_come_up_is_told_of_with_what_it_said_last(
    tmp_path: Path, code: str, within_s: float, says: str
) -> None:
    output = Output("CHILD", tmp_path / "log")

    async def work() -> None:
        tree = Supervisor()
        try:
            await tree.start_ready(python(code), output, "never", within_s=within_s)
        finally:
            await tree.end()

    with pytest.raises(ProcessDied, match=says):
        asyncio.run(work())
    blocking = BlockingSupervisor()
    try:
        with pytest.raises(ProcessDied, match=says):
            blocking.start(python(code), output).await_said("never", within_s)
    finally:
        blocking.end()


@pytest.mark.slow
def test_without_an_event_loop_children_are_asked_then_killed_as_well(tmp_path: Path) -> None:
    tree = BlockingSupervisor()
    for number, code in enumerate((CHILD, DEAF)):
        tree.start(python(code), Output("CHILD", tmp_path / f"{number}")).await_said("up")
    tree.end(within_s=0.5)
    assert [child.process.returncode for child in tree.children] == [
        -signal.SIGTERM,
        -signal.SIGKILL,
    ]
