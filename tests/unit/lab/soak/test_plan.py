"""What a plan promises: the same for the same seed, everything in its time, nobody down together,
cuts shorter than a lease.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from despoolr_lab.soak.plan import (
    CUT_S_MAX,
    LINKS,
    RUN_PACKAGES,
    SITE,
    WHAT,
    Asked,
    SoakPlan,
    make_plan,
)

ASKED = st.builds(
    Asked,
    clients=st.integers(500, 20_000),
    duration_s=st.floats(10, 8 * 3600),
    scale=st.sampled_from([1.0, 60.0, 600.0]),
    seed=st.integers(0, 100),
)


@given(ASKED)
@settings(max_examples=30, deadline=None)
def test_a_plan_is_a_function_of_what_was_asked(asked: Asked) -> None:
    plan = make_plan(asked)
    assert plan == make_plan(asked)
    assert [step.at_s for step in plan.steps] == sorted(step.at_s for step in plan.steps)
    assert {step.what for step in plan.steps} <= set(WHAT)


@given(ASKED)
@settings(max_examples=30, deadline=None)
def test_everything_happens_in_its_time(asked: Asked) -> None:
    plan = make_plan(asked)
    assert all(0 <= step.at_s < asked.duration_s for step in plan.steps)
    for step in plan.of("restart", "cut"):
        assert step.at_s < step.until_s <= asked.duration_s


@given(ASKED)
@settings(max_examples=30, deadline=None)
def test_every_soak_has_work_a_restart_and_a_cut(asked: Asked) -> None:
    plan = make_plan(asked)
    for what in ("run", "update", "restart", "cut", "hold"):
        assert plan.of(what), what


@given(ASKED)
@settings(max_examples=30, deadline=None)
def test_no_two_processes_are_down_and_no_two_links_cut_at_one_time(asked: Asked) -> None:
    plan = make_plan(asked)
    for what in ("restart", "cut"):
        steps = plan.of(what)
        assert all(one.until_s < other.at_s for one, other in pairwise(steps))


@given(ASKED)
@settings(max_examples=30, deadline=None)
def test_a_cut_is_shorter_than_a_fleets_lease(asked: Asked) -> None:
    names = {f"{source}-{target}" for source, target in LINKS}
    for step in make_plan(asked).of("cut"):
        assert step.until_s - step.at_s <= CUT_S_MAX and step.on in names


@given(ASKED)
@settings(max_examples=30, deadline=None)
def test_the_fleets_have_exactly_the_clients_that_were_asked_for(asked: Asked) -> None:
    sizes = [asked.clients_of(fleet) for fleet in asked.fleets]
    assert sum(sizes) == asked.clients and len(sizes) >= 2
    assert max(sizes) - min(sizes) <= 1


def of_half_an_hour(seed: int = 1) -> SoakPlan:
    return make_plan(Asked(2000, 1800.0, seed=seed))


def test_half_an_hour_restarts_every_process_and_cuts_every_link() -> None:
    plan = of_half_an_hour()
    assert {step.on for step in plan.of("restart")} >= {
        SITE,
        "LOGON1",
        "LOGON2",
        *plan.asked.fleets,
    }
    assert {step.on for step in plan.of("cut")} == {
        f"{source}-{target}" for source, target in LINKS
    }
    assert {step.how for step in plan.of("restart")} == {"SIGKILL", "SIGTERM"}
    assert {step.how for step in plan.of("cut")} == {"refuse", "silence"}


@pytest.mark.slow
def test_fleets_are_stopped_and_never_killed_so_that_what_they_reported_is_known() -> None:
    plan = make_plan(Asked(500, 24 * 3600.0))
    assert {step.how for step in plan.of("restart") if step.on in plan.asked.fleets} == {"SIGTERM"}


def test_another_seed_is_another_plan() -> None:
    assert of_half_an_hour(1).steps != of_half_an_hour(2).steps


def test_a_package_is_removed_in_the_turn_after_its_own() -> None:
    plan = of_half_an_hour()
    for step in plan.of("remove"):
        before = [run.on for run in plan.of("run") if run.at_s < step.at_s]
        assert before[-1] != step.on and step.on in before and step.on in RUN_PACKAGES


@pytest.mark.parametrize(("hours", "at_least"), [(1, 6), (8, 14), (24, 43)])
def test_long_soaks_go_on_restarting(hours: int, at_least: int) -> None:
    assert len(make_plan(Asked(500, hours * 3600.0)).of("restart")) >= at_least
