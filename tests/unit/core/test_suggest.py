"""What a mistyped word was meant to be."""

from __future__ import annotations

import pytest

from despoolr_core.suggest import NAMED_MAX, nearest, one_of, suggestion
from despoolr_lab.scenario.reading.load import ScenarioError, parse_scenario
from despoolr_lab.scenario.tables.statuses import JOB_STATUSES
from worlds.scenario import SMALL

SERVERS = ["LOGON1", "LOGON2", "SITE1"]


@pytest.mark.parametrize(
    ("word", "meant"), [("LOGN1", "LOGON1"), ("site1", "SITE1"), ("sitel", "SITE1"), ("FRED", None)]
)
def test_the_nearest_is_found_whatever_the_case_and_only_where_it_is_near(
    word: str, meant: str | None
) -> None:
    assert nearest(word, SERVERS) == meant


def test_where_none_is_near_all_there_are_get_listed_and_nothing_is_guessed() -> None:
    assert suggestion("FRED", SERVERS) == "; there are LOGON1, LOGON2, SITE1"
    assert suggestion("FRED", SERVERS, named_max=2) == "; there are LOGON1, LOGON2 ..."
    assert suggestion("FRED", SERVERS, named_max=3) == "; there are LOGON1, LOGON2, SITE1"
    assert suggestion("FRED", []) == ""
    many = [f"PC{number}" for number in range(NAMED_MAX + 1)]
    assert suggestion("FRED", many).endswith(f"{many[-2]} ...")
    assert suggestion("FRED", many[:-1]).endswith(many[-2])


def test_a_near_one_is_all_that_is_said() -> None:
    assert suggestion("LOGN1", SERVERS, named_max=1) == "; did you mean 'LOGON1'?"


def test_a_status_that_is_none_is_told_with_the_nearest() -> None:
    one_of("Retrying", JOB_STATUSES, "job status")
    with pytest.raises(ValueError, match="did you mean 'Complete'"):
        one_of("complete", JOB_STATUSES, "job status")
    with pytest.raises(ScenarioError, match="no job status 'Done'"):
        parse_scenario(SMALL.replace('"Complete"', '"Done"'))
