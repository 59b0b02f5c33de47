"""Who ran a package's program, and what is true of a job that runs one."""

from __future__ import annotations

import pytest

from despoolr_core.records.kinds.client import ResultReported
from despoolr_core.records.kinds.site import DetailStatusChanged, JobStatusChanged
from worlds.versions import Story, updated


def test_who_ran_the_program_meanwhile_is_told_with_what_lay_there() -> None:
    story = updated().at(3).run("WS1").at(4).run("WS9", server="ELSEWHERE")
    (run,) = story.folder().runs
    assert (run.machine, run.state, run.is_whole) == ("WS1", "mixed", False)


def test_a_job_that_runs_a_program_is_true_on_the_machines_that_ran_it_from_new_files() -> None:
    story = Story().record(
        JobStatusChanged(job="J9", status="Active", was="Pending", reason="", package="P")
    )
    story.install("J1", "a.dat", "b.dat").at(1).run("WS1")
    story.at(2).begin("J2").copy("a.dat").say("b.dat", "refused").end("refused").at(3).run("WS2")
    for machine in ("WS1", "WS2"):
        report = ResultReported(request="R1", package="P", report="1", result="Success")
        story.record(report, machine).record(
            DetailStatusChanged(
                job="J9", detail="Workstation", site="BPC", machine=machine, status="", was=""
            )
        )
    told = [(t.at / 3600, t.new, t.total, t.mixed) for t in story.runs.truth_of("J9")]
    assert told == [(1, 1, 2, 0), (3, 1, 2, 1)]


def test_starts_beyond_the_limit_are_counted_and_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    story = updated()
    monkeypatch.setattr("despoolr_core.records.versions.program_runs.RUNS_MAX", 1)
    story.run("WS1").run("WS2")
    assert len(story.folder().runs) == 1 and story.runs.left_out == 1
