"""Every access against every share mode, both orders: the two-line rule, the rule said differently,
and the oracle.
"""

from __future__ import annotations

from itertools import product

import pytest

from despoolr_core.rules.conflict import conflicts, wants
from despoolr_core.share.modes import Access, NtStatus, Role, ShareMode, parse_flags
from despoolr_server.engine.engine import ShareEngine
from despoolr_server.engine.names import Name
from despoolr_server.engine.rows import Ask, FileFacts, Granted, Refusal, Session
from worlds.engine_law import check_engine
from worlds.support import oracle

NOTE = Name("NOTE.TXT", "NOTE.TXT")
FILE = FileFacts("NOTE.TXT", 10, 0.0, False, 0, '"1"')
FOLDER = FileFacts("NOTE.TXT", 0, 0.0, True, 0x10, '"1"')

RIGHTS = {
    ShareMode.READ: Access.READ_DATA | Access.EXECUTE,
    ShareMode.WRITE: Access.WRITE_DATA | Access.APPEND_DATA,
    ShareMode.DELETE: Access.DELETE,
}
ACCESSES = [
    *(
        Access(r | w | d)
        for r, w, d in product((0, Access.READ_DATA), (0, Access.WRITE_DATA), (0, Access.DELETE))
    ),
    Access.EXECUTE,
    Access.APPEND_DATA,
    Access.READ_ATTRIBUTES | Access.WRITE_ATTRIBUTES | Access.SYNCHRONIZE | Access.READ_CONTROL,
]
SHARES = [ShareMode(bits) for bits in range(8)]


def said_differently(first: int, first_share: int, second: int, second_share: int) -> bool:
    """The rule right by right: for each of the three, whoever has it needs everybody else's
    leave.
    """
    if not any(first & rights for rights in RIGHTS.values()) or not any(
        second & rights for rights in RIGHTS.values()
    ):
        return False
    return any(
        (second & rights and not first_share & mode) or (first & rights and not second_share & mode)
        for mode, rights in RIGHTS.items()
    )


class Table:
    """An engine with sessions A and B, opening one file."""

    def __init__(self, facts: FileFacts = FILE) -> None:
        self.engine = ShareEngine()
        self.facts = facts
        self.sessions = {who: self._session(who) for who in "AB"}

    def _session(self, who: str) -> Session:
        session = self.engine.sessions.start(
            0.0, machine=who, user=who, program="P", role=Role.CLIENT, owner=who, lease_s=0.0
        )
        assert isinstance(session, Session)
        return session

    def open(self, who: str, access: int, share: int) -> Granted | Refusal:
        return self.engine.open(0.0, self.sessions[who], Ask("T", NOTE, access, share), self.facts)

    def status(self, who: str, access: str, share: str) -> str:
        answer = self.open(who, parse_flags(Access, access), parse_flags(ShareMode, share))
        return answer.status.value if isinstance(answer, Refusal) else NtStatus.SUCCESS.value


def test_the_rule_agrees_with_the_rule_said_differently_for_every_pair() -> None:
    for first, first_share, second, second_share in product(ACCESSES, SHARES, ACCESSES, SHARES):
        expected = said_differently(first, first_share, second, second_share)
        assert conflicts(wants(second), second_share, wants(first), first_share) == expected


def test_the_rule_is_symmetric() -> None:
    for first, first_share, second, second_share in product(ACCESSES, SHARES, ACCESSES, SHARES):
        there = conflicts(wants(second), second_share, wants(first), first_share)
        assert there == conflicts(wants(first), first_share, wants(second), second_share)


@pytest.mark.slow
@pytest.mark.parametrize("newcomer", ["A", "B"])
def test_the_engine_refuses_exactly_what_the_rule_refuses_whoever_asks(newcomer: str) -> None:
    for first, first_share in product(ACCESSES, SHARES):
        table = Table()
        held = table.open("A", first or Access.READ_ATTRIBUTES, first_share)
        assert isinstance(held, Granted)
        for second, second_share in product(ACCESSES, SHARES):
            answer = table.open(newcomer, second or Access.READ_ATTRIBUTES, second_share)
            if said_differently(first, first_share, second, second_share):
                assert isinstance(answer, Refusal)
                assert answer.status is NtStatus.SHARING_VIOLATION
                assert answer.blockers == (held.open,)
                assert answer.blocker_count == 1
            else:
                assert isinstance(answer, Granted)
                table.engine.close(answer.open)
        check_engine(table.engine)


def test_2560_of_the_oracles_4096_pairs_conflict() -> None:
    accesses = [
        Access.READ_DATA,
        Access.WRITE_DATA,
        Access.DELETE,
        Access.READ_DATA | Access.WRITE_DATA,
        Access.EXECUTE,
        Access.APPEND_DATA,
        Access.READ_ATTRIBUTES,
        Access.READ_DATA | Access.DELETE,
    ]
    pairs = product(accesses, SHARES, accesses, SHARES)
    assert sum(conflicts(wants(c), d, wants(a), b) for a, b, c, d in pairs) == 2560


def disagreements(rows: list[list[str]], newcomer: str, facts: FileFacts) -> list[list[str]]:
    wrong = []
    for first_access, first_share, second_access, second_share, status in rows:
        table = Table(facts)
        assert table.status("A", first_access, first_share) == NtStatus.SUCCESS
        if table.status(newcomer, second_access, second_share) != status:
            wrong.append([first_access, first_share, second_access, second_share, status])
    return wrong


@pytest.mark.parametrize("newcomer", ["A", "B"])
def test_the_oracles_pairs_agree_between_sessions_and_within_one(newcomer: str) -> None:
    data = oracle("share_modes")
    assert len(data["rows"]) > 1000
    assert disagreements(data["rows"], newcomer, FILE) == []
    assert disagreements(data["same_connection_other_session"]["rows"], "B", FILE) == []


def test_the_oracles_directories_agree() -> None:
    assert disagreements(oracle("share_modes")["directories"]["rows"], "B", FOLDER) == []


def test_the_oracles_single_bits_agree() -> None:
    for bit, newcomer, holder_opens, all_after_bit in oracle("share_modes")["single_access_bits"][
        "rows"
    ]:
        table = Table()
        assert table.status("A", "READ_DATA|WRITE_DATA|DELETE", "NONE") == NtStatus.SUCCESS
        assert table.status("B", bit, "NONE") == newcomer, bit
        table = Table()
        assert table.status("A", bit, "NONE") == holder_opens, bit
        assert table.status("B", "READ_DATA|WRITE_DATA|DELETE", "NONE") == all_after_bit, bit


def test_the_oracles_three_openers_agree() -> None:
    rows = oracle("share_modes")["three_opens"]["rows"]
    for first, second, third, third_share, status, _ in rows:
        table = Table()
        assert table.status("A", first, "READ|WRITE|DELETE") == NtStatus.SUCCESS
        assert table.status("B", second, "READ|WRITE|DELETE") == NtStatus.SUCCESS
        assert table.status("A", third, third_share) == status
