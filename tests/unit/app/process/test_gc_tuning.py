"""What waits for the garbage collector is bounded, and what a process began with is left alone."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from despoolr_app.process.gc_tuning import FIRST, RUNNING, THRESHOLDS, collect_late, freeze_gc


@pytest.fixture
def tuned() -> Iterator[None]:
    before = gc.get_threshold()
    freeze_gc()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


class Cycle:
    """An object that only the garbage collector takes away."""

    waiting = 0

    def __init__(self) -> None:
        self.me = self
        Cycle.waiting += 1

    def __del__(self) -> None:
        Cycle.waiting -= 1


def test_no_more_objects_than_stated_wait_in_cycles(tuned: None) -> None:
    most = 0
    for _ in range(3 * THRESHOLDS[0]):
        Cycle()
        most = max(most, Cycle.waiting)
    # the object that is one too many calls for the collection; from Python 3.12 on it begins only
    # after the instruction, when there is one more
    assert 0.9 * THRESHOLDS[0] <= most <= THRESHOLDS[0] + 2


@pytest.mark.slow
def test_what_there_was_at_the_start_is_not_looked_at_again(tuned: None) -> None:
    frozen = gc.get_freeze_count()
    assert frozen > 10_000
    gc.collect()
    assert gc.get_freeze_count() >= frozen


@pytest.mark.slow
def test_where_thousands_run_programs_more_waits_but_no_more_than_stated(tuned: None) -> None:
    freeze_gc(RUNNING)
    most = 0
    for _ in range(RUNNING + THRESHOLDS[0]):
        Cycle()
        most = max(most, Cycle.waiting)
    assert 0.9 * RUNNING <= most <= RUNNING + 2


@pytest.mark.slow
def test_the_first_collection_of_a_command_comes_late_and_others_as_usual() -> None:
    before = gc.get_threshold()
    gc.collect()
    try:
        collect_late()
        collect_late()
        most = 0
        for _ in range(FIRST + THRESHOLDS[0]):
            Cycle()
            most = max(most, Cycle.waiting)
        assert THRESHOLDS[0] * 2 < most <= FIRST + 2
        assert gc.get_threshold() == THRESHOLDS
        collect_late()
        gc.set_threshold(*before)  # somebody has thresholds of their own
        gc.collect()
        assert gc.get_threshold() == before
    finally:
        collect_late()
        gc.collect()
        gc.set_threshold(*before)


_CYCLE = """
import gc
gc.disable()
class Cycle:
    def __del__(self): print("looked through")
cycle = Cycle()
cycle.me = cycle
del cycle
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "says"),
    [
        ("", "looked through"),
        ("from despoolr_app.process.gc_tuning import end_without_gc; end_without_gc()", ""),
        ("from despoolr.console import main; main(['--version'])", "despoolr"),
    ],
    ids=["Python's own", "ours", "a command"],
)
def test_a_process_ends_without_a_last_look_through_all_that_it_has(end: str, says: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CYCLE + end], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(says) and ("looked" in done.stdout) == ("looked" in says)
