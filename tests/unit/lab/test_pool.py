"""Work in processes of their own: what comes back. What a death leaves is in
`process/test_pool.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from despoolr_lab.pool import _CALLS, Crash, Rerun, run_each, run_one, run_scenarios
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.reading.load import parse_scenario
from despoolr_lab.scenario.run import RunOptions, RunResult

SMALL = """
name = "small"
title = "One package to one server"
[run]
for = "2h"
[[package]]
name = "OFFICE"
files = { "a.dat" = "first" }
[[step]]
at = "0s"
do = "job"
name = "FIRST"
package = "OFFICE"
type = "share"
"""
REFUSED = """
[[step]]
at = "1h"
do = "release"
machine = "SITE1"
"""
HELD = """
[[step]]
at = "1h"
do = "hold"
machine = "SITE1"
package = "OFFICE"
file = "a.dat"
for = "10m"
locks = [{ length = 1 }]
"""


def small(more: str = "") -> Scenario:
    return parse_scenario(SMALL + more)


def square(number: int) -> int:
    return number * number


def digest_of(result: RunResult) -> str:
    return result.digest


@pytest.mark.slow
def test_each_task_comes_with_its_result() -> None:
    assert dict(run_each(square, range(20), jobs=2)) == {n: n * n for n in range(20)}


@pytest.mark.slow
def test_what_is_not_done_until_then_is_ended() -> None:
    began = time.perf_counter()
    with pytest.raises(TimeoutError):
        list(run_each(time.sleep, [300.0], jobs=1, until=began + 1.0))
    assert time.perf_counter() - began < 60.0
    assert list(run_each(square, [3], jobs=1, until=began + 3600.0)) == [(3, 9)]


@pytest.mark.slow
def test_nothing_to_do_is_no_work() -> None:
    assert list(run_each(square, [], jobs=1)) == []


@pytest.mark.slow
def test_tasks_are_asked_for_as_workers_need_them() -> None:
    asked: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(1000):
            asked.append(number)
            yield number

    outcomes = run_each(square, tasks(), jobs=1)
    next(outcomes)
    outcomes.close()
    assert len(asked) < 10


@pytest.mark.slow
def test_a_run_in_another_process_is_the_run_that_it_would_be_here() -> None:
    reruns = [Rerun(f"seed {n}", small(), RunOptions(seed=n)) for n in (1, 2)]
    there = {rerun.label: found for rerun, found in run_scenarios(digest_of, reruns, jobs=1)}
    assert there == {rerun.label: run_one(digest_of, rerun) for rerun in reruns}
    assert len(set(there.values())) == 2


def test_a_step_that_cannot_be_done_is_a_value_that_says_so() -> None:
    found = run_one(digest_of, Rerun("it", small(REFUSED), RunOptions()))
    assert isinstance(found, Crash)
    assert found.is_refused
    assert found.kind == "StepError"
    assert "SITE1 holds no file" in found.text


def test_a_bug_in_a_run_is_a_value_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> float:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr("despoolr_server.site.services.service.Service.run", broken)
    found = run_one(digest_of, Rerun("it", small(), RunOptions()))
    assert isinstance(found, Crash)
    assert (found.kind, found.text, found.is_refused) == (
        "ZeroDivisionError",
        "a bug of ours",
        False,
    )
    assert found.where.startswith("despoolr_")
    assert "ZeroDivisionError: a bug of ours" in found.traceback


@pytest.mark.parametrize("may_fail", ["true", "false"])
def test_a_call_on_which_a_server_fails_is_a_bug_whatever_its_caller_makes_of_it(
    monkeypatch: pytest.MonkeyPatch, may_fail: str
) -> None:
    """A holder took it for a refusal."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug of ours")

    scenario = small(f"{HELD}may_fail = {may_fail}\n")
    assert run_one(digest_of, Rerun("it", scenario, RunOptions()))
    assert not _CALLS.handlers
    monkeypatch.setattr("despoolr_server.shares.handles.range_locks.RangeLocks.lock", broken)
    found = run_one(digest_of, Rerun("it", scenario, RunOptions()))
    assert isinstance(found, Crash)
    assert (found.kind, found.text, found.is_refused) == (
        "ZeroDivisionError",
        "a bug of ours",
        False,
    )
    assert found.where.startswith("despoolr_server/http/shares/opens.py")
    assert not _CALLS.handlers
