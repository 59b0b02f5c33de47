"""A file that nobody closed is open at the end of a run, whoever is asked about it."""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_app.runs.directory import FinishedRun, latest
from despoolr_core.records.kinds.run import RunEnded
from despoolr_core.records.kinds.share import OpenClosed, OpenGranted
from despoolr_core.records.stream import of
from worlds.answer import data_of
from worlds.process import Workshop


@pytest.fixture
def run(workshop: Workshop) -> Any:
    """A run whose update is refused until the site gives up; its JSON."""
    done = workshop.run("kb", "run", "Q147819", "--version", "1.1", "--json")
    assert done.returncode == 0, done.stderr
    return data_of(done.stdout)


def test_the_end_of_a_run_is_its_last_record_and_closes_nothing(
    workshop: Workshop, run: Any
) -> None:
    records = list(FinishedRun(latest(workshop.path / "runs")).records())
    assert records[-1].data == RunEnded(reason="time up")
    assert run["records"] == len(records)
    granted = {
        (fact.server, fact.open) for _, fact in of(records, OpenGranted) if fact.program != ""
    }
    closed = {(fact.server, fact.open) for _, fact in of(records, OpenClosed)}
    assert granted - closed, "the file that was in the way was never closed"


def test_all_who_tell_of_it_say_that_nobody_closed_it(workshop: Workshop, run: Any) -> None:
    told = run["episodes"]
    why = workshop.json("why", "latest")
    assert [(row["episode"], row["holds"]) for row in why["episodes"]] == [
        (row["episode"], row["holds"]) for row in told
    ]
    holder = next(hold for row in told for hold in row["holds"] if hold["released_at"] is None)
    last = FinishedRun(latest(workshop.path / "runs"))
    at = max(record.at for record in last.records())
    rows = workshop.json("locks", "latest", "--at", f"{at:.0f}")["locks"]
    assert any(row["machine"] == holder["machine"] and row["closed_at"] is None for row in rows), (
        rows
    )
    page = (last.path / "report.html").read_text("utf-8")
    assert "never closed" in page
    assert "is closed now" not in workshop.run("why", "latest").stdout
