"""What the death of a worker, and Ctrl-C, leave of work in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from despoolr_lab.pool import WorkerDied, run_each

INTERRUPTED = """
import os, signal
from multiprocessing import util
from despoolr_lab.pool import run_each

spawn = util.spawnv_passfds

def spawn_and_interrupt(*told):
    child = spawn(*told)
    if "spawn_main" in str(told):  # a worker, and not what looks after them
        os.kill(os.getpid(), signal.SIGINT)
    return child

if __name__ == "__main__":
    util.spawnv_passfds = spawn_and_interrupt
    try:
        list(run_each(abs, [1, 2], 2))
    except KeyboardInterrupt:
        print("interrupted")
"""


def die(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.01)
    return number


def told(path: Path) -> str:
    """Says that it began, and takes longer than anybody waits."""
    path.touch()
    time.sleep(0.3 if path.name == "quick" else 600)
    return path.name


def test_a_worker_that_dies_is_an_error_that_names_its_work() -> None:
    with pytest.raises(WorkerDied, match=r"died in the middle of its work .* it had one of: .*3"):
        list(run_each(die, range(1, 9), jobs=1))


def test_after_an_interruption_what_is_nearly_done_is_given_and_nothing_else_begins(
    tmp_path: Path,
) -> None:
    names = [tmp_path / name for name in ("quick", "slow", "never", "nor", "this")]

    def interrupt() -> None:
        while not (tmp_path / "slow").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    done: list[str] = []
    begun = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        for _, name in run_each(told, names, jobs=2):
            done.append(name)
    assert done == ["quick"]
    assert not (tmp_path / "this").exists()
    assert time.perf_counter() - begun < 60


def test_a_signal_while_the_workers_start_is_one_interruption_and_no_traceback(
    tmp_path: Path,
) -> None:
    """A worker that was not told what it is would print an EOFError."""
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED, "utf-8")
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
