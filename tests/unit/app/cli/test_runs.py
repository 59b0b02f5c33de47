"""`despoolr runs`: what is listed, and that nothing goes unasked."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from despoolr_app.cli.runs import command
from despoolr_app.runs.directory import RunDirectory
from worlds.answer import data_of


def ask(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(command, words, catch_exceptions=False)
    return done.exit_code, done.output


@pytest.fixture
def kept(tmp_path, monkeypatch) -> list[str]:
    """Three runs; the first is the oldest."""
    monkeypatch.chdir(tmp_path)
    names = []
    for second in range(3):
        with RunDirectory.create(Path("runs"), f"20261129T00000{second}Z", "story", 1) as run:
            run.write_summary({"passed": second > 0, "kb": "Q147819", "verdict": "\x1b[31mwho"})
        names.append(run.path.name)
    return names


def test_runs_are_listed_with_state_and_size(kept):
    code, said = ask("list", "--limit", "2")
    assert code == 0 and kept[2] in said and kept[1] in said and kept[0] not in said
    assert "passed" in said and "3 runs in runs, 1 of them not shown" in said


def test_the_list_as_json_has_bytes_and_moments(kept):
    told = data_of(ask("list", "--json")[1])
    assert [run["name"] for run in told["runs"]] == kept[::-1]
    assert told["size"] == sum(run["size"] for run in told["runs"]) > 0


def test_a_run_is_shown_with_its_verdict_and_where_to_read_on(kept):
    code, said = ask("show")
    assert code == 0 and kept[2] in said and f"despoolr why {kept[2]}" in said
    assert "\x1b" not in said and "who" in said


def test_nothing_is_removed_unasked(kept):
    code, said = ask("rm", kept[0])
    assert code == 2 and "--yes" in said and Path("runs", kept[0]).is_dir()
    assert ask("gc", "--keep", "1")[0] == 2 and Path("runs", kept[0]).is_dir()


def test_runs_are_removed_and_collected(kept):
    code, said = ask("rm", "latest", "--yes")
    assert code == 0 and said.startswith(f"Removed {kept[2]}")
    assert ask("gc", "--keep", "1", "--yes")[0] == 0
    assert [path.name for path in Path("runs").iterdir() if not path.is_symlink()] == [kept[1]]
    assert ask("gc", "--keep", "1")[1].startswith("Nothing to remove")


def test_what_was_removed_is_told_as_json(kept):
    code, said = ask("rm", kept[0], "--json", "--yes")
    told = data_of(said)
    assert code == 0 and told["removed"] == [kept[0]] and told["size"] > 0
    assert data_of(ask("gc", "--keep", "1", "--json", "--yes")[1])["removed"] == [kept[1]]
    assert data_of(ask("gc", "--keep", "1", "--json")[1]) == {
        "removed": [],
        "going_on": [],
        "size": 0,
    }


def test_an_unknown_run_is_told_the_nearest(kept):
    code, said = ask("show", "latset")
    assert code == 2 and "did you mean 'latest'" in said
