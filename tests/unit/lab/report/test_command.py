"""`despoolr report`: which run, what is written, how it fails."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from despoolr_app.runs.directory import RunDirectory
from despoolr_core.records.stream import encode
from despoolr_core.records.whatif.ladder import FIXES, Ladder, LadderRow, told
from despoolr_lab.cli.report import command
from worlds.answer import data_of
from worlds.report import blocked_update


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    root = tmp_path / "runs"
    with RunDirectory.create(root, "19960603T080000Z", "made-up", 1) as run:
        for record in blocked_update():
            run.listener(record)
        run.write_summary({"verdict": "WS1 did it.", "scenario": "made-up"})
    return root


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_the_latest_run_gets_a_report_and_its_path_is_printed(runs: Path) -> None:
    result = run("--out", runs)
    path = Path(result.stdout.strip())
    assert result.exit_code == 0 and path.name == "report.html" and path.parent.parent == runs
    assert "WS1 did it." in path.read_text(encoding="utf-8")


def test_json_is_one_object_that_names_run_and_report(runs: Path) -> None:
    said = data_of(run("--out", runs, "--json").stdout)
    assert said["run"] == "19960603T080000Z-made-up-seed1" and said["records"] == len(
        blocked_update()
    )
    assert Path(said["report"]).is_file()


def test_text_prints_and_writes_nothing(runs: Path) -> None:
    result = run("--out", runs, "--text")
    assert result.stdout.startswith("VERDICT  WS1 did it.") and not list(runs.rglob("report.html"))


def test_a_killed_run_without_a_summary_still_has_a_report(runs: Path) -> None:
    directory = runs / "19960603T080000Z-made-up-seed1"
    (directory / "summary.json").unlink()
    assert run(directory).exit_code == 0
    assert "SMS_DESPOOLER on SITE1 was refused b.dat 12 times" in (
        directory / "report.html"
    ).read_text(encoding="utf-8")


def test_an_unknown_run_is_one_line_and_exit_2(runs: Path) -> None:
    result = run("nope", "--out", runs)
    assert (
        result.exit_code == 2
        and "no run 'nope'" in result.stderr
        and len(result.stderr.strip().splitlines()) == 1
    )


def test_records_of_another_make_are_one_line_and_exit_2(runs: Path) -> None:
    directory = runs / "19960603T080000Z-made-up-seed1"
    (directory / "records.jsonl").write_text(
        '{"seq":1,"at":1.0,"actor":"A","kind":"open.granted","data":{"server":"L"}}\n'
    )
    result = run(directory)
    assert result.exit_code == 2 and "not as this version writes them" in result.stderr


def test_an_empty_run_is_one_line_and_exit_2(runs: Path) -> None:
    directory = runs / "19960603T080000Z-made-up-seed1"
    (directory / "records.jsonl").write_bytes(b"")
    assert run(directory).exit_code == 2


def test_markdown_is_a_file_of_its_own(runs: Path) -> None:
    path = Path(run("--out", runs, "--markdown").stdout.strip())
    assert path.name == "report.md" and path.read_text(encoding="utf-8").startswith("# made-up")


def test_a_what_if_beside_the_run_is_quoted_in_every_form(runs: Path) -> None:
    directory = runs / "19960603T080000Z-made-up-seed1"
    row = LadderRow("copying aside", "setting", FIXES, worlds=1, held=1)
    ladder = Ladder("runs/x", "through", "not through", (row,))
    ladder = msgspec.structs.replace(ladder, sentence=told(ladder))
    (directory / "whatif.json").write_bytes(msgspec.json.encode(ladder))
    assert "REMEDY   Copying aside would have" in run(directory, "--text").stdout
    for option in ("--markdown", "--json"):
        assert run(directory, option).exit_code == 0
    for name in ("report.html", "report.md"):
        assert "Copying aside would have" in (directory / name).read_text(encoding="utf-8")


def test_a_time_that_no_calendar_has_is_one_line_and_exit_2(runs: Path) -> None:
    first, *others = blocked_update()
    records = [first, *(msgspec.structs.replace(one, at=1e18) for one in others)]
    directory = runs / "19960603T080000Z-made-up-seed1"
    (directory / "records.jsonl").write_bytes(b"".join(encode(r) + b"\n" for r in records))
    for form in ((), ("--text",), ("--markdown",)):
        result = run(directory, *form)
        assert result.exit_code == 2 and len(result.stderr.strip().splitlines()) == 1
