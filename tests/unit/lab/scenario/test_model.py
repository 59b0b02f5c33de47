"""Spans, moments and the small rules of a scenario's tables."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_core.times import moment_s, span_s
from despoolr_lab.scenario import model
from despoolr_lab.scenario.model import Clients, Scenario, schema


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("90m", 5400),
        ("2h", 7200),
        ("3d", 259200),
        ("1w", 604800),
        ("2d 4h 30m", 189000),
        ("250ms", 0.25),
        ("1.5h", 5400),
    ],
)
def test_a_span_is_read(text: str, seconds: float) -> None:
    assert span_s(text) == seconds


@pytest.mark.parametrize("text", ["", "  ", "5", "h", "5x", "2h banana", "-3h", "1h,2m", "h2"])
def test_what_is_no_span_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="such as 90m, 2h or 2d 4h"):
        span_s(text)


@given(st.lists(st.tuples(st.integers(0, 99), st.sampled_from("smhdw")), min_size=1, max_size=4))
def test_spans_add_up(parts: list[tuple[int, str]]) -> None:
    unit = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    assert span_s(" ".join(f"{n}{u}" for n, u in parts)) == sum(n * unit[u] for n, u in parts)


def test_a_moment_is_a_span_after_the_start_or_a_date() -> None:
    assert moment_s("2h", 1000.0) == 8200.0
    assert moment_s("1996-06-03 09:00", 1000.0) == 833792400.0
    with pytest.raises(ValueError, match="such as 1996-06-03 09:00"):
        moment_s("1996-13-45", 0.0)


def test_clients_are_named_one_by_one_or_counted() -> None:
    assert Clients(names=["A", "B"]).expand() == ["A", "B"]
    assert Clients(name="PC-{n}", count=3).expand() == ["PC-1", "PC-2", "PC-3"]
    for both in ({}, {"names": ["A"], "count": 2}):
        with pytest.raises(ValueError, match="either names"):
            Clients(**both)  # type: ignore[arg-type]


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("site", {"version": "9.9"}, "no SMS version"),
    ("site", {"response": "Speedy"}, "Very Fast, Fast, Medium, Slow"),
    ("site", {"profile": {"attempt_max": 1}}, "did you mean 'attempts_max'"),
    ("site", {"code": "TOOLONG"}, "code"),
    ("server", {"name": "L", "roles": ["printer"]}, "not one of logon, distribution"),
    ("clients", {"names": ["A"], "poll_every": "often"}, "not a span"),
    ("program", {"command": "X", "access": "LOOK"}, "LOOK"),
    (
        "step",
        {"do": "job", "at": "0s", "name": "J", "package": "P", "type": "borrow"},
        "not one of run, share, remove",
    ),
    (
        "step",
        {"do": "job", "at": "0s", "name": "J", "package": "P", "send": "sometimes"},
        "even if previously sent",
    ),
    (
        "step",
        {"do": "hold", "at": "0s", "machine": "A"},
        "either package and file, or share and path",
    ),
    (
        "step",
        {
            "do": "hold",
            "at": "0s",
            "machine": "A",
            "package": "P",
            "file": "a",
            "share_mode": "SOME",
        },
        "SOME",
    ),
    (
        "step",
        {"do": "service", "at": "0s", "action": "kick", "service": "S"},
        "not one of pause, resume, restart",
    ),
    ("step", {"do": "poll", "at": "soon", "machine": "A"}, "not a span"),
    ("step", {"do": "poll", "at": "0s", "machine": "A", "versions": ["7"]}, "no SMS version"),
    (
        "expect",
        {"that": "job", "job": "J", "status": "Complete", "when": {"colour": 1}},
        "no behaviour 'colour'",
    ),
]


@pytest.mark.parametrize(("table", "row", "says"), BAD, ids=range(len(BAD)))
def test_a_row_that_makes_no_sense_is_refused_with_what_would(
    table: str, row: dict[str, Any], says: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=says):
        msgspec.convert({"name": "n", "title": "t", table: [row]}, Scenario)


def test_no_scenario_has_more_clients_than_the_limit() -> None:
    msgspec.convert({"count": model.CLIENTS_MAX}, Clients)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"count": model.CLIENTS_MAX + 1}, Clients)


def test_no_run_goes_longer_than_the_limit() -> None:
    model.Run(for_="36525d")
    with pytest.raises(ValueError, match="36525d at most"):
        model.Run(for_="36525d 1s")


def test_the_schema_has_every_step_and_expectation() -> None:
    text = msgspec.json.encode(schema()).decode()
    for union in (model.Step, model.Expectation):
        for kind in union.__args__:
            assert f'"{kind.__struct_config__.tag}"' in text


def test_start_and_end_are_site_time() -> None:
    scenario = Scenario(name="n", title="t", run=model.Run(start="1996-06-03 08:00", for_="1d"))
    assert scenario.end - scenario.start == 86400.0


def test_a_kill_is_put_off_by_a_bounded_number_of_turns() -> None:
    kill = {"do": "kill", "at": "1h", "turns": 10_000}
    msgspec.convert(kill, model.KillStep)
    with pytest.raises(msgspec.ValidationError, match="<= 10000"):
        msgspec.convert({**kill, "turns": 10_001}, model.KillStep)


def test_a_restart_is_put_off_by_a_bounded_number_of_turns() -> None:
    restart = {"do": "service", "at": "1h", "action": "restart", "service": "SMS_DESPOOLER"}
    msgspec.convert({**restart, "turns": 10_000}, model.ServiceStep)
    with pytest.raises(msgspec.ValidationError, match="<= 10000"):
        msgspec.convert({**restart, "turns": 10_001}, model.ServiceStep)
    with pytest.raises(msgspec.ValidationError, match="turns are said of a restart"):
        msgspec.convert({**restart, "action": "pause", "turns": 1}, model.ServiceStep)
