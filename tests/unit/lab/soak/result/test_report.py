"""What a soak leaves for people and for a CI says what its judgement says."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from despoolr_lab.samples import FleetSample, ProcessSample, Sample, ShareSample, SiteSample
from despoolr_lab.soak.plan import Asked, make_plan
from despoolr_lab.soak.result.afterwards import asked_of, judge
from despoolr_lab.soak.result.course import course_of
from despoolr_lab.soak.result.outcome import SoakResult
from despoolr_lab.soak.result.report import (
    JUNIT,
    LINES_MAX,
    REPORT,
    ROWS_MAX,
    page_of,
    write_report,
)
from despoolr_lab.soak.watch import RESIDENT, SoakWatch

ASKED = Asked(20, 900.0)
RIGHT: dict[str, Any] = {"count": "opens left", "expected": 0, "actual": 0, "examples": []}
WRONG = RIGHT | {"count": "rows twice", "actual": 3, "examples": ["BPC1: <b>PC\x1b[2J00001"]}
NO_CLIENTS = RIGHT | {"count": "clients", "expected": 20, "actual": 19, "is_about_validity": True}


def soak(
    directory: Path, *, growth: float = 0.0, samples: int = 450, **summary: Any
) -> tuple[str, ElementTree.Element]:
    """The page and the JUnit XML of a soak of a quarter of an hour."""
    (directory / "asked.json").write_bytes(msgspec.json.encode(ASKED))
    if summary:
        (directory / "summary.json").write_bytes(msgspec.json.encode(summary))
    watch = SoakWatch()
    watch.open(directory / "samples.csv")
    for n in range(samples):
        tasks = 40.0 + n * growth + n % 5
        process = ProcessSample(tasks=tasks, started_at=1.0 if n < 150 else 301.0, memory=5e7)
        share = ShareSample(episodes_waiting=float(n == 80), refusals={("SMS_PKGD", "X"): n})
        site = SiteSample(clients_live=20.0, reports_loaded=n / 2)
        watch.take(n * 2.0, Sample("SITE1", 0.0, 0.0, process, share, site, FleetSample()))
        fleet = FleetSample(reports=n / 2)
        watch.take(n * 2.0, Sample("FLEET1", 0.0, 0.0, process, ShareSample(), SiteSample(), fleet))
    watch.close()
    write_report(directory, asked_of(directory), judge(directory))
    return (
        (directory / REPORT).read_text("utf-8"),
        ElementTree.fromstring((directory / JUNIT).read_bytes()),
    )


def results(suite: ElementTree.Element) -> dict[str, str]:
    return {case.get("name", ""): "".join(one.tag for one in case) for case in suite}


def test_a_soak_that_passed_says_so_in_both(tmp_path: Path) -> None:
    done = {"jobs": 3, "reports": 60, "restarts": 1, "cuts": 2}
    page, suite = soak(tmp_path, counts=[RIGHT], done=done)
    assert results(suite)["the soak ran to its end and was counted"] == ""
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
    assert "all 1 counts are exact" in page and ">passed<" in page and "3 jobs" in page
    for title in ("Memory", "Clients", "Reports", "Blocked: updates that wait", "refused"):
        assert f"{title}" in page
    assert page.count("<svg viewBox") == 5
    cuts = [step for step in make_plan(ASKED).of("cut") if step.at_s < 898]
    assert page.count('rect class="cut"') == 1 + 5 * len(cuts), "the legend, and each chart"
    assert page.count('rect class="restart"') == 1 + 5 * 2 and "SITE1: 4:58 to 5:00" in page


def test_a_wrong_count_and_a_drift_are_failures_and_stand_first_on_the_page(tmp_path: Path) -> None:
    page, suite = soak(tmp_path, growth=1.0, counts=[RIGHT, WRONG])
    told = results(suite)
    assert told["rows twice"] == told["tasks of SITE1 does not grow"] == "failure"
    assert told["opens left"] == "" and suite.get("errors") == "0"
    assert 0 < page.index("rows twice</th>") < page.index("opens left</th>")
    assert "Grows: tasks of SITE1" in page
    assert "<b>PC" not in page and "\x1b" not in page and "&lt;b&gt;PC\\x1b[2J00001" in page


@pytest.mark.parametrize(
    ("summary", "case", "why"),
    [
        ({"counts": [NO_CLIENTS]}, "clients", "expected 20, was 19"),
        ({}, "the soak ran to its end and was counted", "it was interrupted"),
        (
            {"counts": [RIGHT], "fell": "SITE1 ended by itself"},
            "the soak ran to its end and was counted",
            "SITE1 ended by itself",
        ),
    ],
)
def test_a_soak_that_proves_nothing_has_an_error(
    tmp_path: Path, summary: dict[str, Any], case: str, why: str
) -> None:
    page, suite = soak(tmp_path, **summary)
    (found,) = [one for one in suite if one.get("name") == case]
    assert found[0].tag == "error" and found[0].get("message") == why
    assert ">passed<" not in page


def test_what_is_too_short_to_judge_is_skipped(tmp_path: Path) -> None:
    _, suite = soak(tmp_path, samples=30, counts=[RIGHT])
    skipped = [case for case in suite if "skipped" in [one.tag for one in case]]
    assert int(suite.get("skipped", "")) == len(skipped) > 0
    assert skipped[0][0].get("message") == "too short: - an hour (-), limit +8.0 MiB"


def test_a_table_shows_so_many_rows_and_counts_the_rest(tmp_path: Path) -> None:
    many = [RIGHT | {"count": f"thing {n}"} for n in range(ROWS_MAX + 3)]
    page, _ = soak(tmp_path, counts=many)
    assert f"thing {ROWS_MAX - 1}</th>" in page and f"thing {ROWS_MAX}</th>" not in page
    assert "And 3 more." in page


def test_of_many_fleets_the_largest_are_drawn_and_the_rest_is_counted() -> None:
    asked = Asked(9_000, 900.0)
    names = ("SITE1", "LOGON1", "LOGON2", *asked.fleets)
    rows = [
        {"seconds": "1", "process": name, "started": "1", "resource": RESIDENT}
        | {"value": str((9 if name == "FLEET8" else 1) * 1e6)}
        for name in names
    ]
    result = SoakResult(12, {"verdict": "v", "warm_up_s": 2.0, "exit_code": 12}, [], [])
    page = page_of("name", asked, result, course_of(rows, asked))
    lines = [line.name for line in page.charts[0].lines]
    assert len(lines) == LINES_MAX and {"SITE1", "LOGON1", "LOGON2", "FLEET8"} <= set(lines)
    assert page.charts[0].note.endswith("; 5 more fleets use less")
