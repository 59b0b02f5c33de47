"""One envelope for every command's JSON, whether it has an answer or none."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from despoolr.console import COMMANDS, run
from despoolr_app.cli.base.answer import site_time
from despoolr_app.cli.base.output import echo_json, fail
from despoolr_app.cli.root import root_of
from worlds.answer import answer_of, commands

REPOSITORY = Path(__file__).parents[5]


def test_every_command_that_has_a_result_takes_json() -> None:
    found = {words[0] for words in commands(root_of(COMMANDS))}
    assert set(COMMANDS) - found == {"serve", "schema", "completion", "token", "top"}, (
        "servers and a screen stay; a schema, a script and a token are what they are"
    )


def test_a_mistake_is_an_error_in_the_envelope_for_every_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for words in commands(root_of(COMMANDS)):
        code = run([*words, "--json", "--no-such-option"])
        said = capsys.readouterr()
        assert code == 2, words
        told = answer_of(said.out)
        assert told["command"] == " ".join(words)
        assert told["error"]["exit_code"] == 2 and "no-such-option" in told["error"]["message"]
        assert told["error"]["message"] in said.err, "the line for people says the same"


def test_without_json_standard_output_has_nothing_of_a_mistake(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["locks", "--no-such-option"]) == 2
    assert capsys.readouterr().out == ""


def test_what_a_command_refuses_is_an_error_with_its_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["locks", "nowhere", "--json"]) == 2
    told = answer_of(capsys.readouterr().out)
    assert told["error"]["message"].startswith("there is no run 'nowhere'")
    assert (told["source"], told["site_time"], told["notes"]) == ("", None, [])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("mif", "show", "none"), "none: cannot be read: No such file or directory"),
        (("mif", "show", "bad"), "bad: line 1, column 6: no START COMPONENT"),
        (("pcmdump", "none"), "none: No such file or directory"),
        (("pcmdump", "bad"), "bad: line 1, column 1: the first line is not "),
        (("pcmdump", "--all", "none"), "none: no such directory"),
        (("pcmdump",), "give one of: FILE, "),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_with_its_line(
    words: tuple[str, ...],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad").write_bytes(b"hello")
    assert run([*words, "--json"]) == 2
    said = capsys.readouterr()
    told = answer_of(said.out)["error"]["message"]
    assert told.startswith(message) and said.err == f"despoolr: {told}\n"


def test_an_answer_says_who_was_asked_and_which_moment_it_is_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    echo_json({"n": 1}, source="runs/x", at=833788800.25, notes=["cut"])
    assert json.loads(capsys.readouterr().out) == {
        "command": "",
        "source": "runs/x",
        "site_time": {"iso": "1996-06-03T08:00:00.250", "seconds": 833788800.25},
        "notes": ["cut"],
        "data": {"n": 1},
    }


@pytest.mark.parametrize("at", [None, 1e18, float("nan")])
def test_what_is_no_moment_is_null(at: float | None) -> None:
    assert site_time(at) is None


def test_a_command_that_fails_after_its_answer_prints_one_object(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command("late")
    @click.option("--json", "as_json", is_flag=True)
    def late(as_json: bool) -> None:
        echo_json({"held": as_json})
        fail("the server went away")

    monkeypatch.setattr("despoolr_app.cli.profiles.command", late)
    assert run(["profiles", "--json"]) == 2
    said = capsys.readouterr()
    assert json.loads(said.out)["data"] == {"held": True} and "went away" in said.err


def test_a_name_that_is_no_text_is_told_as_a_terminal_shows_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    echo_json({"files": [{"file": "a\udcff.mif", "size": 1}]}, source="runs/\udcff")
    told = json.loads(capsys.readouterr().out)
    assert told["source"] == r"runs/\udcff"
    assert told["data"] == {"files": [{"file": r"a\udcff.mif", "size": 1}]}


def test_a_name_that_is_no_text_is_a_line_and_an_error_where_there_is_no_such_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["run", "\udcff.toml", "--json"]) == 2
    said = capsys.readouterr()
    assert answer_of(said.out)["error"]["message"].startswith(r"there is no file \udcff.toml, ")
    assert said.err.startswith(r"despoolr: there is no file \udcff.toml, ")


def test_no_command_prints_json_past_the_envelope() -> None:
    found = {
        path.relative_to(REPOSITORY).as_posix()
        for room in ("app", "lab", "public")
        for path in (REPOSITORY / room).rglob("*.py")
        if "put_json(" in path.read_text("utf-8")
    }
    assert found == {"app/despoolr_app/cli/base/output.py", "lab/despoolr_lab/cli/schema.py"}
