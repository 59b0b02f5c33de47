"""Worlds that are run and judged: none of ours fails, and the lies that are told here are found."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from despoolr_core.formats.instructions.instruction_file import WIREMOVE
from despoolr_core.records.kinds.run import RunEnded
from despoolr_core.records.kinds.site import InstructionExecuted
from despoolr_core.records.stream import Record
from despoolr_core.share.contract import ShareError
from despoolr_lab.explore.agreement.ending import Ending
from despoolr_lab.explore.agreement.tables import Disagreement
from despoolr_lab.explore.campaign import (
    Exploration,
    explore,
    judge_here,
    moments_as_written,
    rerun_of,
)
from despoolr_lab.explore.judgement import WorldJudgement, broken
from despoolr_lab.explore.rules.breach import Breach
from despoolr_lab.scenario.model import HandleLeaksStep, PutStep, Scenario
from despoolr_lab.scenario.reading.load import load_scenario, parse_scenario
from despoolr_lab.scenario.run import RunOptions
from despoolr_server.site.despooler.copying import steps
from despoolr_server.site.despooler.copying.target import CopyProgress
from despoolr_server.site.loader import service as loader
from worlds.support import REPOSITORY

SMALL = """
name = "small"
title = "A package, its update, and who has it open"

[run]
for = "16h"

[[clients]]
names = ["WS1", "WS2"]
poll_every = "4h"

[[package]]
name = "OFFICE"
files = { "a.dat" = "a", "b.dat" = "b" }

[[step]]
at = "0s"
do = "job"
name = "FIRST"
package = "OFFICE"
type = "share"

[[step]]
at = "50m"
do = "hold"
machine = "WS1"
package = "OFFICE"
file = "b.dat"
for = "3h"

[[step]]
at = "1h"
do = "source"
package = "OFFICE"
files = { "a.dat" = "new a", "b.dat" = "new b" }

[[step]]
at = "1h 1m"
do = "job"
name = "UPDATE"
package = "OFFICE"
type = "share"
send = "even if previously sent"
refresh_existing = true

[[expect]]
that = "job"
job = "UPDATE"
status = "Complete"
"""
OPTIONS = RunOptions()


def small() -> Scenario:
    return parse_scenario(SMALL)


def judged(seeds: Iterable[int]) -> dict[int, WorldJudgement]:
    scenario = small()
    moments = moments_as_written(scenario, OPTIONS)
    found = {}
    for seed in seeds:
        rerun = rerun_of(scenario, OPTIONS, seed, moments)
        found[seed] = judge_here(rerun.scenario, rerun.options)
    return found


def kinds(judgements: dict[int, WorldJudgement]) -> set[str]:
    return {key.kind for judgement in judgements.values() for key in judgement.said}


@pytest.mark.slow
def test_nothing_goes_wrong_in_the_worlds_of_a_scenario() -> None:
    judgements = judged(range(1, 13))
    assert kinds(judgements) == set()
    assert not [one for one in judgements.values() if one.refused]


@pytest.mark.slow
def test_worlds_in_processes_are_the_worlds_here() -> None:
    there = dict(explore(small(), OPTIONS, range(1, 4), jobs=1))
    assert there == judged(range(1, 4))


@pytest.mark.slow
def test_a_refused_open_that_is_forgotten_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = CopyProgress.has_failed

    def forget(self: Any, name: str, error: Any) -> None:
        if not isinstance(error, ShareError) or error.win32 != 32:
            real(self, name, error)

    monkeypatch.setattr(CopyProgress, "has_failed", forget)
    assert "a refused open forgotten" in kinds(judged(range(1, 7)))


@pytest.mark.slow
def test_a_status_that_is_counted_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        loader._Batch, "counts", lambda self, report: self._new.append(report) or True
    )
    again = loader._ADD_LOADED.replace("INSERT", "INSERT OR IGNORE")
    monkeypatch.setattr(loader, "_ADD_LOADED", again)
    assert "a status counted twice" in kinds(judged([2, 17, 50]))


def test_what_is_told_as_installed_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    real = steps.write

    async def lose(target: Any, path: str, data: bytes) -> None:
        if not data.startswith(b"new a"):
            await real(target, path, data)

    monkeypatch.setattr(steps, "write", lose)
    assert [key.kind for key in judge_here(small(), OPTIONS).said] == [
        "told as installed and not there"
    ]


def test_what_a_person_puts_there_is_no_failure() -> None:
    scenario = small()
    scenario.step.append(
        PutStep(at="12h", server="LOGON1", share="SMS_PKGD", path="BPC00001/a.dat", text="x")
    )
    assert judge_here(scenario, OPTIONS).said == {}


def test_a_handle_that_the_file_leaks_is_no_failure() -> None:
    scenario = small()
    scenario.step.append(HandleLeaksStep(at="10h", package="OFFICE", file="a.dat"))
    assert judge_here(scenario, OPTIONS).said == {}


def test_an_expectation_that_fails_is_a_failure_by_its_name() -> None:
    scenario = parse_scenario(SMALL.replace('status = "Complete"', 'status = "Failed"'))
    (key,) = judge_here(scenario, OPTIONS).said
    assert key.kind == "an expectation failed: job UPDATE at the end"
    assert key.strategy == "stop_at_first_lock"


def test_an_exception_is_a_failure_by_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(loader.DataLoader, "cycle", broken)
    (key,) = judge_here(small(), OPTIONS).said
    assert key.kind == "an exception: ZeroDivisionError"
    assert key.program.startswith("despoolr_server/site/services/service.py")


def test_failures_are_told_with_their_first_world_whatever_came_first() -> None:
    scenario = parse_scenario(SMALL.replace('status = "Complete"', 'status = "Failed"'))
    judgement = judge_here(scenario, OPTIONS)
    found = Exploration()
    assert [one.first for one in found.add(9, judgement)] == [9]
    assert found.add(4, judgement) == []
    found.add(7, WorldJudgement(refused="it cannot be"))
    (failure,) = found.in_order()
    assert (failure.worlds, failure.first) == (2, 4)
    told = found.to_json()
    assert (told["worlds"], told["refused"]) == (2, [{"seed": 7, "why": "it cannot be"}])


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "scenarios").glob("**/[dhq]*.toml")), ids=lambda path: path.stem
)
def test_the_gallery_starts_without_a_failure(path: Path) -> None:
    assert judge_here(load_scenario(path), RunOptions(seed=0)).said == {}


@pytest.mark.parametrize(("executed", "is_left"), [(1.0, False), (9.0, True), (None, True)])
def test_a_status_mif_that_came_behind_its_report_is_not_left(
    executed: float | None, is_left: bool
) -> None:
    left = Breach("left in a box: PCK", "00006000.PCK lies in SMS_SITE of SITE1 for hours")
    ending = Ending([Disagreement(left, is_of_rest=True, late=("BPC", "00006000", 5.0))])
    file = "00006000.SNI" if executed is not None else "00007000.SNI"
    fact = InstructionExecuted(file=file, type=WIREMOVE, job="BPC00001", result="Complete")
    records = [
        Record(1, executed or 1.0, "BPC/SMS_DESPOOLER", fact),
        Record(2, 90_000.0, "BPC", RunEnded(reason="time up")),
    ]
    said = list(broken(records, {}, calm=0.0, ending=ending))
    assert said == ([left] if is_left else [])
