"""The schema of what commands print: of every command, as it ships, and as it is printed."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from despoolr.console import COMMANDS, run
from despoolr_app.cli.root import root_of
from despoolr_lab.cli.answers.document import document, place_of, render
from despoolr_lab.cli.answers.table import ANSWERS
from worlds.answer import answer_of, commands
from worlds.support import REPOSITORY

Said = pytest.CaptureFixture[str]


def test_every_command_that_prints_json_has_a_schema_and_no_other_has() -> None:
    assert set(ANSWERS) == {" ".join(words) for words in commands(root_of(COMMANDS))}


@pytest.mark.slow
def test_what_ships_is_what_the_structs_say() -> None:
    shipped = files("despoolr_lab.cli.answers").joinpath("answers.schema.json")
    assert shipped.read_text("utf-8") == render(document()), (
        "`despoolr schema answer` prints it anew"
    )
    Draft202012Validator.check_schema(document())


def test_the_whole_schema_is_printed_or_that_of_one_command(capsys: Said) -> None:
    assert run(["schema", "answer"]) == 0
    assert capsys.readouterr().out == render(document())
    assert run(["schema", "answer", "kb", "run"]) == 0
    one = json.loads(capsys.readouterr().out)
    places = [ref["$ref"].rpartition("/")[2] for ref in one["anyOf"]]
    assert places == ["Failed", place_of("kb run")] and "LoadAnswer" not in one["$defs"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("answer", "lock"), "no command 'lock' has an answer in JSON; did you mean 'locks'?"),
        (("answer", "serve", "all"), "no command 'serve all' has an answer in JSON; there are"),
        (("load", "locks"), "a command goes with `answer` only"),
    ],
)
def test_what_has_no_schema_is_refused_in_one_line(
    capsys: Said, words: tuple[str, ...], says: str
) -> None:
    assert run(["schema", *words]) == 2
    said = capsys.readouterr()
    assert said.out == "" and says in said.err and said.err.count("\n") == 1


def test_an_answer_that_is_not_as_its_command_says_is_noticed(capsys: Said) -> None:
    assert run(["profiles", "--version", "1.2", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    schema = Draft202012Validator(document(["profiles"]))
    assert schema.is_valid(answer)
    wrongs: tuple[dict[str, Any], ...] = (
        {"command": "locks"},
        {"source": None},
        {"site_time": 5},
        {"data": {}},
    )
    for wrong in wrongs:
        assert not schema.is_valid(answer | wrong), wrong
    assert schema.is_valid(answer | {"data": answer["data"] | {"later": 1}}), "versions add keys"
    with pytest.raises(ValidationError):
        answer_of(json.dumps(answer | {"data": answer["data"] | {"later": 1}}))


@pytest.mark.parametrize("name", ANSWERS)
def test_every_key_of_an_answer_is_said_with_its_type(name: str) -> None:
    schema: dict[str, Any] = document([name])
    kinds = [one for place, one in schema["$defs"].items() if not place.startswith("answer.")]
    assert all("description" in one for one in kinds if "properties" in one), name
    data = schema["$defs"][place_of(name)]["properties"]["data"]
    assert data.keys() & {"$ref", "items", "anyOf"}


def test_the_example_in_the_docs_is_an_answer() -> None:
    text = (REPOSITORY / "docs" / "commands.md").read_text("utf-8").partition("## JSON\n")[2]
    example = text.partition("```json\n")[2].partition("```")[0]
    assert answer_of(example)["command"] == "jobs"
