"""The words of a scenario: spans, moments, statuses."""

from __future__ import annotations

import pytest

from despoolr_core.times import JOB_STATUSES, moment_s, one_of, span_s
from despoolr_lab.scenario.load import ScenarioError, parse_scenario

SMALL = """
name = "small"
title = "small"
[run]
for = "1h"
[[package]]
name = "OFFICE"
[[step]]
at = "0s"
do = "job"
name = "FIRST"
package = "OFFICE"
[[expect]]
that = "job"
job = "FIRST"
status = "Complete"
"""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90m", 5400.0), ("2d 4h 30m", 189000.0), ("0s", 0.0), ("1.5h", 5400.0), ("1w", 604800.0)],
)
def test_a_span_is_so_many_seconds(text: str, seconds: float) -> None:
    assert span_s(text) == seconds


@pytest.mark.parametrize("text", ["", "1 hour", "h", "-1h", "1h1", "ten minutes"])
def test_what_is_no_span_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="2d 4h"):
        span_s(text)


def test_a_moment_is_a_span_since_the_start_or_a_date() -> None:
    assert moment_s("1h", 100.0) == 3700.0
    assert moment_s("1970-01-01 00:01", 100.0) == 60.0


def test_a_status_that_is_none_is_told_with_the_nearest() -> None:
    one_of("Retrying", JOB_STATUSES, "job status")
    with pytest.raises(ValueError, match="did you mean 'Complete'"):
        one_of("complete", JOB_STATUSES, "job status")
    with pytest.raises(ScenarioError, match="no job status 'Done'"):
        parse_scenario(SMALL.replace('"Complete"', '"Done"'))


@pytest.mark.parametrize("spoilt", ['at = "0s"', "[[expect]]"])
def test_what_comes_after_the_end_of_the_run_is_refused(spoilt: str) -> None:
    later = 'at = "61m"' if spoilt.startswith("at") else '[[expect]]\nat = "61m"'
    with pytest.raises(ScenarioError, match="61m is after the end of the run") as caught:
        parse_scenario(SMALL.replace(spoilt, later))
    assert "61m" in SMALL.replace(spoilt, later).splitlines()[caught.value.line - 1]
