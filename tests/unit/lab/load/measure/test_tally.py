"""Polls count from when they were meant to begin, in the second they were meant for, and lateness
has one owner.
"""

from __future__ import annotations

import pytest

from despoolr_lab.load.measure.tally import (
    PollOwner,
    PollPart,
    Second,
    Tally,
    merge,
    merge_parts,
    total,
)

PC = PollOwner("OFFICE", "LOGON1")


def test_a_stalled_server_shows_in_everyone_it_kept_waiting() -> None:
    """Coordinated omission: ten polls a second, the server stands still from second 2 to 7."""
    tally = Tally(0.05)
    for number in range(100):
        meant = number / 10
        done = 7.0 if 2 <= meant < 7 else meant + 0.001
        tally.poll(PC, meant, meant, done - 0.001, done, failed=False)
    seconds = tally.take()
    assert [round(seconds[n].took.max_s, 3) for n in (1, 2, 4, 6, 7)] == [
        0.001,
        5.0,
        3.0,
        1.0,
        0.001,
    ]
    assert total(seconds.values()).took.percentile_s(99) == pytest.approx(4.9, rel=0.01)
    assert total(seconds.values()).late == 0, "that was not the generator"


def test_a_poll_turned_to_late_is_the_generators_own_doing() -> None:
    tally = Tally(0.05)
    tally.poll(PC, 1.0, 1.04, 1.04, 1.05, failed=False)
    tally.poll(PC, 1.0, 1.06, 1.06, 1.07, failed=False)
    second = tally.take()[1]
    assert (second.polls, second.late, second.waited) == (2, 1, 0)
    assert second.lag.max_s == pytest.approx(0.06)


def test_a_delay_of_the_generators_own_spoils_a_poll_only_if_it_is_a_good_part_of_it() -> None:
    tally = Tally(0.05)
    tally.poll(PC, 1.0, 1.2, 1.2, 1.9, failed=False)
    tally.poll(PC, 1.0, 1.2, 1.2, 1.7, failed=False)
    assert tally.take()[1].late == 1, "0.2 s of 0.9 are little, 0.2 s of 0.7 are not"


@pytest.mark.parametrize(("share", "late"), [(0.89, 0), (0.9, 1)])
def test_a_poll_that_waited_for_a_place_waited_for_the_process_only_if_that_was_busy(
    share: float, late: int
) -> None:
    tally = Tally(0.05)
    tally.poll(PC, 3.0, 3.0, 3.2, 3.3, failed=False)
    tally.judge(share)
    second = tally.take()[3]
    assert (second.late, second.waited) == (late, 1 - late)
    tally.judge(1.0)
    assert tally.take() == {}, "judged once"


def test_what_was_told_already_is_judged_later_and_adds_up() -> None:
    tally = Tally(0.05)
    seconds: dict[int, Second] = {}
    tally.poll(PC, 3.0, 3.0, 3.2, 3.3, failed=True)
    merge(seconds, tally.take())
    tally.judge(1.0)
    merge(seconds, tally.take())
    assert (seconds[3].polls, seconds[3].failed, seconds[3].late, seconds[3].waited) == (1, 1, 1, 0)


def test_a_second_that_is_sent_arrives_as_it_was() -> None:
    tally = Tally(0.05)
    tally.poll(PC, 3.0, 3.0, 3.2, 3.3, failed=True)
    second = tally.take()[3]
    assert Second.from_json(second.to_json()).to_json() == second.to_json()


def test_the_servers_part_of_a_poll_is_from_the_request_to_the_answer() -> None:
    tally = Tally(0.05)
    tally.poll(PC, 1.0, 1.1, 1.3, 1.7, failed=False)
    told = Second.from_json(tally.take()[1].to_json())
    assert [round(part.max_s, 3) for part in (told.took, told.lag, told.served)] == [0.7, 0.1, 0.4]


def test_groups_and_servers_of_all_processes_add_up_without_the_warm_up() -> None:
    sums: dict[str, PollPart] = {}
    for _ in range(2):
        tally = Tally(0.05, first_measured=2)
        tally.poll(PC, 1.9, 1.9, 1.9, 2.0, failed=True)
        tally.poll(PC, 2.0, 2.0, 2.0, 2.3, failed=True)
        tally.poll(PollOwner("SHOP", "LOGON1"), 2.0, 2.0, 2.0, 2.1, failed=False)
        groups, servers = tally.take_parts()
        assert (set(groups), servers["LOGON1"].polls) == ({"OFFICE", "SHOP"}, 2)
        assert tally.take_parts() == ({}, {}), "taken once"
        told = {name: PollPart.from_json(part.to_json()) for name, part in groups.items()}
        merge_parts(sums, told)
    assert {name: (part.polls, part.failed) for name, part in sums.items()} == {
        "OFFICE": (2, 2),
        "SHOP": (2, 0),
    }
    assert sums["OFFICE"].took.max_s == pytest.approx(0.3)
