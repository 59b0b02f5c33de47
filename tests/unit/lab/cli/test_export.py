"""`despoolr export`: which run, which file, how it fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from despoolr_app.runs.directory import RunDirectory
from despoolr_lab.cli.export import FORMATS, command
from worlds.answer import data_of
from worlds.report import blocked_update


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An import: it has no seed."""
    root = tmp_path / "runs"
    with RunDirectory.create(root, "19960603T080000Z", "import-smb", None) as run:
        for record in blocked_update():
            run.listener(record)
        run.write_summary({"kind": "import"})
    return root


def export(root: Path, *arguments: object) -> Result:
    return CliRunner().invoke(command, [*map(str, arguments), "--runs", str(root)])


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_writes_its_file_into_the_run_and_prints_its_path(
    root: Path, form: str
) -> None:
    result = export(root, form)
    path = Path(result.stdout.strip())
    assert result.exit_code == 0 and path.name == FORMATS[form] and path.stat().st_size > 200
    assert path.parent.name == "19960603T080000Z-import-smb"


def test_another_table_has_a_file_of_its_own(root: Path) -> None:
    assert export(root, "csv", "--table", "jobs").stdout.strip().endswith("jobs.csv")


def test_json_names_the_file_and_its_size(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine.csv"
    said = data_of(export(root, "csv", "--to", target, "--json").stdout)
    assert said["file"] == str(target) and said["size"] == target.stat().st_size


def test_what_cannot_be_done_is_one_line(root: Path, tmp_path: Path) -> None:
    result = export(root, "perfetto", "--table", "jobs")
    assert result.exit_code == 2 and "--table goes with csv" in result.stderr
    result = export(root, "csv", "--to", tmp_path / "none" / "x.csv")
    assert result.exit_code == 2 and "cannot write" in result.stderr
    assert export(root, "csv", "nope").exit_code == 2
