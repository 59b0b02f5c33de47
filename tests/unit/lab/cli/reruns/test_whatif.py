"""`despoolr whatif`: whom it can be asked about, and how it answers."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from despoolr.console import run
from despoolr_core.records.whatif.ladder import FILE, FIXES, Ladder, LadderRow
from despoolr_lab.cli.reruns import whatif
from despoolr_lab.scenario.reading.written import to_toml
from worlds.answer import data_of
from worlds.scenario import blocked_update, hold
from worlds.traces import TRACES

Said = pytest.CaptureFixture[str]
QUICK = ("--knob", "copy_strategy=rename_aside", "--worlds", "1")
"""A knob that the sharing rule answers alone."""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(to_toml(blocked_update(hours=5)), "utf-8")
    return "mine.toml"


@pytest.mark.slow
def test_a_file_is_run_kept_and_asked_and_so_is_its_run_afterwards(file: str, capsys: Said) -> None:
    assert run(["whatif", file, "--version", "1.1", *QUICK]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Nothing that was tried would have fixed it.")
    assert "shares READ only; it needs: every holder shares DELETE" in " ".join(said.split())
    assert run(["whatif", "latest", *QUICK, "--json"]) == 0
    told = data_of(capsys.readouterr().out)
    assert [row["word"] for row in told["rows"]] == ["cannot help"]
    kept = msgspec.json.decode(Path("runs/latest", FILE).read_bytes(), type=Ladder)
    assert json.loads(msgspec.json.encode(kept)) == told
    assert run(["why", "latest"]) == 0
    assert f"What would have fixed it: {kept.sentence}" in capsys.readouterr().out


@pytest.mark.slow
def test_it_is_a_table_of_markdown_where_that_is_asked(file: str, capsys: Said) -> None:
    assert run(["whatif", file, *QUICK, "--markdown"]) == 0
    assert "| cannot help | copy strategy rename\\_aside |" in capsys.readouterr().out


@pytest.mark.slow
def test_a_run_asks_of_itself(file: str, capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(file).write_text(to_toml(blocked_update(hold(**{"for": "2h"}), hours=8)), "utf-8")
    assert run(["run", file, "--whatif", "--json"]) == 0
    told = data_of(capsys.readouterr().out)
    assert told["whatif"]["sentence"] == "Nothing to fix: the goal holds as it was."


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.toml"], "nowhere.toml"),
        (["Q000001"], "no article"),
        (["latest"], "there is no finished run"),
        (["--knob", "colour"], "there is no knob 'colour'"),
        (["--budget", "soon"], "soon"),
        (["mine.toml", "--budget", "0s"], "longer than nothing, not '0s'"),
        (["latest", "--version", "1.2"], "a run has its version and world already"),
        (["mine.toml", "--goal", "colour"], "none has 'colour' in its name"),
        (["mine.toml", "--knob", "retry_interval=Often"], "Often"),
        (["mine.toml", "--knob", "closes_when_idle=soon"], "soon"),
        (["mine.toml", "--knob", "closes_when_idle=0"], "takes a number from 1 on, not '0'"),
        (["mine.toml", "--knob", "reaper=0"], "takes a number from 1 on, not '0'"),
        (["mine.toml", "--knob", "marker=2"], "takes a share of the clients such as 0.5, not '2'"),
        (["mine.toml", "--knob", "copy_strategy=magic"], "magic"),
        (["mine.toml", "--knob", "version=9.0"], "9.0"),
        (["mine.toml", "--knob", "shares=COLOUR"], "COLOUR"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    file: str, capsys: Said, words: list[str], said: str
) -> None:
    assert run(["whatif", *words]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("despoolr:")]
    assert len(lines) == 1 and said in lines[0]


def test_of_a_run_without_a_scenario_the_sharing_rule_is_told_alone(
    file: str, capsys: Said
) -> None:
    assert run(["run", file]) == 0
    Path("runs/latest/scenario.toml").unlink()
    capsys.readouterr()
    assert run(["whatif", "--json"]) == 0
    told = data_of(capsys.readouterr().out)
    words = {row["change"]: row["word"] for row in told["rows"]}
    assert words["copy strategy rename_aside"] == words["more attempts"] == "cannot help"
    assert words["WINWORD.EXE closing its files"] == "not settled"
    assert told["confirmed"] is False
    assert told["sentence"].endswith("could have ended 1 of 1 wait (not yet confirmed by reruns).")
    assert run(["why", "latest"]) == 0
    assert told["sentence"] in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_a_recording_is_simulated_and_the_whole_ladder_runs_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.chdir(tmp_path)
    trace = TRACES / "2-nobody-closes" / "smbd.log"
    assert run(["import", str(trace), "--server", "FS1"]) == 0
    recording = Path("runs/latest").resolve()
    for _ in range(2):  # it can be asked again
        assert run(["whatif", str(recording), "--simulate", *QUICK]) == 0
        told = " ".join(capsys.readouterr().out.split())
        assert "GOAL RECORDED is new on FS1 and job UPDATE says so as it was: never" in told
        assert "UNKNOWN on WS12 shares READ only; it needs: every holder shares DELETE" in told
    made = str(recording / "simulated.toml")
    assert run(["run", made]) == 0
    for words, said in (
        ([made, "--simulate", *QUICK], "this one has a scenario"),
        (["latest", "--files", "a*", *QUICK], "this one has a scenario"),
        ([str(recording), "--simulate", "--files", "a*"], "say one of the two"),
    ):
        capsys.readouterr()
        assert run(["whatif", *words]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.slow
def test_what_a_simulation_had_to_assume_is_told_with_its_answer_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    """A log of `full_audit` has no share modes."""
    monkeypatch.chdir(tmp_path)
    trace = TRACES / "1-one-holder-blocks" / "audit.log"
    assert run(["import", str(trace), "--server", "FS1", "--tz", "UTC"]) == 0
    capsys.readouterr()
    assert run(["whatif", "--simulate", "--json", *QUICK]) == 0
    notes = data_of(capsys.readouterr().out)["notes"]
    assert any("whose share mode nobody told: sharing READ here" in note for note in notes)
    assert json.loads(Path("runs/latest/whatif.json").read_text())["notes"] == notes


def test_a_recording_without_refusals_is_not_simulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["import", str(TRACES / "4-no-block" / "tshark-fields.tsv")]) == 0
    capsys.readouterr()
    assert run(["whatif", "--simulate"]) == 2
    assert "no open was refused in this recording" in capsys.readouterr().err


def test_the_knobs_are_listed(capsys: Said) -> None:
    assert run(["whatif", "--knob", "help"]) == 0
    assert "forced_disconnect" in capsys.readouterr().out


@pytest.mark.slow
def test_a_knob_takes_its_values_from_each_time_that_it_is_named(file: str, capsys: Said) -> None:
    knobs = ["--knob", "reaper=2", "--knob", "reaper=30", "--knob", "marker=0.1"]
    assert run(["whatif", file, *knobs, "--worlds", "1", "--jobs", "1", "--json"]) == 0
    rows = data_of(capsys.readouterr().out)["rows"]
    assert {row["change"] for row in rows} == {
        "servers closing what has been open for 2 h",
        "servers closing what has been open for 1 d 6 h",
        "a marker that 10% of the clients honour",
    }


@pytest.mark.slow
def test_an_article_is_a_value_of_a_knob_as_of_every_option(file: str, capsys: Said) -> None:
    knob = ["--knob", "fix=147819"]
    assert run(["whatif", file, "--version", "1.1", *knob, "--worlds", "1", "--json"]) == 0
    (row,) = data_of(capsys.readouterr().out)["rows"]
    assert row["change"] == "the fix of Q147819"


@pytest.mark.slow
def test_a_knob_that_changes_nothing_is_said_to(file: str, capsys: Said) -> None:
    assert run(["whatif", file, "--knob", "noidmif"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("There was no change to try.")
    assert "the knob noidmif has no change to make in this run" in said
    assert run(["whatif", file, "--knob", "noidmif", "--markdown"]) == 0
    told = capsys.readouterr().out
    assert "- the knob noidmif has no change to make in this run" in told
    assert "| --- |" not in told


def test_a_named_goal_that_holds_says_nothing_of_others(file: str, capsys: Said) -> None:
    expect = [{"that": "job", "job": "UPDATE", "status": "Retrying", "name": "it tries"}]
    Path(file).write_text(to_toml(blocked_update(hours=5, expect=expect)), "utf-8")
    assert run(["whatif", file, "--version", "1.1", "--goal", "it tries", "--json"]) == 0
    told = data_of(capsys.readouterr().out)
    assert (told["is_met"], told["goal"]) == (True, "it tries")


@pytest.mark.slow
def test_what_was_not_run_again_is_not_said_to_disturb_nobody(file: str, capsys: Said) -> None:
    knob = ["--knob", "copy_strategy=new_folder_and_switch"]
    assert run(["whatif", file, *knob, "--budget", "1ms", "--markdown"]) == 0
    told = capsys.readouterr().out
    assert "| not settled | copy strategy new" in told and "nobody disturbed" not in told
    assert "the budget of" in told


@pytest.mark.slow
def test_an_answer_that_cannot_be_kept_is_one_line(file: str, capsys: Said) -> None:
    assert run(["whatif", file, *QUICK]) == 0
    kept = Path("runs/latest").resolve() / "whatif.json"
    kept.unlink()
    kept.mkdir()
    capsys.readouterr()
    assert run(["whatif", "latest", *QUICK]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("despoolr: cannot write ")


def test_the_command_that_gives_a_row_again_can_be_pasted(
    monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    replay = f"despoolr run runs/{'a-long-name-' * 9}/whatif/01.toml --seed 0"
    monkeypatch.setattr(whatif, "wrapped", lambda text: text.replace("-", "-\n"))
    row = LadderRow(change="closing it", cost="setting", word=FIXES, replay=replay)
    whatif._echo(Ladder(source="run", goal="all new", as_it_was="never", rows=(row,)), None)
    assert f"See the first again:\n  {replay}\n" in capsys.readouterr().out
