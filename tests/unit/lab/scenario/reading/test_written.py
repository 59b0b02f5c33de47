"""A scenario as a file again: the same scenario, and with a command line's changes the same run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from despoolr_lab.scenario.reading.load import load_scenario, parse_scenario
from despoolr_lab.scenario.reading.written import baked, copy_of, to_toml
from despoolr_lab.scenario.run import RunOptions, run_scenario
from despoolr_lab.toml.shipped_files import shipped_directory
from worlds.scenario import blocked_update, scenario

SHIPPED = sorted(p for p in shipped_directory().rglob("*.toml") if p.parent.name != "load")


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_every_scenario_that_comes_with_despoolr_is_read_back_as_it_was_written(path: Path) -> None:
    found = load_scenario(path)
    again = parse_scenario(to_toml(found, "one line\nand another"))
    assert msgspec.to_builtins(again) == msgspec.to_builtins(found)
    assert parse_scenario(to_toml(found, is_short=True)) == found


def test_a_short_file_has_no_key_that_says_a_default() -> None:
    said = """
        name = "short"
        title = "Short"
        site = [{ code = "BPC", version = "1.1" }]
        server = [{ name = "LOGON1", roles = ["logon", "distribution"] }]
        package = [{ name = "OFFICE" }]
        step = [{ do = "job", at = "0s", name = "FIRST", package = "OFFICE", machines = ["*"] }]
    """
    short = to_toml(parse_scenario(said), is_short=True)
    assert not [key for key in ("site", "server", "machines", "run") if key in short]
    assert '{ do = "job", at = "0s", name = "FIRST", package = "OFFICE" }' in short


def test_the_content_of_files_comes_back_to_the_last_character() -> None:
    texts = {"a.dat": "one\r\ntwo\n", "b.dat": '"""', "c.dat": "\\ and 'quotes'", "d.dat": ""}
    staged = scenario()
    staged.package[0].files = texts
    assert parse_scenario(to_toml(staged)).package[0].files == texts


def test_options_are_written_into_the_file_and_it_gives_the_same_run_alone() -> None:
    staged = blocked_update(hours=6, expect=[])
    options = RunOptions(version="1.2", bug=("Q152229",), overrides={"attempts_max": 2}, seed=5)
    run = run_scenario(copy_of(staged), options)
    alone = run_scenario(parse_scenario(to_toml(baked(staged, options))), RunOptions())
    assert (alone.digest, alone.version, alone.seed) == (run.digest, "1.2", 5)
    assert len(alone.records) > 100


@pytest.mark.parametrize(("for_s", "last"), [(1800.0, "1800.0s"), (30 * 3600.0, "")])
def test_a_run_that_is_made_shorter_or_longer_can_be_read_and_made_again(
    for_s: float, last: str
) -> None:
    staged = blocked_update(hours=24)
    options = RunOptions(for_s=for_s)
    run = run_scenario(copy_of(staged), options)
    again = parse_scenario(to_toml(baked(staged, options)))
    alone = run_scenario(copy_of(again), RunOptions())
    assert (again.run.stop_after, again.end - again.start) == (last, for_s)
    assert (alone.digest, alone.virtual_s) == (run.digest, run.virtual_s)
    assert baked(again, RunOptions(for_s=90 * 3600.0)).run.stop_after == ""


def test_baking_changes_nothing_of_what_it_was_given() -> None:
    staged = blocked_update(hours=6, expect=[])
    before = msgspec.to_builtins(staged)
    found = baked(staged, RunOptions(clients=1, for_s=3600.0, overrides={"attempts_max": 2}))
    assert (found.run.for_, found.run.stop_after) == ("6h", "3600.0s")
    assert found.site[0].profile == {"attempts_max": 2}
    assert msgspec.to_builtins(staged) == before


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_a_copy_is_equal_and_shares_nothing_that_can_be_changed(path: Path) -> None:
    found = load_scenario(path)
    again = copy_of(found)
    assert again == found
    assert not {*_changeable(found)} & {*_changeable(again)}


def _changeable(value: Any) -> Iterator[int]:
    """The identities of all lists, dicts and structs in it."""
    if isinstance(value, msgspec.Struct):
        yield id(value)
        for name in value.__struct_fields__:
            yield from _changeable(getattr(value, name))
    elif isinstance(value, list | dict):
        yield id(value)
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _changeable(inner)


def test_a_run_may_end_early_once_no_step_is_left() -> None:
    staged = blocked_update(
        hours=48, expect=[{"that": "job", "job": "UPDATE", "status": "Retrying"}]
    )
    asked: list[float] = []

    def until(now: float) -> bool:
        asked.append(now)
        return len(asked) == 3

    run = run_scenario(staged, RunOptions(), until=until)
    assert run.virtual_s < 24 * 3600
    assert [finding.ok for finding in run.findings] == [True]
