"""What waits for the garbage collector is bounded, and what a process began with is left alone."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from despoolr_app.process.gc_tuning import THRESHOLDS, freeze_gc


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


def test_what_there_was_at_the_start_is_not_looked_at_again(tuned: None) -> None:
    frozen = gc.get_freeze_count()
    assert frozen > 10_000
    gc.collect()
    assert gc.get_freeze_count() >= frozen
