"""Waiter-seconds: added up by whom they come from, those of one moment once for each key."""

from __future__ import annotations

from typing import get_args

import pytest

from despoolr_app.site_client.contention import By, contentions
from despoolr_app.site_client.queries import LockRow
from despoolr_core.share.wire import EpisodeRow, Hold


def hold(machine: str, start: float, end: float | None, count: int = 1, path: str = "P/a") -> Hold:
    return Hold(
        machine, "U", "WORD", "READ", "READ", 0.0, start, start, end, count, path=path, open="O"
    )


def episode(machine: str, *holds: Hold, ended_at: float | None = None) -> EpisodeRow:
    return EpisodeRow(
        "E",
        "waiting",
        machine,
        "DESPOOLER",
        "",
        "S",
        "P/a",
        0,
        0,
        ended_at,
        1,
        0,
        "",
        [*holds],
        "L1",
    )


def lock(machine: str, opened_at: float, closed_at: float | None = None) -> LockRow:
    return LockRow("L1", "O", "S", "P/a", machine, "U", "WORD", "R", "R", opened_at, closed_at, 1)


def waited(by, *episodes: EpisodeRow, at: float = 100.0) -> dict[str, float]:
    return {row.key: row.waited_s for row in contentions(by, episodes, [], at)}


def test_holders_that_block_at_once_are_both_counted_and_the_file_once():
    one = episode("SITE1", hold("WS1", 10, 30), hold("WS2", 20, 50))
    assert waited("holder", one) == {"WORD on WS1": 20, "WORD on WS2": 30}
    for by, key in (
        ("file", r"\\L1\S\P\a"),
        ("share", r"\\L1\S"),
        ("waiter", "DESPOOLER on SITE1"),
    ):
        assert waited(by, one) == {key: 40}
    assert waited("program", one) == {"WORD": 40}


def test_time_between_two_holders_is_nobodys():
    one = episode("SITE1", hold("WS1", 10, 20), hold("WS2", 60, 70))
    assert waited("file", one) == {r"\\L1\S\P\a": 20}


def test_updates_that_wait_at_the_same_time_wait_each():
    both = [episode("A", hold("WS1", 0, 10)), episode("B", hold("WS1", 0, 10))]
    assert waited("holder", *both) == {"WORD on WS1": 20}


@pytest.mark.parametrize(
    ("released_at", "ended_at", "s"),
    [(None, None, 90), (40, None, 30), (None, 60, 50), (80, 60, 50)],
)
def test_a_hold_counts_until_it_ends_the_update_ends_or_now(released_at, ended_at, s):
    one = episode("A", hold("WS1", 10, released_at), ended_at=ended_at)
    assert waited("holder", one) == {"WORD on WS1": s}
    (row,) = contentions("holder", [one], [], 100.0)
    assert (row.episode_count, row.waiting_count) == (1, ended_at is None)


def test_the_most_waiting_comes_first_and_opens_that_stand_are_counted():
    few, many = episode("A", hold("WS1", 0, 5)), episode("B", hold("WS2", 0, 50, count=7))
    locks = [lock("WS2", 3), lock("WS2", 2), lock("WS1", 1, closed_at=9), lock("WS3", 0)]
    rows = contentions("holder", [few, many], locks, 100.0)
    assert [(r.key, r.refusal_count, r.open_count, r.opened_at) for r in rows] == [
        ("WORD on WS2", 7, 2, 2),
        ("WORD on WS1", 1, 0, None),
    ]


@pytest.mark.parametrize("by", get_args(By))
def test_where_nobody_waits_there_is_nothing(by):
    assert contentions(by, [], [lock("WS1", 0)], 1.0) == []
