"""Which runs a page of the store lists."""

from __future__ import annotations

import pytest

from despoolr_app.runs.store import KeptRun
from despoolr_app.runs_page.lists import ROWS_MAX, RunQuery, listed, wanted_of


def run(number: int, **facts: str) -> KeptRun:
    told = {"scenario": "demo", "version": "1.2", "verdict": "", "digest": "", **facts}
    return KeptRun(
        name=f"19960603T080000Z-demo-s{number}",
        kind="scenario",
        state="passed",
        at=float(number),
        size=10 * number,
        seed=number,
        **told,
    )


def test_a_page_has_so_many_rows_and_the_last_page_is_shown_for_one_beyond() -> None:
    runs = [run(number) for number in range(1, ROWS_MAX + 2)]
    first = listed(runs, RunQuery())
    assert (len(first.rows), first.fitting, first.pages) == (ROWS_MAX, ROWS_MAX + 1, 2)
    assert first.rows[0] is runs[-1] and first.size == sum(one.size for one in runs)
    assert listed(runs, RunQuery(page=99)).rows == [runs[0]]


@pytest.mark.parametrize("word", ["winword", " WINWORD.EXE ", "dead"])
def test_a_word_is_looked_for_in_all_that_is_known_in_any_case(word: str) -> None:
    runs = [run(1), run(2, verdict="WINWORD.EXE held it; dead"), run(3)]
    assert [one.seed for one in listed(runs, RunQuery(word)).rows] == [2]


def test_each_column_orders_the_runs() -> None:
    runs = [run(2, scenario="b"), run(1, scenario="c"), run(3, scenario="A")]
    orders = {
        order: [one.seed for one in listed(runs, RunQuery(order=order)).rows]
        for order in ("newest", "name", "size", "what")
    }
    assert orders == {
        "newest": [3, 2, 1],
        "name": [1, 2, 3],
        "size": [3, 2, 1],
        "what": [3, 2, 1],
    }


def test_an_address_that_says_nothing_sensible_means_the_usual_page() -> None:
    assert wanted_of("", "sideways", "-3") == wanted_of("", "", "9" * 40) == RunQuery()
    assert len(wanted_of("x" * 5000, "", "").word) == 200
