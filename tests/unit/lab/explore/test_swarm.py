"""The worlds of an exploration: what is left out, what is done besides, and that it can be done."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest

from despoolr_core.times import moment_s, span_s
from despoolr_lab.explore.rules.calm import calm_from
from despoolr_lab.explore.swarm import ADDED_SERVER, is_as_written, swarm_world
from despoolr_lab.scenario.model import (
    CancelStep,
    ExecuteStep,
    HoldStep,
    JobStep,
    KillStep,
    PowerStep,
    ReleaseStep,
    Scenario,
    ServiceStep,
)
from despoolr_lab.scenario.reading.load import load_scenario
from despoolr_lab.scenario.reading.written import copy_of
from worlds.support import REPOSITORY

DEMO = REPOSITORY / "scenarios" / "demo_live.toml"
MOMENTS = {"copy.ended": (3900.0,), "file.written": (302.0, 305.0)}
TIMES = (302.0, 305.0, 3900.0)
SEEDS = range(1, 81)


@pytest.fixture(scope="module")
def demo() -> Scenario:
    return load_scenario(Path(DEMO))


def worlds(scenario: Scenario) -> dict[int, Scenario]:
    return {seed: swarm_world(scenario, seed, MOMENTS) for seed in SEEDS}


def test_a_world_is_a_function_of_its_seed(demo: Scenario) -> None:
    first, again = worlds(demo), worlds(demo)
    assert {seed: msgspec.json.encode(world) for seed, world in first.items()} == {
        seed: msgspec.json.encode(world) for seed, world in again.items()
    }
    assert len({msgspec.json.encode(world) for world in first.values()}) > 50


def test_expectations_are_asked_where_all_is_as_written_and_nowhere_else(demo: Scenario) -> None:
    for seed, world in worlds(demo).items():
        assert bool(world.expect) == is_as_written(seed)
        assert is_as_written(seed) == (world is demo)
    assert 10 <= sum(map(is_as_written, SEEDS)) <= 30
    assert is_as_written(0)


def test_what_is_expected_of_the_text_only_hinders_no_other_world(demo: Scenario) -> None:
    exact = [msgspec.structs.replace(one, exact_only=True) for one in demo.expect]
    only_exact = msgspec.structs.replace(demo, expect=exact)
    assert swarm_world(only_exact, 0, MOMENTS).expect
    assert not any(world.expect for world in worlds(only_exact).values())


def test_holds_are_left_out_one_time_in_two(demo: Scenario) -> None:
    swarm = [world for world in worlds(demo).values() if world is not demo]
    written = [
        world
        for world in swarm
        if any(isinstance(s, HoldStep) and s.program == "WINWORD.EXE" for s in world.step)
    ]
    assert 0.2 < len(written) / len(swarm) < 0.95
    assert not any(isinstance(step, ReleaseStep) for world in swarm for step in world.step)


def test_what_a_world_breaks_it_mends(demo: Scenario) -> None:
    for world in worlds(demo).values():
        calm = calm_from(world)
        assert calm < world.end
        assert not math.isinf(calm)


def test_a_service_stands_still_once_and_goes_on(demo: Scenario) -> None:
    pauses = 0
    for world in worlds(demo).values():
        paused: set[str] = set()
        for step in world.step:
            if isinstance(step, KillStep) and not step.server:
                paused.clear()
            elif isinstance(step, ServiceStep) and step.action != "restart":
                assert (step.service in paused) == (step.action == "resume")
                paused ^= {step.service}
                pauses += step.action == "pause"
        assert not paused
    assert pauses > 10


@pytest.mark.slow
def test_a_hold_is_there_at_its_moment_and_some_lock_a_range(demo: Scenario) -> None:
    holds = [
        step
        for world in worlds(demo).values()
        for step in world.step
        if isinstance(step, HoldStep) and step.may_fail and step.for_ and step.access == "READ"
    ]
    spans = [(moment_s(step.at, 0.0), moment_s(step.for_, 0.0)) for step in holds]
    aimed = [any(at - 1 <= t <= at + for_s + 1 for t in TIMES) for at, for_s in spans]
    assert sum(aimed) > 0.3 * len(holds)
    files = [
        {(step.server, step.file) for step in world.step if isinstance(step, HoldStep)}
        for world in worlds(demo).values()
        if sum(isinstance(step, HoldStep) and step.access == "READ" for step in world.step) > 1
    ]
    assert any(len(one) == 1 for one in files), "several hold one file"
    locking = [step for step in holds if step.locks]
    ranges = {(one.offset, one.length, one.shared) for step in locking for one in step.locks}
    assert len(ranges) >= 4, "the same bytes, some of them, others"
    assert any(one.for_ for step in locking for one in step.locks)
    for step in locking:
        assert span_s(step.locks[-1].after) >= span_s(step.for_) / 2 - 1, "when others have gone"
    assert 0.1 * len(holds) < len(locking) < 0.5 * len(holds)
    assert {step.share_mode for step in locking} == {"READ|WRITE|DELETE"}


def test_who_finds_nothing_to_run_runs_nothing() -> None:
    written = load_scenario(REPOSITORY / "scenarios" / "kb" / "q152229_expired_jobs.toml")
    runs = [
        step.may_fail == (world is not written)
        for world in worlds(written).values()
        for step in world.step
        if isinstance(step, ExecuteStep)
    ]
    assert runs and all(runs)


def test_nothing_is_killed_while_it_is_down(demo: Scenario) -> None:
    kills = 0
    for world in worlds(demo).values():
        until: dict[str, float] = {}
        for step in world.step:
            if isinstance(step, KillStep):
                at = moment_s(step.at, 0.0)
                assert at > until.get(step.server, 0.0)
                until[step.server] = at + moment_s(step.down_for, 0.0)
                kills += 1
    assert kills > 10


def test_what_is_off_from_the_start_is_switched_on_first(demo: Scenario) -> None:
    off = msgspec.structs.replace(
        demo, clients=[msgspec.structs.replace(group, on=False) for group in demo.clients]
    )
    switched = 0
    for world in worlds(off).values():
        on: dict[str, bool] = {}
        for step in world.step if world is not off else ():
            if isinstance(step, PowerStep):
                assert step.on != on.get(step.machine, False)
                on[step.machine] = step.on
                switched += 1
    assert switched > 10


def test_half_of_the_worlds_aim_at_moments(demo: Scenario) -> None:
    at = [
        moment_s(step.at, 0.0)
        for world in worlds(demo).values()
        for step in world.step
        if isinstance(step, KillStep)
    ]
    aimed = [one for one in at if min(abs(one - moment) for moment in TIMES) <= 0.005]
    assert 0.2 < len(aimed) / len(at) < 0.8


def test_administrators_work_in_these_worlds_too(demo: Scenario) -> None:
    swarm = [world for world in worlds(demo).values() if world is not demo]
    jobs = [
        [step for step in world.step if isinstance(step, JobStep) and "-" in step.name]
        for world in swarm
    ]
    for kind in ("update", "command", "remove"):
        having = sum(any(step.name.startswith(kind) for step in some) for some in jobs)
        assert 0.25 * len(swarm) < having < 0.75 * len(swarm), kind
    commands = [step for some in jobs for step in some if step.command]
    assert any(step.expires_after for step in commands)
    assert any(step.machines != ["*"] for step in commands)
    for world in swarm:
        cancelled = {step.job for step in world.step if isinstance(step, CancelStep)}
        mine = [step for step in world.step if isinstance(step, JobStep)]
        assert not any(step.mandatory_after for step in mine if step.name in cancelled)
        assert copy_of(world) == world  # it can be written down


def test_one_world_in_four_has_another_distribution_server(demo: Scenario) -> None:
    swarm = [world for world in worlds(demo).values() if world is not demo]
    more = [world for world in swarm if len(world.server) == 2]
    assert 0.1 * len(swarm) < len(more) < 0.45 * len(swarm)
    assert {world.server[1].name for world in more} == {ADDED_SERVER}
    assert len(demo.server) == 1
