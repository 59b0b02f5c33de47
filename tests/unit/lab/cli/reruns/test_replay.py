"""`despoolr replay`: a kept run made again, and where it parts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from despoolr.console import run

Said = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def kept(here: None) -> None:
    """A run of a world, with a behaviour set."""
    assert run(["run", "shared.toml", "--seed", "3", "--set", "copy_strategy=temp_and_rename"]) == 0


def records() -> Path:
    return Path("runs/latest/records.jsonl")


def test_a_kept_run_comes_out_the_same(capsys: Said) -> None:
    assert run(["replay", "latest"]) == 0
    said = capsys.readouterr().out
    count = len(records().read_text().splitlines())
    assert f"the same {count} records" in said
    assert json.loads(Path("runs/latest/summary.json").read_text())["digest"] in said


def test_the_first_record_that_differs_is_told_with_its_fields(capsys: Said) -> None:
    lines = records().read_text().splitlines()
    at = next(n for n, line in enumerate(lines) if '"job.status"' in line and "Active" in line)
    lines[at] = lines[at].replace('"status":"Active"', '"status":"Failed"')
    records().write_text("\n".join(lines) + "\n")
    capsys.readouterr()
    assert run(["replay"]) == 1
    said = capsys.readouterr().out
    assert f"{at} records are the same; number {at + 1} is not" in said
    assert "status: Failed -> Active" in said
    assert run(["replay", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)["data"]
    assert (told["same"], told["first"]["record"]) == (False, at + 1)
    assert told["first"]["fields"] == [{"name": "status", "kept": "Failed", "now": "Active"}]


@pytest.mark.parametrize("is_longer", [True, False])
def test_a_record_more_or_less_is_a_difference(is_longer: bool, capsys: Said) -> None:
    lines = records().read_text().splitlines()
    changed = [*lines, lines[-1].replace('"seq":', '"seq":1')] if is_longer else lines[:-1]
    records().write_text("\n".join(changed) + "\n")
    assert run(["replay"]) == 1
    assert "(no more records)" in capsys.readouterr().out


def test_of_an_interrupted_run_all_that_there_is_must_be_the_same(capsys: Said) -> None:
    summary = json.loads(Path("runs/latest/summary.json").read_text())
    summary["interrupted"] = True
    Path("runs/latest/summary.json").write_text(json.dumps(summary))
    records().write_text("\n".join(records().read_text().splitlines()[:20]) + "\n")
    assert run(["replay"]) == 0
    assert "did not come to its end" in capsys.readouterr().out


def test_what_cannot_be_made_again_is_one_line(capsys: Said) -> None:
    assert run(["replay", "nothing"]) == 2
    assert "there is no run 'nothing'" in capsys.readouterr().err
    summary = json.loads(Path("runs/latest/summary.json").read_text())
    Path("runs/latest/summary.json").write_text(json.dumps({**summary, "time": "real"}))
    assert run(["replay"]) == 2
    assert "only virtual time can be repeated" in capsys.readouterr().err
    Path("runs/latest/summary.json").write_text(json.dumps(summary))
    Path("runs/latest/scenario.toml").unlink()
    assert run(["replay"]) == 2
    assert "has no scenario.toml" in capsys.readouterr().err
