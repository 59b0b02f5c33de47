"""The sentence names the worst with its number; the exit code follows; the table says what it says
in the resource's unit.
"""

from __future__ import annotations

from despoolr_lab.soak.counts import Count
from despoolr_lab.soak.drift import DriftVerdict, Judgement, Point, Trend
from despoolr_lab.soak.resources import MIB
from despoolr_lab.soak.result.outcome import (
    COLUMNS,
    as_json,
    count_rows,
    exit_code,
    sentence,
    sparkline,
    table,
)
from despoolr_lab.soak.watch import Judged

POINTS = tuple(Point(float(n), 60 * MIB + n) for n in range(64))
TREND = Trend(80 * MIB, 60 * MIB, 100 * MIB, 60 * MIB, 50 * MIB, 70 * MIB, 900.0)
RIGHT = Count("opens left", 0, 0)
WRONG = Count("opens left", 0, 2, ("LOGON1: 2",))
INVALID = Count("clients that exist", 500, 499, is_about_validity=True)


def judged(verdict: DriftVerdict, resource: str = "memory", trend: Trend | None = TREND) -> Judged:
    return Judged("LOGON1", resource, Judgement(verdict, trend, 8 * MIB), POINTS)


def test_drift_is_told_with_its_rate_and_fails_the_run() -> None:
    rows = [judged(DriftVerdict.DRIFT)]
    assert (
        sentence(rows, [RIGHT])
        == "memory of LOGON1 grows by +80.0 MiB an hour (+60.0 MiB to +100.0 MiB)."
    )
    assert exit_code(rows, [RIGHT]) == 10


def test_a_wrong_count_is_told_with_examples_and_fails_the_run() -> None:
    assert sentence([], [WRONG]) == "opens left: 2 instead of 0 (LOGON1: 2)."
    assert exit_code([], [WRONG]) == 10


def test_clients_that_did_not_exist_make_it_invalid_whatever_else() -> None:
    assert exit_code([judged(DriftVerdict.DRIFT)], [INVALID, WRONG]) == 12
    assert exit_code([], [], "FLEET1 ended by itself with code 12", has_lost_clients=True) == 12


def test_a_process_that_fell_fails_the_run_and_comes_first() -> None:
    assert sentence(
        [judged(DriftVerdict.DRIFT)], [], "SITE1 ended by itself with code 1: boom"
    ).startswith("SITE1 ended by itself")
    assert exit_code([], [], "SITE1 ended by itself with code 1: boom") == 10


def test_what_nobody_has_shown_is_said_and_fails_nothing() -> None:
    rows = [
        judged(DriftVerdict.UNCLEAR),
        judged(DriftVerdict.TOO_SHORT, "tasks", None),
        judged(DriftVerdict.STEADY, "opens"),
    ]
    assert exit_code(rows, [RIGHT]) == 0
    said = sentence(rows, [RIGHT])
    assert said == (
        "No drift in 1 resources; memory of LOGON1 unclear; 1 watched too briefly to judge "
        "(tasks); all 1 counts are exact."
    )


def test_the_table_has_memory_in_mebibytes_and_the_rest_as_it_is() -> None:
    opens = Judged(
        "LOGON1",
        "opens",
        Judgement(DriftVerdict.STEADY, Trend(-3.0, -9.0, 0.01, 2.0, 2.0, 1.0, 900.0), 6.0),
        POINTS,
    )
    rows = table([judged(DriftVerdict.DRIFT), opens, judged(DriftVerdict.TOO_SHORT, "tasks", None)])
    assert all(len(row) == len(COLUMNS) for row in rows)
    assert rows[0][2:7] == (
        "50.0 MiB",
        "70.0 MiB",
        "+80.0 MiB",
        "+60.0 MiB .. +100.0 MiB",
        "+8.0 MiB",
    )
    assert rows[1][2:6] == ("2", "1", "-3.0", "-9.0 .. 0")
    assert rows[2][2] == "-" and rows[2][-1] == "too short"


def test_a_sparkline_is_a_few_bars_between_the_smallest_and_the_largest() -> None:
    assert sparkline([Point(float(n), float(n)) for n in range(8)]) == "▁▂▃▄▅▆▇█"
    assert sparkline([Point(float(n), 5.0) for n in range(3)]) == "▁▁▁"
    assert len(sparkline(POINTS)) == 16 and sparkline([]) == ""


def test_counts_are_rows_and_numbers() -> None:
    assert count_rows([WRONG, RIGHT])[0] == ("opens left", "0", "2", "NO: LOGON1: 2")
    facts = as_json([judged(DriftVerdict.DRIFT)], [WRONG])
    assert facts["counts"] == [
        {"count": "opens left", "expected": 0, "actual": 2, "ok": False, "examples": ["LOGON1: 2"]}
    ]
    assert (
        facts["resources"][0]["verdict"] == "drift"
        and facts["resources"][0]["per_hour"] == 80 * MIB
    )
