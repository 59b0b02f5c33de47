"""`despoolr profiles`: every behaviour with the article that says so, and where versions differ."""

from __future__ import annotations

import pytest

from despoolr.console import run
from despoolr_core.profile import FIELDS, PROFILES, profile_of
from worlds.answer import data_of

Said = pytest.CaptureFixture[str]


def test_every_behaviour_is_told_with_its_source_and_its_meaning(capsys: Said) -> None:
    assert run(["profiles"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, meta in FIELDS.items():
        at = lines.index(f"{name}  [{meta['source']}]")
        assert lines[at + 1] == f"    {meta['meaning']}"


def test_versions_that_do_the_same_stand_on_one_line(capsys: Said) -> None:
    assert run(["profiles", "--version", "1.1", "--version", "1.2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("copy_strategy  ["))
    assert [" ".join(line.split()) for line in lines[at + 2 : at + 4]] == [
        "stop_at_first_lock 1.1",
        "delete_then_copy 1.2",
    ]
    at = next(n for n, line in enumerate(lines) if line.startswith("attempts_max  ["))
    assert lines[at + 2].endswith(" all versions")


def test_json_has_each_field_and_each_versions_value(capsys: Said) -> None:
    assert run(["profiles", "--json"]) == 0
    told = data_of(capsys.readouterr().out)
    assert list(told["fields"]) == list(FIELDS) and list(told["profiles"]) == list(PROFILES)
    one = profile_of("1.2")
    assert told["profiles"]["1.2"]["copy_strategy"] == str(one.copy_strategy)
    assert run(["profiles", "--json", "--version", "2.0"]) == 0
    assert list(data_of(capsys.readouterr().out)["profiles"]) == ["2.0"]


def test_a_version_that_never_was_is_one_line_and_exit_code_2(capsys: Said) -> None:
    assert run(["profiles", "--version", "3.0"]) == 2
    said = capsys.readouterr()
    assert "'3.0'" in said.err and len(said.err.splitlines()) == 1 and not said.out
