"""The table of all articles: every version it speaks of, as it shipped and with its fault
turned.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from despoolr_core.articles import ARTICLES
from despoolr_core.profile import profile_of
from despoolr_lab.cli.runs.running import run_and_keep
from despoolr_lab.kb import matrix
from despoolr_lab.kb.matrix import AS_SHIPPED, BUG, FIX, Cell, CellOutcome
from despoolr_lab.scenario.run import RunOptions


def test_every_article_stands_on_every_version_twice() -> None:
    cells = matrix.cells()
    for kb, article in ARTICLES.items():
        for version in article.versions:
            turned = FIX if article.has_fault(profile_of(version)) else BUG
            assert [c.variant for c in cells if (c.kb, c.version) == (kb, version)] == [
                AS_SHIPPED,
                turned,
            ]
    assert len(cells) == 2 * sum(len(article.versions) for article in ARTICLES.values())


def test_one_version_may_be_asked_for() -> None:
    assert {cell.version for cell in matrix.cells("1.2 SP4")} == {"1.2 SP4"}


def test_a_cell_turns_its_own_article_and_leaves_the_other_options() -> None:
    options = RunOptions(fix=("Q152229",), seed=7)
    assert Cell("Q195936", "1.2", FIX).options(options) == RunOptions(
        version="1.2", fix=("Q152229", "Q195936"), seed=7
    )
    assert Cell("Q195936", "1.2", BUG).options(options) == RunOptions(
        version="1.2", fix=("Q152229",), bug=("Q195936",), seed=7
    )
    assert Cell("Q195936", "1.2", AS_SHIPPED).options(options) == RunOptions(
        version="1.2", fix=("Q152229",), seed=7
    )


@pytest.mark.slow
def test_cells_run_in_processes_of_their_own_and_the_same_seed_gives_the_same_digest(
    tmp_path: Path,
) -> None:
    todo = [Cell("Q195936", "1.2", AS_SHIPPED), Cell("Q195936", "1.2", FIX)]
    first = {o.cell: o for o in matrix.run_all(run_and_keep, todo, RunOptions(), tmp_path, jobs=2)}
    again = {o.cell: o for o in matrix.run_all(run_and_keep, todo, RunOptions(), tmp_path, jobs=1)}
    assert [first[cell].result["digest"] for cell in todo] == [
        again[cell].result["digest"] for cell in todo
    ]
    assert all(outcome.passed and not outcome.wrong for outcome in first.values())
    assert first[todo[1]].result["variant"] == "--fix"
    assert (Path(first[todo[0]].directory) / "report.html").is_file()


def test_worlds_are_cells_of_their_own() -> None:
    seeds = [cell.seed for cell in matrix.cells("1.2", worlds=3) if cell.kb == "Q147819"]
    assert seeds == [1, 2, 3, 1, 2, 3]
    assert matrix.cells("1.2", worlds=3)[1].options(RunOptions(seed=9)).seed == 2
    assert matrix.cells("1.2")[0].options(RunOptions(seed=9)).seed == 9


def test_a_version_without_the_fault_that_its_article_tells_of_is_not_as_microsoft_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def outcome(version: str, variant: str = AS_SHIPPED) -> CellOutcome:
        return CellOutcome(
            Cell("Q153637", version, variant), {"passed": True, "expectations": []}, ""
        )

    assert outcome("1.1").passed and outcome("1.2").passed
    mended = replace(profile_of("1.1"), removal_forgets_netware_name=False)
    monkeypatch.setattr(matrix, "profile_of", lambda _version: mended)
    assert not outcome("1.1").passed
    assert [one["name"] for one in outcome("1.1").wrong] == ["1.1 has the fault of Q153637"]
    assert outcome("1.2").passed and outcome("1.1", FIX).passed
