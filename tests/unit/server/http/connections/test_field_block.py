"""Heads of clients that differ by a token, or by the size of a body."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from despoolr_server.http.connections import lane as module
from despoolr_server.http.connections.field_block import (
    BLOCK_SIZE_MAX,
    FIELDS_MAX,
    SIZES_MAX,
    FieldBlock,
    read_around,
    read_block,
)
from despoolr_server.http.connections.lane import FastLane
from despoolr_server.http.handling import hdrs
from unit.server.http.connections.test_fast_lane import make_lane

HOST = "Host: logon1"
BEARER = "Authorization: Bearer abc.def"
LENGTH = "Content-Length: 3"
TOKEN = "Lock-Token: <opaquelocktoken:1>"
APART = (hdrs.AUTHORIZATION, hdrs.CONTENT_LENGTH, hdrs.LOCK_TOKEN)
"""Fields that are read apart from the others of a head."""


@pytest.mark.parametrize(
    "fields",
    [
        (BEARER,),
        ("Accept: */*", BEARER, "X: y"),
        (BEARER, LENGTH, "X: y"),
        (LENGTH, BEARER),
        (TOKEN, BEARER, LENGTH),
        (BEARER, TOKEN, "If: (<opaquelocktoken:1>)"),
        ("Accept: */*", TOKEN, BEARER, "X: y"),
        (BEARER, TOKEN, TOKEN),
        (TOKEN, BEARER, "lock-token: <opaquelocktoken:2>"),
        (BEARER, "lock-token: <opaquelocktoken:1>"),
        (BEARER, "Lock-Token:\t <opaquelocktoken:1> "),
        (BEARER, "Lock-Token:"),
        (BEARER, "Lock-Token: \xe9"),
        (BEARER, "Lock-Token: x\x00"),
        (BEARER, TOKEN, " folded"),
        (BEARER, TOKEN) * 2_000,
        (*(f"X{number}: y" for number in range(FIELDS_MAX - 3)), BEARER, TOKEN),
        (*(f"X{number}: y" for number in range(FIELDS_MAX - 2)), BEARER, TOKEN),
        (BEARER, BEARER),
        (BEARER,) * 150,
        (BEARER, LENGTH) * 5_000,
        (BEARER, "authorization: Bearer x"),
        ("AUTHORIZATION: Bearer x", BEARER),
        ("Authorization: Basic eDp5", BEARER),
        ("Authorization: Basic eDp5",),
        ("authorization: Bearer x",),
        ("Authorization: bearer x",),
        ("Authorization: Bearer ",),
        ("Authorization: Bearer x ",),
        ("Authorization: Bearer x y",),
        ("Authorization:  Bearer x",),
        ("Authorization:Bearer x",),
        ("Authorization : Bearer x",),
        ("Authorization: Bearer \xe9",),
        ("Authorization: Bearer x\x00",),
        (BEARER, 'If-None-Match: "x"'),
        (BEARER, " folded"),
        (BEARER, "", "X: y"),
        (BEARER, "Transfer-Encoding: chunked"),
        (BEARER, "Connection: close"),
        (BEARER, "X: y", "x: y"),
        (*(f"X{number}: y" for number in range(FIELDS_MAX - 2)), BEARER),
        (*(f"X{number}: y" for number in range(FIELDS_MAX - 1)), BEARER),
        (*(f"X{number}: y" for number in range(FIELDS_MAX - 3)), BEARER, LENGTH),
        (*(f"X{number}: y" for number in range(FIELDS_MAX - 2)), BEARER, LENGTH),
        (f"X: {'y' * (BLOCK_SIZE_MAX - 49)}", BEARER),
        (f"X: {'y' * (BLOCK_SIZE_MAX - 48)}", BEARER),
        (TOKEN,),
        (TOKEN, HOST),
        ("Content-Length: 3", TOKEN, "Depth: 0"),
        ("Lock-Token:  x \t",),
        ("Lock-Token:",),
        ("Lock-Token: \xe9",),
        ("Lock-Token : x",),
        (TOKEN, TOKEN),
        (TOKEN, "lock-token: y"),
        ("lock-token: y", TOKEN),
        ("Transfer-Encoding: chunked", TOKEN),
        (TOKEN, " folded"),
        (TOKEN, "", "X: y"),
        (*(f"X{number}: y" for number in range(FIELDS_MAX - 2)), TOKEN),
        (*(f"X{number}: y" for number in range(FIELDS_MAX - 1)), TOKEN),
        (f"Lock-Token: {'y' * (BLOCK_SIZE_MAX - 27)}",),
        (f"Lock-Token: {'y' * (BLOCK_SIZE_MAX - 26)}",),
        (LENGTH,),
        ("Accept: */*", LENGTH, "Depth: 0", "X: y"),
        (TOKEN, LENGTH, "Depth: 0"),
        ("Content-Length: 000000000003", "X: y"),
        ("Content-Length: 1234567890123",),
        ("Content-Length: ", "X: y"),
        ("Content-Length: 3 ", "X: y"),
        ("Content-Length:3", "X: y"),
        ("Content-Length: +3", "X: y"),
        ("Content-Length: 3, 3", "X: y"),
        ("Content-Length : 3", "X: y"),
        ("content-length: 3", "X: y"),
        (LENGTH, LENGTH),
        (LENGTH,) * 150,
        (LENGTH,) * 5_000,
        (LENGTH, "Content-Length: 4"),
        (LENGTH, "content-length: 4"),
        ("CONTENT-LENGTH: 4", LENGTH),
        (LENGTH, " folded"),
        (LENGTH, "", "X: y"),
        (LENGTH, "Transfer-Encoding: chunked"),
        (LENGTH, "Connection: close"),
        (LENGTH, "X: y", "x: y"),
        (LENGTH, "X: \xe9"),
        (*(f"X{number}: y" for number in range(FIELDS_MAX - 2)), LENGTH),
        (*(f"X{number}: y" for number in range(FIELDS_MAX - 1)), LENGTH),
        (f"X: {'y' * (BLOCK_SIZE_MAX - 37)}", LENGTH),
        (f"X: {'y' * (BLOCK_SIZE_MAX - 36)}", LENGTH),
    ],
)
def test_a_head_is_read_in_parts_as_if_it_were_read_whole(
    fields: tuple[str, ...],
) -> None:
    data = "\r\n".join((HOST, *fields)).encode("latin-1")
    whole, lane = read_block(data), make_lane()
    for _ in range(3):  # known beside its token, then with it
        found = lane.block(data)
        if whole is None or found is None:
            assert whole is found is None
            continue
        assert found.raw == whole.raw
        assert [*found.headers.items()] == [*whole.headers.items()]
        assert (found.body_size, found.count) == (whole.body_size, whole.count)
        for name in (*APART, hdrs.HOST, hdrs.IF_NONE_MATCH):
            assert found.says(name) == (name in whole.headers)
            assert found.value(name) == whole.value(name)
            if name not in APART:
                assert (name in found.beside.headers) == (name in whole.headers)


@pytest.mark.parametrize("fields", [(TOKEN,), (BEARER, TOKEN), (TOKEN, LENGTH)])
def test_no_head_with_a_lock_token_is_remembered(fields: tuple[str, ...]) -> None:
    data, lane = "\r\n".join((HOST, *fields)).encode(), make_lane()
    for _ in range(2):
        assert lane.block(data) is not None
    assert data not in lane._blocks._table


def test_heads_that_differ_by_the_size_of_their_bodies_are_remembered_once() -> None:
    lane = make_lane()

    def say(size: int) -> FieldBlock:
        found = lane.block(
            "\r\n".join((HOST, f"X: {'y' * 200}", f"Content-Length: {size}")).encode()
        )
        assert found is not None
        assert found.body_size == size
        return found

    for size in range(100):
        say(size)
    assert len(lane._blocks) == 1
    (around,) = lane._blocks._table.values()
    assert len(around.sizes) == SIZES_MAX
    for size in range(100 - SIZES_MAX, 100):  # of late: the whole head comes again, it seems
        say(size)
    assert len(lane._blocks) == 1 + SIZES_MAX
    first = say(0)
    assert len(lane._blocks) == 1 + SIZES_MAX
    first.who, first.look, first.locks = "PC01", "a file", "a lock"
    found = say(200).who, say(99).look, say(5).locks
    assert (around.who, around.look, around.locks) == found == ("PC01", "a file", "a lock")


@pytest.mark.parametrize("field", [BEARER, LENGTH, TOKEN])
def test_of_a_head_that_has_a_field_many_times_no_part_is_read(
    field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: list[bytes] = []

    def noted(
        data: bytes, read: Callable[[bytes], FieldBlock | None]
    ) -> tuple[FieldBlock | None, bool] | None:
        parts.append(data)
        return read_around(data, read)

    monkeypatch.setattr(module, "read_around", noted)
    assert make_lane().block("\r\n".join((HOST, *[field] * 100)).encode()) is None
    assert len(parts) == 1


def test_what_clients_say_under_their_tokens_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lane = make_lane()
    blocks: list[FieldBlock | None] = []
    monkeypatch.setattr(module, "read_block", counted(blocks))

    def say(lane: FastLane, number: int, size: int) -> FieldBlock:
        text = f"{HOST}\r\nAccept: */*{' ' * 50}\r\nAuthorization: Bearer N{number}"
        found = lane.block(f"{text}\r\nContent-Length: {size}".encode())
        assert found is not None
        assert (found.value(hdrs.AUTHORIZATION), found.body_size) == (f"Bearer N{number}", size)
        return found

    found = [say(lane, number, number % 2) for number in range(100)]
    assert len(blocks) == 1
    assert {id(block.beside) for block in found} == {id(blocks[0])}
    found[0].who, found[1].who = "N0", "N1"
    assert [say(lane, number, 5).who for number in range(3)] == ["N0", "N1", None]


def counted(
    blocks: list[FieldBlock | None],
) -> Callable[[bytes], FieldBlock | None]:
    def read(data: bytes) -> FieldBlock | None:
        blocks.append(read_block(data))
        return blocks[-1]

    return read
