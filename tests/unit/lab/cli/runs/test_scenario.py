"""`despoolr scenario new | lint` at the command line."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from despoolr.console import run
from worlds.mistakes import BASE

Said = pytest.CaptureFixture[str]


def test_a_new_scenario_is_written_with_its_schema_and_is_clean(
    tmp_path: Path, capsys: Said
) -> None:
    file = tmp_path / "mine.toml"
    assert run(["scenario", "new", str(file)]) == 0
    first, *_ = file.read_text("utf-8").splitlines()
    schema = json.loads((tmp_path / first.removeprefix("#:schema ./")).read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(tomllib.loads(file.read_text("utf-8")))
    assert run(["scenario", "lint", str(file)]) == 0
    assert "everything is used" in capsys.readouterr().out


def test_what_is_there_is_not_written_over(tmp_path: Path, capsys: Said) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("mine", encoding="utf-8")
    assert run(["scenario", "new", str(file)]) == 2
    assert "exists" in capsys.readouterr().err
    assert file.read_text("utf-8") == "mine"
    assert run(["scenario", "new", str(tmp_path / "no" / "mine.toml")]) == 2


def test_remarks_come_with_file_and_line_in_the_order_of_the_file(
    tmp_path: Path, capsys: Said
) -> None:
    file = tmp_path / "base.toml"
    file.write_text(BASE, encoding="utf-8")
    assert run(["scenario", "lint", str(file)]) == 10
    out = capsys.readouterr().out.splitlines()
    assert out == [
        f"{file}:8:1: never used: clients PC2: no step, no job and no expectation names them",
        f"{file}:13:1: never used: program SETUP.EXE: no job has it as its command",
        f"{file}:22:1: never checked: hold of a.dat by PC1: no episode and no open is expected of "
        "it",
    ]
    assert run(["scenario", "lint", str(file), "--json"]) == 10
    told = json.loads(capsys.readouterr().out)
    assert [remark["line"] for remark in told["data"]["remarks"]] == [8, 13, 22]


def test_a_file_with_a_mistake_is_told_of_the_mistake(tmp_path: Path, capsys: Said) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(BASE.replace("that =", "taht ="), encoding="utf-8")
    assert run(["scenario", "lint", str(file)]) == 2
    assert f"{file}:" in capsys.readouterr().err
