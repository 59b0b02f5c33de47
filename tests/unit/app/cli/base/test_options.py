"""Numbers and spans of options and their variables: a wrong one is one line that names both and
says what is right.
"""

from __future__ import annotations

from itertools import groupby

import click
import pytest

from despoolr.console import COMMANDS, run
from despoolr_app.cli.base.options import SHOWN_MAX, Text, Whole
from despoolr_app.cli.root import root_of

CLIENTS = Whole("a number of clients", 1, 1_000_000)


@pytest.mark.parametrize(
    ("text", "number"), [("1", 1), (" 250 ", 250), ("1000000", 1_000_000), ("007", 7)]
)
def test_a_whole_number_in_its_range_is_taken(text: str, number: int) -> None:
    assert CLIENTS.convert(text, None, None) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "abc",
        "-5",
        "0",
        "1000001",
        "1.5",
        "1e3",
        "5_0",
        "+5",
        "0x10",
        "٥",
        "²",
        "9" * 500,
        "\x1b[31m",
        "5\n5",
    ],
)
def test_anything_else_is_refused_with_the_right_form_and_never_raw(text: str) -> None:
    with pytest.raises(
        click.BadParameter,
        match=r"is not a number of clients: give a whole number from 1 to 1,000,000",
    ) as refused:
        CLIENTS.convert(text, None, None)
    assert refused.value.message.isprintable() and len(refused.value.message) < SHOWN_MAX + 120


def test_a_text_is_read_by_its_function_and_stays_a_text() -> None:
    assert Text("parse_span").convert("2h", None, None) == "2h"
    with pytest.raises(click.BadParameter, match="'soon' is not a span of time"):
        Text("parse_span").convert("soon", None, None)


@pytest.mark.parametrize("wrong", ["abc", "-5", "0", "1.5", "9" * 30])
def test_only_a_fleet_minds_a_wrong_number_of_its_clients_and_names_the_variable(
    wrong: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DESPOOLR_CLIENTS", wrong)
    assert run(["fleet", "--site", "http://127.0.0.1:9", "--token", "x"]) == 2
    said = capsys.readouterr().err
    assert (
        "DESPOOLR_CLIENTS" in said
        and "give a whole number from 1 to 1,000,000" in said
        and len(said.splitlines()) == 1
    )
    for servers in (["serve", "site"], ["serve", "logon"]):
        assert run([*servers, "--data", "/dev/null/x", "--listen", "127.0.0.1:0"]) == 2
        said = capsys.readouterr().err
        assert "DESPOOLR_CLIENTS" not in said and "/dev/null" in said, "it came as far as its data"


@pytest.mark.parametrize(
    ("variable", "command"),
    [
        ("DESPOOLR_SEED", ["fleet", "--site", "http://127.0.0.1:9", "--token", "x"]),
        ("DESPOOLR_POLL_EVERY", ["fleet", "--site", "http://127.0.0.1:9", "--token", "x"]),
        ("DESPOOLR_LEASE", ["fleet", "--site", "http://127.0.0.1:9", "--token", "x"]),
        ("DESPOOLR_CLIENTS_WANTED", ["serve", "site", "--data", "/dev/null/x"]),
        ("DESPOOLR_FLEET_LEASE", ["serve", "site", "--data", "/dev/null/x"]),
        ("DESPOOLR_TIME", ["serve", "logon", "--data", "/dev/null/x"]),
    ],
)
def test_every_variable_that_is_a_number_or_a_span_is_named_when_it_is_wrong(
    variable: str,
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(variable, "so much")
    assert run(command) == 2
    said = capsys.readouterr().err
    assert f"'{variable}'" in said and "so much" in said and len(said.splitlines()) == 1, said


def options_of(command: click.Command, called: str) -> list[tuple[str, click.Option]]:
    found = [(called, one) for one in command.params if isinstance(one, click.Option)]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            found += options_of(inner, f"{called} {name}")
    return found


def test_every_command_that_keeps_or_finds_runs_is_told_where_in_one_way() -> None:
    where = [
        (called, one)
        for called, one in options_of(root_of(COMMANDS), "despoolr")
        if {"--out", "--runs"} & set(one.opts)
    ]
    assert len(where) > 15
    for called, one in where:
        assert "--runs" in one.opts, called
        assert (one.envvar, one.default) == ("DESPOOLR_RUNS", "runs"), called
        assert one.show_envvar and one.show_default, called


def helps_of(command: click.Command, called: str) -> dict[str, str]:
    """The help of a command, and of each below it, as a terminal of 80 columns has it."""
    found = {called: command.get_help(click.Context(command, info_name=called, terminal_width=80))}
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            found |= helps_of(inner, f"{called} {name}")
    return found


HELPS = helps_of(root_of(COMMANDS), "despoolr")


def test_no_list_of_commands_cuts_a_sentence_off() -> None:
    lists = [
        shown.partition("Show this message and exit.")[2].partition("Examples:")[0]
        for called, shown in HELPS.items()
        if called == "despoolr" or "\nCommands:" in shown
    ]
    assert len(lists) > 8
    assert [shown for shown in lists if "..." in shown] == []


@pytest.mark.parametrize("called", HELPS)
def test_help_fits_80_columns_and_shows_the_command_at_work(called: str) -> None:
    shown = HELPS[called]
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    examples = shown.partition("\n  Examples:\n")[2].splitlines()
    typed = called.removesuffix(" show")
    assert called == "despoolr" or all(f"{line} ".startswith(f"    {typed} ") for line in examples)
    assert called == "despoolr" or examples


def test_the_list_of_commands_is_in_one_piece_for_each_of_its_headings() -> None:
    headings = [key for key, _ in groupby(entry.topic for entry in COMMANDS.values())]
    assert len(headings) == len(set(headings)) > 3
    assert all(f"\n{heading}:\n" in HELPS["despoolr"] for heading in headings)
