"""The course of a soak: counters through restarts, places with their greatest value, and no more of
a file than the plan has room for.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from despoolr_lab.measured.charts import POINTS_MAX
from despoolr_lab.soak.plan import Asked
from despoolr_lab.soak.result.course import LIVES_MAX, WAITING, SoakCourse, course_of, read_course
from despoolr_lab.soak.watch import CLIENTS, HANDED_IN, RESIDENT

ASKED = Asked(20, 300.0)
HEAD = "seconds,process,started,resource,value,judged\n"


def course(*rows: tuple[object, str, object, str, object]) -> SoakCourse:
    names = ("seconds", "process", "started", "resource", "value")
    told = ({name: str(cell) for name, cell in zip(names, row, strict=True)} for row in rows)
    return course_of(told, ASKED)


def test_a_restart_is_from_the_last_sample_of_one_life_to_the_first_of_the_next() -> None:
    found = course(
        (0, "SITE1", 1, RESIDENT, 5e7),
        (10, "SITE1", 1, RESIDENT, 6e7),
        (10, "LOGON1", 1, RESIDENT, 6e7),
        (17, "SITE1", 12, RESIDENT, 4e7),
    )
    assert [(one.process, one.from_s, one.until_s) for one in found.restarts] == [
        ("SITE1", 10.0, 17.0)
    ]
    assert found.end_s == 17.0 and found.peak(RESIDENT) == {"SITE1": 6e7, "LOGON1": 6e7}


def test_what_is_counted_since_a_start_is_added_up_over_lives_and_processes() -> None:
    found = course(
        (0, "FLEET1", 1, HANDED_IN, 10),
        (0, "FLEET2", 1, HANDED_IN, 5),
        (9, "FLEET1", 1, HANDED_IN, 30),
        (18, "FLEET1", 12, HANDED_IN, 4),
        (27, "FLEET1", 12, HANDED_IN, 6),
    )
    assert list(found.sums[HANDED_IN].values()) == [15.0, 35.0, 39.0, 41.0]


def test_a_place_keeps_the_greatest_of_its_values_and_what_is_not_written_was_none() -> None:
    found = course(
        (0, "LOGON1", 1, RESIDENT, 1),
        (0.5, "LOGON1", 1, WAITING, 3),
        (0.9, "LOGON1", 1, WAITING, 1),
        (9, "LOGON1", 1, RESIDENT, 1),
    )
    assert found.gauges[WAITING]["LOGON1"] == {0: 3.0, 9 // found.width * found.width: 0.0}


@pytest.mark.parametrize(
    "row",
    [
        ("x", "SITE1", 1, CLIENTS, 1),
        (1, "SITE1", 1, CLIENTS, "nan"),
        (1, "SITE1", 1, CLIENTS, "1e999"),
        (-1, "SITE1", 1, CLIENTS, 1),
        (1e9, "SITE1", 1, CLIENTS, 1),
        (1, "SOMEBODY", 1, CLIENTS, 1),
        (1, "SITE1", 1, "descriptors", 1),
    ],
)
def test_a_row_that_is_not_understood_or_not_of_the_soak_is_left_out(
    row: tuple[object, str, object, str, object],
) -> None:
    assert not any(course(row).gauges.values())


@pytest.mark.slow
def test_of_a_file_of_any_length_no_more_is_kept_than_has_places() -> None:
    asked = Asked(20, 40.0)
    rows = (
        {"seconds": str(n / 200), "process": "SITE1", "started": str(n), "resource": RESIDENT}
        | {"value": "1"}
        for n in range(120_000)
    )
    found = course_of(rows, asked)
    assert len(found.gauges[RESIDENT]["SITE1"]) <= POINTS_MAX
    assert len(found.restarts) == LIVES_MAX


def test_a_line_that_was_cut_off_is_none(tmp_path: Path) -> None:
    file = tmp_path / "samples.csv"
    file.write_text(HEAD + "1.00,SITE1,1.00,clients,20,1\n2.00,SITE1,1.0")
    assert read_course(file, ASKED).gauges[CLIENTS] == {"SITE1": {0: 20.0}}
