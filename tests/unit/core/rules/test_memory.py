"""What is remembered, and what is not."""

from __future__ import annotations

from typing import Any

from despoolr_core.rules.memory import Bounded, remembered, size_of
from despoolr_server.engine import names


def test_the_last_results_are_remembered_and_no_more() -> None:
    asked: list[str] = []

    @remembered(2, 10, len)
    def length(text: str) -> int:
        asked.append(text)
        return len(text)

    assert [length(text) for text in ("a", "a", "bb", "ccc", "a")] == [1, 1, 2, 3, 1]
    assert asked == ["a", "bb", "ccc", "a"]


def test_a_text_past_the_bound_is_worked_out_each_time_and_at_it_is_remembered() -> None:
    asked: list[tuple[str, str]] = []

    @remembered(8, 10)
    def both(one: str, other: str) -> str:
        asked.append((one, other))
        return one + other

    for _ in range(2):
        assert both("x" * 5, "y" * 5) == "xxxxxyyyyy"
        assert both("x" * 5, "y" * 6) == "xxxxxyyyyyy"
    assert [len(one + other) for one, other in asked] == [10, 11, 11]


def test_the_sizes_of_several_texts_count_together() -> None:
    asked: list[tuple[str, str]] = []

    @remembered(8, 10, len)
    def both(one: str, other: str) -> str:
        asked.append((one, other))
        return one + other

    for _ in range(2):
        assert both("x" * 5, "y" * 5) == "xxxxxyyyyy"
        assert both("x" * 5, "y" * 6) == "xxxxxyyyyyy"
    assert [len(one + other) for one, other in asked] == [10, 11, 11]


def test_the_sizes_of_texts_in_tuples_count() -> None:
    assert size_of(("ab", b"cde", ("f", 7), None)) == 6


def test_a_table_lets_go_of_the_oldest_at_either_bound() -> None:
    table: Bounded[int] = Bounded(3, 10)
    for number, key in enumerate(("aa", "bb", "cc", "dd")):
        table.keep(key, number)
    assert [table.get(key) for key in ("aa", "bb", "cc", "dd")] == [None, 1, 2, 3]
    table.keep("x" * 8, 9)
    assert (len(table), table.size) == (2, 10)
    table.keep("y" * 11, 9)
    assert table.get("y" * 11) is None
    assert table.get("x" * 8) == 9


def test_long_paths_from_outside_leave_nothing_behind() -> None:
    parse: Any = names.parse_name
    before = parse.cache_info().currsize
    for number in range(20):
        assert isinstance(parse(f"{number}{'x' * 100_000}\U0001f600"), names.BadName)
        assert isinstance(parse(f"{number}/{'y' * names.TEXT_REMEMBERED_MAX}"), names.Name)
    assert parse.cache_info().currsize == before


def test_a_path_past_the_bound_is_not_quoted_in_its_refusal() -> None:
    refused = names.parse_name("x" * 1_000_000 + "\0")
    assert isinstance(refused, names.BadName)
    assert len(refused.reason) < 100
