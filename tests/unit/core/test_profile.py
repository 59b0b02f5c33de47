"""Versions are data: each profile, each override; and a wrong word names the nearest right one."""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_core.profile import (
    FIELDS,
    GIVE_UP_RULES,
    PROFILES,
    Profile,
    ProfileError,
    profile_of,
    with_overrides,
)
from despoolr_core.rules.remedies import COPY_STRATEGIES


def test_every_field_says_what_it_decides_and_where_that_is_written() -> None:
    assert Profile.__struct_fields__ == ("version", *FIELDS)
    for name, about in FIELDS.items():
        assert about["meaning"], name
        assert "Q1" in about["source"] or "Q2" in about["source"], name
    assert FIELDS["copy_strategy"]["choices"] == tuple(COPY_STRATEGIES)
    assert FIELDS["give_up_rule"]["choices"] == GIVE_UP_RULES


def test_every_value_of_every_version_is_one_the_field_can_have() -> None:
    for version, profile in PROFILES.items():
        assert profile.version == version
        values = {name: getattr(profile, name) for name in FIELDS}
        assert with_overrides(profile, values) == profile


def test_the_versions_come_oldest_first() -> None:
    assert list(PROFILES)[:4] == ["1.0", "1.1", "1.2", "1.2 SP1"]
    assert list(PROFILES)[-2:] == ["2.0", "2.0 SP1"]


EXPECTED: dict[str, dict[str, Any]] = {
    # the fixes of domain.md (j) and the articles: field to its value in 1.0, 1.1, 1.2, 1.2 SP2, 1.2
    # SP4
    "copy_strategy": {
        "1.0": "stop_at_first_lock",
        "1.1": "stop_at_first_lock",
        "1.2": "delete_then_copy",
        "1.2 SP3": "delete_then_copy",
        "1.2 SP4": "delete_then_copy_checked",
    },
    "refresh_every_file": {"1.2 SP3": True, "1.2 SP4": False},
    "partial_retry_list_lost": {"1.0": True, "1.1": True, "1.2": False},
    "expiry_status": {"1.0": "Retrying", "1.1": "Canceled", "1.2": "", "2.0": ""},
    "attempts_max": dict.fromkeys(PROFILES, 100),
    "retry_count_step": {
        "1.1": 1,
        "1.2": 1,
        "1.2 SP1": 2,
        "1.2 SP2": 2,
        "1.2 SP3": 2,
        "1.2 SP4": 1,
    },
    "restart_resets_retry_count": {"1.1": True, "1.2 SP3": True, "1.2 SP4": False},
    "forced_disconnect_available": {"1.0": False, "1.1": False, "1.2": True},
    "use_forced_disconnect": dict.fromkeys(PROFILES, False),
    "forced_disconnect_restores_rights": {"1.2": False, "1.2 SP4": True},
    "copy_failure_says_disk_full": {"1.1": False, "1.2": True},
    "failed_mif_status": {"1.1": "Retrying", "1.2": "Retrying", "2.0": "Failed"},
    "malformed_mif_is_success": {"1.2 SP4": True, "1.2 SP4 + hotfixes": False},
    "retry_keeps_refresh": {"1.2 SP4": False, "1.2 SP4 + hotfixes": True},
    "polls_only_changed_file": {"1.1": False, "1.2": True, "1.2 SP1": True, "1.2 SP2": False},
    "server_choice_always_random": {"1.0": True, "1.2 SP1": True, "1.2 SP2": False},
    "success_marks_package_id": {"1.1": False, "1.2": True, "2.0": False},
    "marked_package_id_resolves": {"2.0": False, "2.0 SP1": True},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_behaviour_changed_in_the_version_the_articles_name(name: str) -> None:
    for version, value in EXPECTED[name].items():
        assert getattr(profile_of(version), name) == value, version


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("attempts_max", "50", 50),
        ("give_up_after_s", "86400", 86400.0),
        ("use_forced_disconnect", "true", True),
        ("use_forced_disconnect", "off", False),
        ("use_forced_disconnect", "Yes", True),
        ("use_forced_disconnect", True, True),
        ("copy_strategy", "temp_and_rename", "temp_and_rename"),
        ("expiry_status", "", ""),
    ],
)
def test_a_value_is_read_as_it_is_typed(name: str, typed: Any, value: Any) -> None:
    changed = getattr(with_overrides(profile_of("1.2"), {name: typed}), name)
    assert changed == value
    assert type(changed) is type(value)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("attempt_max", 1, "did you mean 'attempts_max'"),
        ("colour", "red", "no behaviour 'colour'"),
        ("attempts_max", "many", "is a number, not 'many'"),
        ("attempts_max", float("inf"), "is a number, not inf"),
        ("give_up_after_s", "nan", "is a number, not 'nan'"),
        ("attempts_max", -1, "cannot be negative"),
        ("use_forced_disconnect", "maybe", "is true or false, not 'maybe'"),
        ("copy_strategy", "delete_then_cpoy", "did you mean 'delete_then_copy'"),
        ("expiry_status", "Cancelled", "did you mean 'Canceled'"),
        ("version", "1.1", "no behaviour 'version'"),
    ],
)
def test_a_wrong_override_names_the_nearest_right_one(name: str, value: Any, says: str) -> None:
    with pytest.raises(ProfileError, match=says):
        with_overrides(profile_of("1.1"), {name: value})


def test_a_wrong_version_names_the_nearest_right_one() -> None:
    with pytest.raises(ProfileError, match=r"did you mean '1.2 SP4'"):
        profile_of("1.2SP4")


def test_overrides_leave_the_profile_of_the_version_alone() -> None:
    with_overrides(profile_of("1.1"), {"attempts_max": 5})
    assert profile_of("1.1").attempts_max == 100
