"""The table of WebDAV locks: what a name is in the reach of, and whom a token lets through."""

from __future__ import annotations

from uuid import NAMESPACE_URL, RFC_4122, UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_server.engine.names import Name, parse_name
from despoolr_server.engine.table import file_key
from despoolr_server.shares.base.dav_locks import DavLock, DavLockTable

ALICE, BOB = ("WS1", "ALICE"), ("WS2", "BOB")


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


def lock(
    table: DavLockTable,
    path: str,
    *,
    exclusive: bool = True,
    infinite: bool = False,
    principal: tuple[str, str] = ALICE,
) -> DavLock:
    """A lock on the share `S`, entered."""
    number = len(table) + 1
    token = table.next_token(float(number))
    made = DavLock(
        token,
        f"O-{token}",
        f"S-{token}",
        "S",
        path,
        file_key("S", n(path)),
        exclusive,
        infinite,
        principal,
        "",
    )
    table.add(made)
    return made


def test_a_name_is_in_the_reach_of_its_own_locks_and_of_deep_ones_above() -> None:
    table = DavLockTable("LOGON1")
    root, deep, flat, own = (
        lock(table, "", infinite=True),
        lock(table, "D", infinite=True),
        lock(table, "D/E"),
        lock(table, "D/E/F"),
    )
    assert table.covering("S", n("d/e/f")) == [own, deep, root]
    assert table.covering("S", n("D/E")) == [flat, deep, root]
    assert table.covering("S", n("DD")) == [root]
    assert table.covering("T", n("D")) == []
    assert table.guarding("S", n("D/E/X")) == [deep, root, flat]
    assert table.rooted_in("S", n("D/E")) == [flat, own]
    assert table.rooted_in("S", n("D/E/F")) == [own]


LOCKED = ["", "A", "D", "D/A", "D/E", "D/E/F", "DD"]


@given(
    st.lists(st.tuples(st.sampled_from(LOCKED), st.booleans()), max_size=6),
    st.integers(min_value=0, max_value=6),
)
def test_a_directory_without_a_name_in_the_reach_of_a_lock_is_known(
    made: list[tuple[str, bool]], ended: int
) -> None:
    table = DavLockTable("LOGON1")
    locks = [lock(table, path, infinite=infinite) for path, infinite in made]
    for one in locks[:ended]:
        table.forget(one.handle)
    for directory in ("", "D", "D/E", "DD"):
        below = [path for path in LOCKED if path and path.rpartition("/")[0] == directory]
        names = [n(path) for path in [*below, f"{directory}/NEW".strip("/")]]
        has_any = any(table.covering("S", name) for name in names)
        assert table.is_any_in("S", n(directory)) == has_any
        assert not table.is_any_in("T", n(directory))


def test_a_lock_is_found_by_its_token_and_by_its_open_until_that_ends() -> None:
    table = DavLockTable("LOGON1")
    made = lock(table, "A", infinite=True)
    assert (table.find(made.token), table.of_handle(made.handle)) == (made, made)
    assert table.forget("O-of-somebody-else") is None
    assert table.forget(made.handle) is made
    assert table.forget(made.handle) is None
    assert (table.find(made.token), table.of_handle(made.handle), list(table)) == (None, None, [])
    assert table.covering("S", n("A")) == []


def test_the_token_of_an_exclusive_lock_lets_its_owner_through_and_nobody_else() -> None:
    table = DavLockTable("LOGON1")
    made = lock(table, "A")
    tokens = frozenset([made.token])
    assert table.covering_handles("S", n("a"), ALICE, tokens) == {made.handle}
    assert table.covering_handles("S", n("a"), BOB, tokens) == frozenset()
    assert table.covering_handles("S", n("a"), None, tokens) == {made.handle}
    assert (
        table.covering_handles("S", n("a"), ALICE, frozenset(["opaquelocktoken:other"]))
        == frozenset()
    )
    assert table.covering_handles("S", n("b"), ALICE, tokens) == frozenset()
    assert table.covering_handles("S", n("a"), ALICE, frozenset()) == frozenset()


def test_any_one_of_several_shared_locks_lets_its_owner_past_all_of_them() -> None:
    table = DavLockTable("LOGON1")
    mine, yours = (
        lock(table, "A", exclusive=False),
        lock(table, "A", exclusive=False, principal=BOB),
    )
    assert table.covering_handles("S", n("A"), BOB, frozenset([yours.token])) == {
        mine.handle,
        yours.handle,
    }


def test_a_directorys_lock_counts_for_names_in_it_and_not_for_their_own_locks() -> None:
    table = DavLockTable("LOGON1")
    directory, file = lock(table, "D"), lock(table, "D/A", principal=BOB)
    assert table.covering_handles("S", n("D/A"), ALICE, frozenset([directory.token])) == {
        directory.handle
    }
    assert table.covering_handles("S", n("D/A"), BOB, frozenset([file.token])) == {file.handle}
    assert (
        table.covering_handles("S", n("D/A/x"), ALICE, frozenset([directory.token])) == frozenset()
    )


def test_both_limits_hold_at_their_edge() -> None:
    table = DavLockTable("LOGON1", locks_max=3, locks_per_principal_max=2)
    lock(table, "A")
    assert table.why_full(ALICE) == ""
    second = lock(table, "B")
    assert "limit of 2" in table.why_full(ALICE)
    assert table.why_full(BOB) == ""
    lock(table, "C", principal=BOB)
    assert "limit of 3" in table.why_full(BOB)
    table.forget(second.handle)
    assert table.why_full(ALICE) == ""


def test_no_two_tokens_are_the_same_not_even_of_two_servers_or_two_starts() -> None:
    tables = [
        DavLockTable("LOGON1"),
        DavLockTable("LOGON2"),
        DavLockTable("LOGON1", id_prefix="R2"),
    ]
    tokens = [table.next_token(float(at)) for table in tables for at in range(100)]
    assert len(set(tokens)) == len(tokens)
    assert all(token.startswith("opaquelocktoken:") for token in tokens)


def test_a_lock_says_what_it_is() -> None:
    table = DavLockTable("LOGON1")
    assert lock(table, "A").kind == "WebDAV lock, exclusive, depth 0"
    assert (
        lock(table, "B", exclusive=False, infinite=True).kind
        == "WebDAV lock, shared, depth infinity"
    )


PATHS = st.lists(st.sampled_from("AB"), max_size=3).map("/".join)


@pytest.mark.slow
@given(st.lists(st.tuples(PATHS, st.booleans(), st.booleans()), max_size=12), PATHS)
def test_the_index_agrees_with_a_look_at_every_lock(
    rows: list[tuple[str, bool, bool]], path: str
) -> None:
    table = DavLockTable("LOGON1")
    locks = [lock(table, where, infinite=infinite) for where, infinite, _ in rows]
    for made, (_, _, goes) in zip(locks, rows, strict=True):
        if goes:
            table.forget(made.handle)
    left = [made for made, (_, _, goes) in zip(locks, rows, strict=True) if not goes]
    assert list(table) == left
    key = file_key("S", n(path))
    over = [
        one for one in left if one.key == key or (one.infinite and key.startswith(one.key + "/"))
    ]
    assert sorted(one.token for one in table.covering("S", n(path))) == sorted(
        one.token for one in over
    )
    below = [one for one in left if one.key == key or one.key.startswith(key + "/")]
    assert [one.token for one in table.rooted_in("S", n(path))] == [one.token for one in below]


def test_a_token_is_a_uuid_of_the_server_its_start_and_the_lock() -> None:
    table = DavLockTable("LOGON1", id_prefix="R2")
    tokens = [table.next_token(number / 3) for number in range(1, 50)]
    start = uuid5(NAMESPACE_URL, f"urn:despoolr:LOGON1:R2@{1 / 3!r}")
    for number, token in enumerate(tokens, 1):
        found = UUID(token.removeprefix("opaquelocktoken:"))
        assert f"opaquelocktoken:{found}" == token
        assert (found.version, found.variant, found.node) == (8, RFC_4122, number)
        assert found.time_low == start.time_low
