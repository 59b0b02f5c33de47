"""Which TOML is read at all, and which names a file may use."""

from __future__ import annotations

import time
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_lab.toml.toml_shape import DEPTH_MAX, LINE_SIZE_MAX, PARTS_MAX, unfit, why_refused
from despoolr_lab.toml.toml_text import ScenarioError, parse_document

MANY = 20_000


@pytest.mark.parametrize(
    "text",
    [
        "a" + ".a" * MANY + " = 1",
        "[" + "a." * MANY + "a]",
        "[[" + "a." * MANY + "a]]",
        "a" + " . a" * MANY + " = 1",
        "x = {a" + ".a" * MANY + " = 1}",
        "x = " + "[" * MANY,
        "x = " + "{a=" * MANY,
        "x = " + "[{a=" * MANY,
        "x = '''\n" + '"' * MANY,
        'x = """' + '\\"' * MANY,
        "x = " + '"""' * MANY,
        "x = " + "9" * MANY,
        "." * MANY,
        "'" * MANY,
    ],
    ids=range(14),
)
def test_what_would_drive_a_reader_out_of_its_depth_is_one_error_at_once(text: str) -> None:
    began = time.process_time()
    with pytest.raises(ScenarioError):
        parse_document(text)
    assert time.process_time() - began < 2


def test_keys_and_brackets_at_their_bounds_are_read_and_one_past_them_is_not() -> None:
    assert parse_document(".".join("a" * PARTS_MAX) + " = 1")
    assert parse_document("x = " + "[" * DEPTH_MAX + "]" * DEPTH_MAX)
    with pytest.raises(ScenarioError, match="parts"):
        parse_document(".".join("a" * (PARTS_MAX + 1)) + " = 1")
    with pytest.raises(ScenarioError, match="deep"):
        parse_document("y = 1\nx = " + "[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1))


def test_dots_and_brackets_in_texts_and_comments_do_not_count() -> None:
    dots, brackets = "a." * 50, "[" * 50
    text = (
        f'# {dots}{brackets}\nstory = "{dots}{brackets}"\ncontent = '
        f"'''\n{dots}\n{brackets}'''\nn = [1.5, 2.5]\n"
    )
    assert parse_document(text)["n"] == [1.5, 2.5]


@given(st.text(st.sampled_from("ab.[]{}=,\n\"'#\\ 1"), max_size=60))
def test_whatever_a_reader_takes_is_looked_at_to_its_end(text: str) -> None:
    try:
        tomllib.loads(text)
    except ValueError:
        return
    assert why_refused(text) == ("", 0)


@pytest.mark.parametrize(
    "bad", ["\\u0001", "\\u001b[2J", "\\n", "\\u009b", "\\u2028", "\\u202e", "\\u007f"]
)
def test_a_name_in_a_file_keeps_to_the_rule_of_all_names(bad: str) -> None:
    with pytest.raises(ScenarioError, match="U\\+") as refused:
        parse_document(f'title = "t"\n[[expect]]\nname = "a{bad}b"\n')
    assert refused.value.line == 3
    with pytest.raises(ScenarioError, match="a key has"):
        parse_document(f'"a{bad}b" = 1')


def test_prose_has_lines_and_the_content_of_files_may_be_anything() -> None:
    assert (
        list(unfit({"story": "one\n\ttwo", "package": [{"files": {"a.dat": "\0\x1b\u202e"}}]}))
        == []
    )
    assert [path for path, _ in unfit({"story": "a\x1b"})] == [["story"]]
    assert [path for path, _ in unfit({"step": [{"x": "y"}, {"machine": "a\nb"}]})] == [
        ["step", 1, "machine"]
    ]


def test_the_path_of_a_file_is_as_long_as_a_line_and_another_key_as_a_name() -> None:
    long = "/".join(["x" * 60] * 5)
    assert list(unfit({"package": [{"files": {long: "", "x" * LINE_SIZE_MAX: ""}}]})) == []
    assert len(list(unfit({"package": [{"files": {"x" * (LINE_SIZE_MAX + 1): ""}}]}))) == 1
    assert len(list(unfit({"package": [{"file": {long: ""}}]}))) == 1
