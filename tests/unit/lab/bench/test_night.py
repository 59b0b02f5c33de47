"""A night counts only if all its reports are rows."""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_lab.bench.night import has_all_rows


def job(**statuses: int) -> dict[str, Any]:
    return {"name": "SCAN", "rows": {"Workstation": statuses, "Server": {"Complete": 2}}}


@pytest.mark.parametrize(
    ("answer", "has_all"),
    [
        ({"jobs": [job(Complete=20), job(Complete=20)]}, True),
        ({"jobs": [job(Complete=20), job(Complete=19, Active=1)]}, False),
        ({"jobs": [job(Complete=21), job(Complete=20)]}, False),
        ({"jobs": None}, False),
        ({}, False),
    ],
)
def test_all_reports_are_rows_or_it_was_no_night(answer: dict[str, Any], has_all: bool) -> None:
    assert has_all_rows(answer, 40) is has_all
