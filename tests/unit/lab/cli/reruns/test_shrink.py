"""`despoolr shrink`: what comes out of a failing world, and of one that does not fail."""

from __future__ import annotations

import json
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from despoolr.console import run
from despoolr_lab.explore import shrink as shrinking

Said = pytest.CaptureFixture[str]
SCENARIO = """\
name = "shared"
title = "A package is shared"

[run]
for = "8h"

[[clients]]
name = "WS{n}"
count = 9

[[package]]
name = "OFFICE"
files = { "a.dat" = "a", "b.dat" = "b" }

[[step]]
do = "job"
at = "0s"
name = "FIRST"
package = "OFFICE"
type = "share"

[[step]]
do = "hold"
at = "1h"
machine = "WS3"
package = "OFFICE"
file = "a.dat"
for = "20m"

[[expect]]
that = "job"
job = "FIRST"
status = "Failed"
"""


@pytest.fixture(autouse=True)
def failing(here: None) -> None:
    Path("shared.toml").write_text(SCENARIO)


@pytest.mark.slow
def test_what_a_failure_does_not_need_is_cut(capsys: Said) -> None:
    assert run(["shrink", "shared.toml", "--to", "small.toml"]) == 0
    small = tomllib.loads(Path("small.toml").read_text())
    assert [step["do"] for step in small["step"]] == ["job"]
    assert not small.get("clients") and not small["package"][0].get("files")
    assert not small.keys() & {"site", "server"} and "machines" not in small["step"][0]
    assert "an expectation failed: job FIRST at the end" in capsys.readouterr().out
    assert "without it: does not fail" in Path("small.toml").read_text()
    assert run(["run", "small.toml"]) == 10


@pytest.mark.slow
def test_a_kept_run_is_made_small_as_well(capsys: Said) -> None:
    assert run(["run", "shared.toml", "--seed", "2"]) == 10
    capsys.readouterr()
    assert run(["shrink", "latest", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["data"]
    assert told["repeatable"] and told["digest"] and told["runs"] > 5
    assert tomllib.loads(told["scenario"])["worlds"]["jitter"] == "off"


@pytest.mark.slow
def test_what_does_not_fail_is_one_line(capsys: Said) -> None:
    Path("fine.toml").write_text(SCENARIO.replace('"Failed"', '"Complete"'))
    assert run(["shrink", "fine.toml"]) == 2
    assert "nothing goes wrong in it" in capsys.readouterr().err
    assert run(["shrink", "shared.toml", "--key", "a lost retry"]) == 2
    assert "nothing called 'a lost retry' goes wrong" in capsys.readouterr().err


def test_a_run_has_its_world_already(capsys: Said) -> None:
    assert run(["run", "shared.toml"]) == 10
    assert run(["shrink", "latest", "--seed", "3"]) == 2
    assert "--seed goes with a scenario" in capsys.readouterr().err


def test_a_run_without_its_scenario_cannot_be_made_smaller(capsys: Said) -> None:
    assert run(["run", "shared.toml"]) == 10
    (kept,) = Path("runs").glob("*-seed0")
    (kept / "scenario.toml").unlink()
    assert run(["shrink", str(kept)]) == 2
    assert f"{kept} has no scenario.toml: it was imported" in capsys.readouterr().err
    shutil.rmtree(kept)
    kept.mkdir()  # no run at all
    assert run(["shrink", str(kept)]) == 2
    assert "scenario.toml" not in capsys.readouterr().err


@pytest.mark.slow
def test_a_file_that_cannot_be_written_is_one_line(capsys: Said) -> None:
    assert run(["shrink", "shared.toml", "--to", "nowhere/small.toml"]) == 2
    assert "cannot write nowhere/small.toml: No such file" in capsys.readouterr().err


@pytest.mark.slow
def test_ctrl_c_leaves_the_smallest_until_then(
    capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shrinking.shrink

    def interrupted(*arguments: Any, **more: Any) -> Iterator[Any]:
        for number, found in enumerate(real(*arguments, **more)):
            yield found
            if number == 3:
                raise KeyboardInterrupt

    monkeypatch.setattr(shrinking, "shrink", interrupted)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert run(["shrink", "shared.toml"]) == 130
    said = capsys.readouterr()
    assert tomllib.loads(said.out)["name"] == "shared" and "smallest until then" in said.err
    assert "0 cuts, 2 steps: an expectation failed" in said.err
