"""Reading scenarios: what is wrong is said with its line and the nearest right word, and what is
shipped is right.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import jsonschema
import pytest

from despoolr_core.times import moment_s, span_s
from despoolr_lab.scenario import model
from despoolr_lab.scenario.model import schema
from despoolr_lab.scenario.reading.load import (
    FILE_SIZE_MAX,
    ScenarioError,
    load_scenario,
    parse_scenario,
)
from worlds.support import REPOSITORY

SHIPPED = sorted(
    path for path in (REPOSITORY / "scenarios").rglob("*.toml") if path.parent.name != "load"
)

GOOD = """\
name = "small"
title = "One open file"

[run]
for = "5h"

[[site]]
code = "BPC"

[[server]]
name = "LOGON1"

[[clients]]
names = ["WS1", "WS2"]

[[package]]
name = "OFFICE"
files = { "a.dat" = "old" }

[[program]]
command = "SETUP.EXE"
mif = { status = "Success" }

[[step]]
at = "0s"
do = "job"
name = "FIRST"
package = "OFFICE"
type = "share"

[[step]]
at = "30m"
do = "hold"
machine = "WS1"
package = "OFFICE"
file = "a.dat"

[[expect]]
that = "job"
job = "FIRST"
status = "Complete"

[[expect]]
that = "episode"
path = "a.dat"
attempts = 1
"""


def spoilt(right: str, wrong: str) -> str:
    """The good scenario with one thing wrong (the first occurrence)."""
    assert right in GOOD
    return GOOD.replace(right, wrong, 1)


def line_of(text: str, part: str) -> int:
    """The line, from 1, on which `part` first stands."""
    return text[: text.index(part)].count("\n") + 1


def table_of(text: str, part: str) -> int:
    """The line, from 1, of the table in which `part` stands."""
    lines = text.splitlines()[: line_of(text, part)]
    return max(number for number, line in enumerate(lines, 1) if line.startswith("["))


def mistake(text: str) -> ScenarioError:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text)
    return caught.value


def test_the_good_scenario_is_read_with_its_defaults() -> None:
    scenario = parse_scenario(GOOD)
    assert scenario.name == "small"
    assert scenario.end - scenario.start == 5 * 3600
    assert [type(step).__name__ for step in scenario.step] == ["JobStep", "HoldStep"]
    assert scenario.server[0].roles == ["logon", "distribution"]
    assert isinstance(scenario.step[1], model.HoldStep)
    assert (scenario.step[1].access, scenario.step[1].share_mode) == ("READ", "READ")


@pytest.mark.parametrize(
    ("right", "wrong", "nearest"),
    [
        ("title =", "titel =", "title"),
        ('for = "5h"', 'fro = "5h"', "for"),
        ('code = "BPC"', 'cod = "BPC"', "code"),
        ("files =", "flies =", "files"),
        ('command = "SETUP.EXE"', 'comand = "SETUP.EXE"', "command"),
        ('status = "Success"', 'statsu = "Success"', "status"),
        ("machine =", "machin =", "machine"),
        ("attempts =", "atempts =", "attempts"),
        ("[[package]]", "[[pacakge]]", "package"),
    ],
)
def test_a_wrong_key_is_named_with_its_line_and_the_nearest_right_one(
    right: str, wrong: str, nearest: str
) -> None:
    text = spoilt(right, wrong)
    error = mistake(text)
    assert error.line == line_of(text, wrong)
    assert "unknown key" in error.reason
    assert error.reason.endswith(f"did you mean {nearest!r}?")


def test_a_wrong_key_like_no_other_is_answered_with_the_keys_there_are() -> None:
    error = mistake(spoilt('for = "5h"', 'zzz = "5h"'))
    assert error.reason == "unknown key 'zzz'; there are for, seed, start, stop_after"


def test_a_wrong_key_in_the_second_table_of_a_kind_is_found_in_the_second() -> None:
    text = spoilt('file = "a.dat"', 'fiel = "a.dat"')
    error = mistake(text)
    assert (error.line, error.column) == (line_of(text, "fiel ="), 1)


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ('do = "hold"', 'do = "hodl"', "there is no step 'hodl'; did you mean 'hold'?"),
        (
            'that = "episode"',
            'that = "epsiode"',
            "there is no expectation 'epsiode'; did you mean 'episode'?",
        ),
    ],
)
def test_an_unknown_step_or_expectation_is_an_error_with_the_nearest_right_word(
    right: str, wrong: str, says: str
) -> None:
    text = spoilt(right, wrong)
    error = mistake(text)
    assert (error.line, error.reason) == (line_of(text, wrong), says)


@pytest.mark.parametrize(
    ("right", "table"), [('do = "hold"\n', "step"), ('that = "episode"\n', "expect")]
)
def test_a_table_that_does_not_say_what_it_is_points_at_the_table(right: str, table: str) -> None:
    text = spoilt(right, "# here\n")
    error = mistake(text)
    assert f"[[{table}]]" in error.reason
    assert text.splitlines()[error.line - 1] == f"[[{table}]]"
    assert error.line == table_of(text, "# here")


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        (
            'machine = "WS1"',
            'machine = "WX1"',
            "there is no machine or server 'WX1'; did you mean 'WS1'?",
        ),
        (
            'package = "OFFICE"\nfile',
            'package = "OFICE"\nfile',
            "there is no package 'OFICE'; did you mean 'OFFICE'?",
        ),
        ('job = "FIRST"', 'job = "FRIST"', "there is no job 'FRIST'; did you mean 'FIRST'?"),
        (
            'file = "a.dat"',
            'file = "a.dat"\nserver = "LOGON9"',
            "there is no server 'LOGON9'; did you mean 'LOGON1'?",
        ),
        (
            'names = ["WS1", "WS2"]',
            'names = ["WS1", "WS2"]\nsite = "BPD"',
            "there is no site 'BPD'; did you mean 'BPC'?",
        ),
    ],
)
def test_a_name_that_does_not_exist_is_an_error_at_the_line_that_says_it(
    right: str, wrong: str, says: str
) -> None:
    text = spoilt(right, wrong)
    error = mistake(text)
    assert error.reason == says
    unknown = says.split("'")[1]
    assert error.line == line_of(text, f'"{unknown}"')


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("1996-13-03 09:00", "'1996-13-03 09:00' is not a date and time such as 1996-06-03 09:00"),
        ("30 fortnights", "'30 fortnights' is not a span of time such as 90m, 2h or 2d 4h"),
        ("", "'' is not a span of time such as 90m, 2h or 2d 4h"),
    ],
)
def test_a_wrong_time_says_what_a_right_one_looks_like(wrong: str, says: str) -> None:
    text = spoilt('at = "30m"', f'at = "{wrong}"')
    error = mistake(text)
    assert error.reason == says
    # The struct that refuses a time does not say which key it was in: the error points at the table
    # of the step.
    assert error.line == table_of(text, f'at = "{wrong}"')


def test_a_time_may_be_a_bare_toml_date() -> None:
    scenario = parse_scenario(spoilt('at = "30m"', "at = 1996-06-03 09:00:00"))
    assert moment_s(scenario.step[1].at, scenario.start) == scenario.start + 3600


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90m", 5400),
        ("2d 4h 30m", 189000),
        ("1w", 604800),
        ("1500ms", 1.5),
        ("5min", 300),
        ("1.5h", 5400),
    ],
)
def test_a_span_is_read_in_all_its_units(text: str, seconds: float) -> None:
    assert span_s(text) == seconds


def test_a_number_where_text_belongs_is_an_error_at_its_line() -> None:
    text = spoilt('at = "30m"', "at = 30")
    error = mistake(text)
    assert (error.line, error.reason) == (
        line_of(text, "at = 30"),
        "`at` is a whole number, and has to be text in quotes",
    )


@pytest.mark.parametrize(
    ("was", "now", "reason"),
    [
        ('code = "BPC"', 'code = "bpc"', "`code` cannot be 'bpc': three capital letters or digits"),
        ('name = "FIRST"', 'name = ""', "`name` has to have at least 1 character"),
        ('name = "FIRST"', f'name = "{"N" * 33}"', "`name` has to have at most 32 characters"),
        ('name = "FIRST"', 'name = "A B"', "`name` cannot be 'A B': letters, digits and _ . $ -"),
        ('name = "FIRST"', "name = {}", "`name` is a table, and has to be text in quotes"),
        ('do = "job"', "do = []", "`do` is a list, and has to be text in quotes"),
        ('["WS1", "WS2"]', '["WS1", 2]', "an entry of `names` is a whole number, and has to be"),
        ('["WS1", "WS2"]', '["WS1", "W 2"]', "an entry of `names` cannot be 'W 2': letters"),
    ],
)
def test_a_value_that_cannot_be_is_said_in_plain_words(was: str, now: str, reason: str) -> None:
    error = mistake(spoilt(was, now))
    assert error.reason.startswith(reason)


def test_what_is_not_toml_is_said_with_line_and_column() -> None:
    text = spoilt('at = "30m"', "at = 30m")
    error = mistake(text)
    assert error.line == line_of(text, "at = 30m")
    assert error.column > 1
    assert error.reason.startswith("not TOML: ")


def test_a_file_that_ends_in_the_middle_is_not_toml_at_its_last_line() -> None:
    error = mistake('name = "x"\ntitle = "y')
    assert error.line == 2


def test_two_machines_of_one_name_are_refused_whatever_the_case() -> None:
    text = spoilt('names = ["WS1", "WS2"]', 'names = ["WS1", "ws1"]')
    error = mistake(text)
    assert error.reason == "there are two machines called 'ws1'"
    assert '"ws1"' in text.splitlines()[error.line - 1]


def test_a_key_given_twice_is_refused_at_the_second() -> None:
    text = spoilt('machine = "WS1"', 'machine = "WS1"\nmachine = "WS1"')
    assert mistake(text).line == line_of(text, 'machine = "WS1"') + 1


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ('type = "share"', 'type = "shard"', "type 'shard' is not one of run, share, remove"),
        (
            'code = "BPC"',
            'code = "BPC"\nversion = "1.3"',
            "no SMS version '1.3'; did you mean '1.2'?",
        ),
        (
            'code = "BPC"',
            'response = "Fats"',
            "response 'Fats' is not one of Very Fast, Fast, Medium, Slow",
        ),
        (
            'names = ["WS1", "WS2"]',
            'names = ["WS1", "WS2"]\ncount = 3',
            "say either names = [...] or count = N",
        ),
        (
            "attempts = 1",
            "when = { copy_stratgy = 'x' }",
            "no behaviour 'copy_stratgy'; did you mean 'copy_strategy'?",
        ),
        (
            "attempts = 1",
            'when = { copy_strategy = "delete_then_cpy" }',
            "copy_strategy cannot be 'delete_then_cpy'; did you mean 'delete_then_copy'?",
        ),
        (
            'code = "BPC"',
            "profile = { attempts = 3 }",
            "no behaviour 'attempts'; did you mean 'attempts_max'?",
        ),
    ],
)
def test_a_wrong_value_points_at_its_table_and_names_what_there_is(
    right: str, wrong: str, says: str
) -> None:
    text = spoilt(right, wrong)
    error = mistake(text)
    assert error.reason == says
    assert error.line == table_of(text, wrong)


def test_a_file_that_is_no_text_or_too_large_is_refused_before_it_is_read_as_toml(
    tmp_path: Path,
) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(b"name = 'x'\n\xff")
    with pytest.raises(ScenarioError, match=r"line 2, column 1: not UTF-8 text: byte 11"):
        load_scenario(file)
    file.write_bytes(b"#" * (FILE_SIZE_MAX + 1))
    with pytest.raises(ScenarioError, match="larger than"):
        load_scenario(file)


# -- the schema for editors


@pytest.mark.slow
def test_the_schema_is_one_itself_and_accepts_every_shipped_scenario() -> None:
    made = schema()
    jsonschema.Draft202012Validator.check_schema(made)
    validator = jsonschema.Draft202012Validator(made)
    assert SHIPPED
    for path in SHIPPED:
        errors = [
            error.message for error in validator.iter_errors(tomllib.loads(path.read_text("utf-8")))
        ]
        assert not errors, f"{path.name}: {errors[:3]}"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("title =", "titel ="), ('do = "hold"', 'do = "hodl"'), ("attempts = 1", "attempts = '1'")],
)
def test_the_schema_refuses_what_the_loader_refuses(right: str, wrong: str) -> None:
    text = spoilt(right, wrong)
    mistake(text)
    assert not jsonschema.Draft202012Validator(schema()).is_valid(tomllib.loads(text))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_scenario_is_read(path: Path) -> None:
    scenario = load_scenario(path)
    assert scenario.expect, "a scenario that expects nothing shows nothing"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (('name = "OFFICE"', 'name = "OFFICE"\nsite = "XYZ"'), "there is no site 'XYZ'"),
    ],
)
def test_a_package_of_a_site_that_is_not_there_is_refused(
    spoil: tuple[str, str], reason: str
) -> None:
    assert mistake(spoilt(*spoil)).reason.startswith(reason)
