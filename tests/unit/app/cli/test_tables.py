"""What commands show on terminals of 80, 120 and 200 columns, as it is in `tests/data/tables`.

`DESPOOLR_SNAPSHOTS=write` writes the files anew: read what changed before it is committed.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from despoolr.console import run
from despoolr_app.runs.directory import RunDirectory
from despoolr_core.records.kinds.site import JobStatusChanged
from worlds.report import Site

FILES = Path(__file__).parents[3] / "data" / "tables"
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
COLOURS = re.compile(r"\x1b\[(?:[0-9;]*;)?3[0-7]m")
RUN = "19960603T080000Z-blocked-seed1"
ASKED = {
    "locks": ["locks", RUN],
    "locks_at": ["locks", RUN, "--at", "+3h"],
    "by_holder": ["locks", RUN, "--by", "holder"],
    "by_file": ["locks", RUN, "--by", "file"],
    "why": ["why", RUN],
    "jobs": ["jobs", RUN],
    "events": ["events", RUN],
    "runs": ["runs", "list"],
    "report": ["report", RUN, "--text", "--out", "runs"],
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a run: two holders of two files, one update through, one not."""
    monkeypatch.chdir(tmp_path)
    for name in ("DESPOOLR_URL", "DESPOOLR_TOKEN", "DESPOOLR_RUNS", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    site = Site().step().job("Pending").hold("WS1", "O1").hold("WS9", "O2", "PKG/deep/names.dat")
    site.at(1).job("Active", "Pending").refuse("O1").event("Failed to install package.")
    site.at(2).refuse("O2", "J2").job("Retrying", "Active").at(3).refuse("O1").refuse("O2", "J2")
    site.at(4).close("O1").at(5).write().job("Complete", "Retrying").at(6).step()
    with RunDirectory.create(tmp_path / "runs", "19960603T080000Z", "blocked", 1) as kept:
        for record in site.records:
            kept.listener(record)
        kept.write_summary({"passed": True, "scenario": "blocked"})
    for path in kept.path.iterdir():
        os.utime(path, (833_788_800, 833_788_800))
    return tmp_path


def shown(
    words: list[str],
    width: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """What a terminal of that width gets."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run(words) == 0, capsys.readouterr().err
    return capsys.readouterr().out


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("name", ASKED)
def test_each_table_is_as_wide_as_the_terminal_and_looks_as_it_did(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    width: int,
) -> None:
    told = ESCAPES.sub("", shown(ASKED[name], width, capsys, monkeypatch))
    text = "".join(f"{line.rstrip()}\n" for line in told.splitlines())
    assert max(map(len, text.splitlines())) < width
    file = FILES / f"{name}-{width}.txt"
    if os.environ.get("DESPOOLR_SNAPSHOTS") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_a_narrow_terminal_gets_the_jobs_without_what_matters_least(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = JobStatusChanged(
        job="BPC00003",
        name="OFFICE-UPDATE",
        status="Retrying",
        was="",
        reason="",
        type="Share Package On Server",
        package="BPC00001",
    )
    with RunDirectory.create(tmp_path / "runs", "19960603T080000Z", "jobs", 1) as kept:
        for record in Site().step().record("BPC/SMS_SCHEDULER", made).records:
            kept.listener(record)
    told = ESCAPES.sub("", shown(["jobs", "latest"], 80, capsys, monkeypatch)).splitlines()
    assert told[0].split() == ["JOB", "NAME", "STATUS", "SINCE", "PACKAGE"]
    assert told[-1] == "2 columns left out: --wide"
    assert "CREATED" in shown(["jobs", "latest", "--wide"], 80, capsys, monkeypatch)


def test_every_file_is_of_a_table_that_is_looked_at() -> None:
    assert {path.name for path in FILES.iterdir()} == {
        f"{name}-{width}.txt" for name in ASKED for width in (80, 120, 200)
    }


def test_colour_says_nothing_that_a_word_does_not_and_no_color_takes_it_away(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    coloured = shown(["jobs", RUN], 120, capsys, monkeypatch)
    assert COLOURS.search(coloured) and "Complete" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    plain = shown(["jobs", RUN], 120, capsys, monkeypatch)
    assert not COLOURS.search(plain)
    assert ESCAPES.sub("", plain) == ESCAPES.sub("", coloured)


@pytest.mark.slow
@pytest.mark.parametrize("words", [["locks", RUN], ["why", RUN], ["locks", RUN, "--by", "file"]])
def test_a_column_that_was_left_out_comes_with_the_option_that_the_hint_names(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
) -> None:
    narrow = [shown(words, width, capsys, monkeypatch) for width in range(80, 130)]
    assert any("left out: --wide" in told for told in narrow)
    assert "left out" not in shown([*words, "--wide"], 90, capsys, monkeypatch)
