"""When the Despooler gives up, and when it may close other people's files."""

from __future__ import annotations

import pytest

from despoolr_core.profile import PROFILES, profile_of, with_overrides
from despoolr_core.response import Response, retry_interval_s
from despoolr_server.site.jobs.retry import (
    RetryState,
    after_failure,
    forces_disconnect,
    has_given_up,
)

HOUR, DAY = 3600.0, 86400.0


def attempts_until_given_up(
    version: str, response: Response = Response.FAST, **overrides: object
) -> tuple[int, float]:
    """How many attempts are made, and how long after the first the job is Failed."""
    profile = with_overrides(profile_of(version), overrides)
    state, now, count = RetryState(0, 1000.0), 1000.0, 0
    while not has_given_up(profile, state, now):
        count += 1
        assert count < 10_000
        state = after_failure(profile, state, now)
        now += retry_interval_s(response)
    return count, now - 1000.0


@pytest.mark.parametrize(
    ("response", "hours"),
    [(Response.VERY_FAST, 40), (Response.FAST, 200), (Response.MEDIUM, 600), (Response.SLOW, 1200)],
)
def test_a_hundred_attempts_take_as_long_as_the_table_of_the_response_settings_says(
    response: Response, hours: float
) -> None:
    assert attempts_until_given_up("1.1", response) == (100, hours * HOUR)


def test_at_fast_a_hundred_attempts_are_eight_days_and_eight_hours() -> None:
    assert attempts_until_given_up("1.2")[1] == 8 * DAY + 8 * HOUR


@pytest.mark.parametrize("version", ["1.2 SP1", "1.2 SP2", "1.2 SP3"])
def test_the_count_that_moves_by_two_halves_the_attempts(version: str) -> None:
    assert attempts_until_given_up(version) == (50, 100 * HOUR)  # Q191360


def test_the_rule_of_time_gives_up_after_a_week() -> None:
    count, after = attempts_until_given_up("1.1", give_up_rule="time")
    assert (count, after) == (84, 7 * DAY)


@pytest.mark.parametrize(
    ("response", "expected"),
    [(Response.FAST, (84, 7 * DAY)), (Response.VERY_FAST, (100, 40 * HOUR))],
)
def test_the_first_of_both_rules_ends_it(response: Response, expected: tuple[int, float]) -> None:
    assert attempts_until_given_up("1.1", response, give_up_rule="first") == expected


def test_no_first_attempt_is_ever_given_up() -> None:
    for profile in PROFILES.values():
        for rule in ("count", "time", "first"):
            assert not has_given_up(
                with_overrides(profile, {"give_up_rule": rule}), RetryState(0, 0.0), 10.0**9
            )


def test_the_first_attempt_is_remembered_through_all_retries() -> None:
    state = RetryState()
    for now in (100.0, 200.0, 300.0):
        state = after_failure(profile_of("1.1"), state, now)
    assert state == RetryState(3, 100.0)


@pytest.mark.parametrize(("retries", "limit"), [(12, 12), (10, 10), (0, 0)])
def test_forced_disconnect_comes_at_the_time_of_q128458(retries: int, limit: int) -> None:
    """(x * (y + 1)) + z: attempt y + 1 after the first is the one that may close files; the delay z
    is its own.
    """
    on = {"use_forced_disconnect": True, "forced_disconnect_retries": limit}
    profile = with_overrides(profile_of("1.2"), on)
    assert not forces_disconnect(profile, RetryState(retries, 1.0))
    assert forces_disconnect(profile, RetryState(retries + 1, 1.0))


def test_forced_disconnect_needs_both_the_version_and_the_registry_value() -> None:
    late = RetryState(99, 1.0)
    assert not forces_disconnect(profile_of("1.2"), late)
    assert not forces_disconnect(
        with_overrides(profile_of("1.1"), {"use_forced_disconnect": True}), late
    )
    assert forces_disconnect(
        with_overrides(profile_of("1.2"), {"use_forced_disconnect": True}), late
    )


def test_forced_disconnect_counts_attempts_and_not_the_steps_of_the_count() -> None:
    profile = with_overrides(
        profile_of("1.2 SP2"), {"use_forced_disconnect": True, "forced_disconnect_retries": 3}
    )
    assert not forces_disconnect(profile, RetryState(6, 1.0))
    assert forces_disconnect(profile, RetryState(8, 1.0))
