"""Ctrl-C in the middle of a run: exit code 130, and the report of what there was until then."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from worlds.answer import answer_of
from worlds.process import DEADLINE_S, Process, Workshop
from worlds.support import REPOSITORY


def interrupt_under_way(
    workshop: Workshop, begun: str, *arguments: str, by: int
) -> tuple[Process, Path, dict[str, Any]]:
    """Start a run, press Ctrl-C when it has said `begun`; the process, the run's directory, its
    summary.

    `by` SIGTERM: one that was started with `&`, for which a shell has Ctrl-C ignored.
    """
    before = signal.signal(
        signal.SIGINT, signal.SIG_IGN if by == signal.SIGTERM else signal.default_int_handler
    )
    try:
        process = workshop.start(*arguments, ready=begun)
    finally:
        signal.signal(signal.SIGINT, before)
    process.process.send_signal(by)
    process.process.wait(DEADLINE_S)
    directory = (workshop.path / "runs/latest").resolve()
    return process, directory, json.loads((directory / "summary.json").read_text())


@pytest.mark.parametrize(
    "by", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM in the background"]
)
@pytest.mark.parametrize(
    ("begun", "arguments"),
    [
        (": 0%", ("kb", "run", "Q147819", "--version", "1.1", "--for", "60d")),
        (": 25%", ("run", str(REPOSITORY / "scenarios/demo_live.toml"), "--time", "x2000")),
    ],
    ids=["virtual", "scaled"],
)
def test_an_interrupted_run_exits_130_with_its_report_marked_as_interrupted(
    workshop: Workshop, begun: str, arguments: tuple[str, ...], by: int
) -> None:
    process, directory, summary = interrupt_under_way(workshop, begun, *arguments, by=by)
    assert process.process.returncode == 130, process.said
    assert (
        "Traceback" not in process.said
        and "never awaited" not in process.said
        and "Unclosed" not in process.said
    )
    assert process.said.endswith("despoolr: interrupted; what was recorded until then is kept\n")
    assert summary["interrupted"] and not summary["passed"] and summary["expectations"] == []
    assert summary["verdict"].startswith("Interrupted after ")
    assert "Interrupted after" in (directory / "report.html").read_text("utf-8")
    assert (directory / "logs/BPC/SMSEXEC.LOG").stat().st_size > 0
    why = answer_of(workshop.run("why", "latest", "--json").stdout)
    assert why["notes"] == [], "the records are whole"
    last = json.loads((directory / "records.jsonl").read_text().splitlines()[-1])
    assert (last["kind"], last["data"]) == ("run.ended", {"reason": "ended early"})


def test_a_run_that_was_killed_is_no_answer_but_says_that_it_did_not_end(
    workshop: Workshop,
) -> None:
    scenario = str(REPOSITORY / "scenarios/demo_live.toml")
    process = workshop.start("run", scenario, "--time", "x2000", ready=": 0%")
    process.kill()
    questions = (("why",), ("locks",), ("events",), ("jobs",), ("report", "--text"))
    for question in questions:
        asked = workshop.run(question[0], "latest", *question[1:])
        assert asked.returncode == 0 and "this run did not end" in asked.stderr, asked
    (workshop.path / "runs/latest/records.jsonl").resolve().write_bytes(b"")
    for question in questions:
        asked = workshop.run(question[0], "latest", *question[1:])
        assert (asked.returncode, asked.stdout) == (2, ""), asked
        assert "did not end, and nothing of it was recorded" in asked.stderr
