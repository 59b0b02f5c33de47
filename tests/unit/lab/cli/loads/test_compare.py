"""`despoolr compare`: runs that are kept, one or several a side, and what the exit code says."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from despoolr.console import run
from despoolr_lab.cli.loads.compare import FAULTS_MAX, RUNS_MAX
from despoolr_lab.load.measure.histogram import Histogram

Said = pytest.CaptureFixture[str]
SUMMARY: dict[str, Any] = {
    "kind": "load",
    "load": "storm",
    "time": "x60",
    "seed": 1,
    "valid": True,
    "interrupted": False,
    "reasons": [],
    "verdict": "10 clients, 600 polls.",
    "polls": {"max_ms": 9.0, "per_s": 50.0, "failed": 0},
    "refusals": [],
    "settled_s": None,
    "reports": {"sent": 0, "counted": 0},
    "generator": {"cpu_shares": [0.2]},
    "file": {"load": {"for": "5m"}, "clients": [{"name": "A", "count": 10}]},
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def keep(name: str, ms: float, seconds: int = 12, **changes: Any) -> None:
    chance = Random(name)
    told = []
    for _ in range(seconds):
        second = Histogram()
        for _ in range(50):
            second.add(ms * chance.uniform(0.9, 1.1) / 1e3)
        told.append(second.to_json())
    directory = Path("runs") / name
    directory.mkdir(parents=True)
    (directory / "summary.json").write_bytes(msgspec.json.encode(SUMMARY | changes))
    (directory / "seconds.json").write_bytes(msgspec.json.encode(told))


@pytest.mark.parametrize(
    ("ms", "seconds", "code", "says"),
    [
        (10.0, 12, 10, "Differences that matter: poll p50 (worse)"),
        (2.0, 12, 0, "Differences that matter: poll p50,"),
        (5.0, 12, 0, "No difference matters"),
        (10.0, 9, 12, "No difference matters"),
    ],
    ids=["worse", "better", "alike", "too short"],
)
def test_the_exit_code_says_whether_the_second_side_is_worse(
    ms: float, seconds: int, code: int, says: str, capsys: Said
) -> None:
    keep("before", 5.0)
    keep("after", ms, seconds)
    assert run(["compare", "before", "after"]) == code
    assert says in capsys.readouterr().out
    assert run(["compare", "before", "after", "--json"]) == code
    data = msgspec.json.decode(capsys.readouterr().out)["data"]
    assert data["exit_code"] == code and bool(data["worse"]) == (code == 10)


def test_several_runs_a_side_are_told_and_each_must_be_alike(capsys: Said) -> None:
    for name, ms in (("a1", 5.0), ("a2", 5.4), ("b1", 8.0), ("b2", 9.0)):
        keep(name, ms)
    assert run(["compare", "a1,a2", "b1,b2"]) == 10
    said = capsys.readouterr().out
    assert "A: a2: 10 clients" in said and "B: b2" in said
    assert "as far as one run each can tell" not in said
    keep("odd", 9.0, time="real")
    assert run(["compare", "a1,a2", "b1,odd"]) == 2
    assert "time is x60 in A and real in B" in capsys.readouterr().err


@pytest.mark.slow
def test_a_side_has_as_many_runs_as_stated_and_no_more(capsys: Said) -> None:
    names = [f"a{number}" for number in range(RUNS_MAX + 1)]
    for name in (*names, "b"):
        keep(name, 5.0, 10)
    assert run(["compare", ",".join(names[:-1]), "b"]) == 0
    assert run(["compare", ",".join(names), "b"]) == 2
    assert f"1 to {RUNS_MAX} runs with commas between" in capsys.readouterr().err
    assert run(["compare", "a", ","]) == 2


def test_a_run_counts_once_a_side(capsys: Said) -> None:
    """Said twice, a run would lie as close together as no two runs do."""
    keep("a", 5.0)
    keep("b", 6.0)
    assert run(["compare", "a,./runs/a", "b,b"]) == 2
    assert "a is given twice" in capsys.readouterr().err


def test_each_run_is_shown_with_what_was_broken_in_it(capsys: Said) -> None:
    fault = {"fault": "disk_full", "where": "LOGON1\\SMS_PKGD", "began_s": 60.0, "ended_s": 180.0}
    file = {**SUMMARY["file"], "fault": [{"fault": "disk_full", "at": "1m", "server": "LOGON1"}]}
    keep("before", 5.0)
    keep("after", 5.0, faults=[fault], file=file)
    assert run(["compare", "before", "after"]) == 2
    assert "broken on purpose is nothing in A, disk_full at 1m" in capsys.readouterr().err
    assert run(["compare", "before", "after", "--anyway"]) == 0
    said = capsys.readouterr().out
    after = said.index("B: after")
    assert said.index("broken on purpose: disk_full, LOGON1\\SMS_PKGD: 1:00 to 3:00") > after
    assert run(["compare", "before", "after", "--anyway", "--json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out)["data"]["faults"] == {
        "before": [],
        "after": [fault],
    }
    keep("many", 5.0, faults=[fault] * (FAULTS_MAX + 2), file=file)
    assert run(["compare", "after", "many"]) == 0
    assert "broken on purpose: 2 more" in capsys.readouterr().out
