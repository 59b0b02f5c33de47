"""`despoolr kb`: the articles as a list, one of them as a story, and the runs that hold them to
what they say.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from despoolr.console import run
from despoolr_core.articles import ARTICLES
from despoolr_lab.cli.runs import running
from despoolr_lab.cli.runs.running import Interrupted
from despoolr_lab.kb import gallery, matrix
from despoolr_lab.kb.matrix import AS_SHIPPED, BUG, FIX, Cell, CellOutcome
from despoolr_lab.scenario.reading.load import load_scenario
from worlds.answer import data_of

Said = pytest.CaptureFixture[str]
WRONG = {"name": "job UPDATE at the end", "expected": "Failed", "actual": "Active", "ok": False}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are kept below the working directory."""
    monkeypatch.chdir(tmp_path)


def outcome(cell: Cell, *wrong: dict[str, Any]) -> CellOutcome:
    verdict = f"SMS {cell.version} did as it does."
    result = {"kb": cell.kb, "passed": not wrong, "verdict": verdict, "expectations": list(wrong)}
    return CellOutcome(cell, result, f"runs/{cell.variant}")


def runs_give(
    monkeypatch: pytest.MonkeyPatch, *outcomes: CellOutcome, ctrl_c: bool = False
) -> None:
    """`kb run --all` gets these instead of running; then Ctrl-C, if one says so."""

    def run_all(*_: Any, **__: Any) -> Iterator[CellOutcome]:
        yield from outcomes
        if ctrl_c:
            raise KeyboardInterrupt

    monkeypatch.setattr(
        matrix, "cells", lambda _version, _worlds: [outcome.cell for outcome in outcomes]
    )
    monkeypatch.setattr(matrix, "run_all", run_all)


def test_the_list_names_every_article_its_versions_and_what_decides_it(capsys: Said) -> None:
    assert run(["kb", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for kb, article in ARTICLES.items():
        at = lines.index(f"  {kb}  {article.title}")
        assert lines[at + 1].endswith(f"decided by {', '.join(sorted(article.fix))}")
        above = [line for line in lines[:at] if line and not line.startswith(" ")]
        assert above[-1] == f"{article.topic}:"
    facts = lines[lines.index("  Q195936  " + ARTICLES["Q195936"].title) + 1].strip()
    assert facts == (
        "fault in 1.2, 1.2 SP1, 1.2 SP2, 1.2 SP3, 1.2 SP4, not in 1.2 SP4 + hotfixes; "
        "remedy: hotfix; decided by retry_keeps_refresh"
    )
    assert lines[-1] == "Try: despoolr kb run Q147819 --version 1.1"


def test_the_list_as_json_says_which_fields_cure_which_version(capsys: Said) -> None:
    assert run(["kb", "list", "--json"]) == 0
    told = {row["kb"]: row for row in data_of(capsys.readouterr().out)}
    assert list(told) == list(ARTICLES)
    assert told["Q147819"]["cured_by"]["1.2"] == {
        "use_forced_disconnect": True,
        "forced_disconnect_restores_rights": True,
    }
    assert told["Q147819"]["cured_by"]["1.1"] == ARTICLES["Q147819"].fix
    assert set(told["Q152229"]["cured_by"]) == {"1.0", "1.1"}, "1.2 does not have the fault"


def test_an_article_is_shown_with_its_story_its_switch_and_what_is_expected(capsys: Said) -> None:
    assert run(["kb", "show", "195936"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Q195936: {ARTICLES['Q195936'].title}"
    assert "  SMS 1.2 has the fault" in lines
    assert "  SMS 1.2 SP4 + hotfixes does not have it" in lines
    assert "Without the fault: retry_keeps_refresh = True." in lines
    only = "  (only when retry_keeps_refresh = True)"
    assert f"  - the first server is refreshed by the retry{only}" in lines
    assert "Remedy (hotfix): install the hotfix of 28 September 1998 (Smsinst.dll)." in lines
    assert Path(lines[-1].removeprefix("Scenario: ")).is_file()


def test_an_article_is_as_wide_as_the_terminal(
    capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run(["kb", "show", "Q147819"]) == 0
    *lines, scenario = capsys.readouterr().out.splitlines()
    assert scenario.startswith("Scenario: ") and max(map(len, lines)) < 80


def test_an_article_is_shown_as_json(capsys: Said) -> None:
    assert run(["kb", "show", "Q195936", "--json"]) == 0
    told = data_of(capsys.readouterr().out)
    assert told["story"] == load_scenario(gallery.entry("Q195936")[1]).story.strip()
    assert told["cured_by"]["1.2"] == {"retry_keeps_refresh": True}
    assert {
        "name": "the first server is refreshed by the retry",
        "when": {"retry_keeps_refresh": True},
    } in told["expected"]
    assert Path(told["scenario"]).is_file()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "Q1"), "no article 'Q1' (despoolr kb list shows them)"),
        (("run", "Q147891"), "no article 'Q147891'; did you mean 'Q147819'?"),
        (("run",), "name an article, or say --all (despoolr kb list shows them)"),
        (("run", "Q195936", "--all"), "name an article, or say --all"),
        (("run", "--all", "--fix"), "--all runs every article with its fix as well"),
        (("run", "Q195936", "--set", "x"), "--set takes FIELD=VALUE, not 'x'"),
        (("run", "Q195936", "--version", "3.0"), "3.0"),
        (("run", "Q195936", "--time", "soon"), "is not real, virtual or xN"),
        (("run", "Q195936", "--clients", "-1"), "--clients takes 0 to 100,000, not -1"),
        (("run", "Q195936", "--clients", "100001"), "--clients takes 0 to 100,000, not 100,001"),
        (("run", "Q195936", "--for", "0s"), "--for takes 1s to 36525d, not 0s"),
        (("run", "Q195936", "--for", "36526d"), "--for takes 1s to 36525d, not 36526d"),
    ],
)
def test_what_cannot_be_run_is_one_line_and_exit_code_2(
    capsys: Said, arguments: tuple[str, ...], says: str
) -> None:
    assert run(["kb", *arguments]) == 2
    said = capsys.readouterr()
    assert says in said.err and len(said.err.splitlines()) == 1 and not said.out
    assert not Path("runs").exists()


@pytest.mark.slow
def test_an_article_holds_as_shipped_and_its_fix_takes_the_fault_out(capsys: Said) -> None:
    assert run(["kb", "run", "Q195936", "--version", "1.2"]) == 0
    said = capsys.readouterr()
    assert "forgot to refresh DIST1 and DIST2" in " ".join(said.out.split())
    assert "EXPECTATIONS  14 of 14 hold" in said.out and ": 100%, day 0" in said.err
    report = said.out.splitlines()[-1].removeprefix("report: ")
    assert Path(report).is_file()
    # without a number it is this article that is fixed
    assert run(["kb", "run", "195936", "--version", "1.2", "--json", "--fix"]) == 0
    fixed = capsys.readouterr()
    told = data_of(fixed.out)
    assert told["passed"] and told["kb"] == "Q195936" and not fixed.err
    assert told["verdict"].endswith("the retry refreshed the distribution servers.")


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_an_interrupted_article_tells_what_there_was_and_exits_130(
    capsys: Said, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    summary = {"verdict": "Interrupted after 1 h.", "expectations": [], "interrupted": True}

    def run_and_keep(*_: Any, **__: Any) -> Any:
        raise Interrupted(summary, [], Path("runs/one"))

    monkeypatch.setattr(running, "run_and_keep", run_and_keep)
    assert run(["kb", "run", "Q195936", *options]) == 130
    said = capsys.readouterr()
    assert said.err == "despoolr: interrupted; what was recorded until then is kept\n"
    if options:
        assert json.loads(said.out)["data"] == summary
    else:
        assert "Interrupted after 1 h." in said.out
        assert said.out.endswith("report: runs/one/report.html\n")


@pytest.mark.slow
def test_all_runs_what_it_says_in_processes_of_their_own(
    capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = [cell for cell in matrix.cells("1.2") if cell.kb == "Q195936"]
    monkeypatch.setattr(matrix, "cells", lambda version, _worlds: two if version == "1.2" else [])
    assert run(["kb", "run", "--all", "--version", "1.2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"Q195936   {ARTICLES['Q195936'].title}" in lines
    assert "1.2 yes yes --fix yes" in [" ".join(line.split()) for line in lines]
    assert lines[-1].startswith("2 of 2 runs were as Microsoft said")
    assert len(list(Path("runs").glob("*/report.html"))) >= 2


def test_the_table_says_which_cell_is_not_as_microsoft_said_and_exits_10(
    capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped, turned = Cell("Q152229", "1.1", AS_SHIPPED), Cell("Q152229", "1.1", FIX)
    third, fourth = Cell("Q152229", "1.2", AS_SHIPPED), Cell("Q152229", "1.2", BUG)
    done = (outcome(fourth), outcome(turned, WRONG), outcome(third), outcome(shipped))
    runs_give(monkeypatch, *done)
    monkeypatch.setattr(matrix, "cells", lambda _version, _worlds: [shipped, turned, third, fourth])
    assert run(["kb", "run", "--all"]) == 10
    lines = capsys.readouterr().out.splitlines()
    table = [" ".join(line.split()) for line in lines if "--fix" in line or "--bug" in line]
    assert table == [
        "1.1 yes yes --fix NO",
        "--fix, NOT: job UPDATE at the end: expected Failed, found Active (runs/--fix)",
        "1.2 no yes --bug yes",
    ]
    assert sum("did as it does." in line for line in lines) == 1, "what 1.2 says, 1.1 said"
    assert lines[-1].startswith("3 of 4 runs were as Microsoft said")


def test_all_as_json_is_every_result_in_the_order_of_the_table(
    capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped, turned = Cell("Q152229", "1.1", AS_SHIPPED), Cell("Q152229", "1.1", FIX)
    runs_give(monkeypatch, outcome(turned, WRONG), outcome(shipped))
    monkeypatch.setattr(matrix, "cells", lambda _version, _worlds: [shipped, turned])
    assert run(["kb", "run", "--all", "--json"]) == 10
    assert [row["passed"] for row in json.loads(capsys.readouterr().out)["data"]] == [True, False]


def test_interrupted_under_way_the_table_shows_the_pairs_that_are_whole(
    capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = [outcome(Cell("Q152229", "1.1", variant)) for variant in (AS_SHIPPED, FIX)]
    alone = outcome(Cell("Q195936", "1.2", AS_SHIPPED))
    runs_give(monkeypatch, *pair, alone, ctrl_c=True)
    assert run(["kb", "run", "--all"]) == 130
    said = capsys.readouterr()
    assert said.err == "despoolr: interrupted after 3 of 3 runs\n"
    assert "Q152229   " in said.out and "Q195936" not in said.out


def test_interrupted_before_the_first_run_is_over_there_is_no_table(
    capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs_give(monkeypatch, ctrl_c=True)
    assert run(["kb", "run", "--all"]) == 130
    assert not capsys.readouterr().out
