"""The order of distribution servers (Q161310, Q165508), as a table; and the fault that knows only
its last row.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_client.pcm.behaviour import PcmBehaviour, ServerChoice
from despoolr_client.pcm.servers import PackagePlace, SelectionStep, candidates

S = SelectionStep


def unc(server: str) -> str:
    return rf"\\{server}\SMS_PKGD\BPC00001" + "\\"


def steps(
    listed: list[str], logon: str, drives: list[str], behaviour: PcmBehaviour | None = None
) -> list[tuple[str, str]]:
    found = candidates(
        [unc(name) for name in listed], logon, drives, behaviour or PcmBehaviour(), Random(1)
    )
    return [(step.name, place.server) for step, place in found]


TABLE = [
    # listed, logon server, drives -> the first candidates
    (["A", "B", "L"], "L", [], [("LOGON_SERVER", "L")]),
    (["A", "B", "L"], "L", ["B"], [("LOGON_SERVER", "L"), ("CONNECTED_DRIVE", "B")]),
    (["A", "B"], "L", ["X", "B"], [("CONNECTED_DRIVE", "B"), ("PROBE", "L")]),
    (
        ["A", "B"],
        "L",
        ["B", "A"],
        [("CONNECTED_DRIVE", "B"), ("CONNECTED_DRIVE", "A"), ("PROBE", "L")],
    ),
    (["A", "B"], "L", [], [("PROBE", "L")]),
]


@pytest.mark.parametrize(("listed", "logon", "drives", "first"), TABLE)
def test_servers_come_in_the_documented_order(
    listed: list[str], logon: str, drives: list[str], first: list[tuple[str, str]]
) -> None:
    found = steps(listed, logon, drives)
    assert found[: len(first)] == first
    rest = found[len(first) :]
    assert {step for step, _ in rest} <= {"RANDOM"}
    assert {server for _, server in found} == {*listed, logon}
    assert len({server for _, server in found}) == len(found)


def test_with_the_fault_of_q165508_every_server_is_random() -> None:
    found = steps(["A", "B", "L"], "L", ["B"], PcmBehaviour(random_server_bug=True))
    assert {step for step, _ in found} == {"RANDOM"}
    assert sorted(server for _, server in found) == ["A", "B", "L"]


@pytest.mark.parametrize(
    ("choice", "left"),
    [
        (ServerChoice.LOCAL_ONLY, {"LOGON_SERVER"}),
        (ServerChoice.DRIVE_MAPPINGS, {"LOGON_SERVER", "CONNECTED_DRIVE"}),
        (ServerChoice.RANDOM, {"LOGON_SERVER", "CONNECTED_DRIVE", "RANDOM"}),
        (ServerChoice.RANDOM_ONLY, {"RANDOM"}),
    ],
)
def test_disable_random_pcm_servers_leaves_these_steps(
    choice: ServerChoice, left: set[str]
) -> None:
    found = steps(["A", "B", "L"], "L", ["B"], PcmBehaviour(server_choice=choice))
    assert {step for step, _ in found} == left


def test_only_the_first_ten_servers_of_a_record_count() -> None:
    found = steps(
        [f"S{number}" for number in range(12)], "L", [], PcmBehaviour(random_server_bug=True)
    )
    assert sorted(server for _, server in found) == sorted(f"S{number}" for number in range(10))


def test_the_same_generator_gives_the_same_order_however_the_record_lists_the_servers() -> None:
    servers = [f"S{number}" for number in range(8)]
    bug = PcmBehaviour(random_server_bug=True)
    assert steps(servers, "L", [], bug) == steps(servers[::-1], "L", [], bug)


def test_different_clients_choose_differently() -> None:
    servers = [unc(f"S{number}") for number in range(4)]
    bug = PcmBehaviour(random_server_bug=True)
    first = {
        next(candidates(servers, "L", [], bug, Random(f"1/PC{number}")))[1].server
        for number in range(50)
    }
    assert first == {"S0", "S1", "S2", "S3"}


def test_an_entry_that_is_no_unc_is_passed_over() -> None:
    found = candidates(["nonsense", unc("A")], "", [], PcmBehaviour(), Random(1))
    assert [place.server for _, place in found] == ["A"]


@given(
    st.lists(st.sampled_from("ABCDEF"), unique=True, max_size=6),
    st.sampled_from("ABX"),
    st.lists(st.sampled_from("ABCX")),
)
def test_every_listed_server_is_tried_exactly_once(
    listed: list[str], logon: str, drives: list[str]
) -> None:
    servers = [server for _, server in steps(listed, logon, drives)]
    assert len(set(servers)) == len(servers)
    assert set(listed) <= set(servers) <= {*listed, logon}


def test_a_place_is_taken_apart_and_put_together() -> None:
    place = PackagePlace(r"\\cns-sms\SMS_PKGD\BPC0000A" + "\\")
    assert (place.server, place.share, place.path) == ("CNS-SMS", "SMS_PKGD", "BPC0000A")
    assert place.unc == r"\\CNS-SMS\SMS_PKGD\BPC0000A" + "\\"
    with pytest.raises(ValueError, match="package place"):
        PackagePlace("SMS_PKGD")
