"""Rounds become a median with its spread, beside a goal; a load that may be the limit is named."""

from __future__ import annotations

from despoolr_lab.bench.base.figures import (
    FigureRow,
    Found,
    about_load,
    add,
    are_met,
    at_least,
    at_most,
    summary,
    table,
)

ROWS = (
    FigureRow("GET", "get", "get_s", at_least(1.8)),
    FigureRow("memory", "mb", goal=at_most(150.0)),
    FigureRow("not measured", "none", goal=at_least(1.0)),
)


def rounds() -> Found:
    found: Found = {}
    for ratio in (2.5, 1.5, 2.0):
        add(found, {"get": ratio, "get_s": 1000 * ratio})
    add(found, {"mb": 151.0})
    return found


def test_a_row_has_the_median_the_spread_the_rate_and_the_goal() -> None:
    lines = table(ROWS, rounds())
    assert len(lines) == 3
    assert lines[1].split()[1:] == ["2.00", "1.50-2.50", "2,000", "at", "least", "1.8:", "met"]
    assert lines[2].split()[1:] == ["151", "at", "most", "150:", "MISSED"]


def test_goals_are_met_if_all_that_were_measured_are() -> None:
    found = rounds()
    assert not are_met(ROWS, found)
    assert are_met(ROWS, found | {"mb": [149.0]})
    assert not are_met(ROWS, found | {"mb": [149.0], "get": [1.7, 1.75, 9.0]})


def test_programs_get_the_lowest_and_the_highest() -> None:
    assert summary(rounds())["get"] == {"median": 2.0, "lowest": 1.5, "highest": 2.5, "rounds": 3}


def test_a_load_that_may_be_the_limit_is_named_and_one_that_is_not_is_said_to_be_none() -> None:
    assert about_load({"get": [1.0]}) == ""
    assert about_load({"get_load": [0.2, 0.41], "put_load": [0.3]}) == (
        "The load was never the limit: it used at most 41% of its core (in a round of get)."
    )
    assert about_load({"get_load": [0.2, 0.95], "put_load": [0.3]}).endswith("in: get.")
