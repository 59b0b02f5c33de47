"""Heads of clients that differ by their tokens."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from despoolr_server.http.connections import lane as module
from despoolr_server.http.connections.field_block import (
    BLOCK_SIZE_MAX,
    FIELDS_MAX,
    FieldBlock,
    read_block,
)
from despoolr_server.http.connections.lane import FastLane
from despoolr_server.http.handling import hdrs
from unit.server.http.connections.test_fast_lane import make_lane

HOST = "Host: logon1"
BEARER = "Authorization: Bearer abc.def"
LENGTH = "Content-Length: 3"
TOKEN = "Lock-Token: <opaquelocktoken:1>"


@pytest.mark.parametrize(
    "fields",
    [
        (BEARER,),
        ("Accept: */*", BEARER, "X: y"),
        (BEARER, LENGTH, "X: y"),
        (LENGTH, BEARER),
        (TOKEN, BEARER, LENGTH),
        (BEARER, TOKEN, "If: (<opaquelocktoken:1>)"),
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
    ],
)
def test_a_head_with_a_bearer_token_is_read_as_if_it_were_read_whole(
    fields: tuple[str, ...],
) -> None:
    data = "\r\n".join((HOST, *fields)).encode("latin-1")
    whole, lane = read_block(data), make_lane()
    for _ in range(3):  # known beside its token, then with it
        found = lane.block(data)
        if whole is None or found is None:
            assert whole is found is None
            continue
        assert sorted(found.raw) == sorted(whole.raw)
        assert sorted(found.headers.items()) == sorted(whole.headers.items())
        if TOKEN not in fields:
            assert found.raw == whole.raw
            assert [*found.headers.items()] == [*whole.headers.items()]
        assert (found.body_size, found.count) == (whole.body_size, whole.count)
        assert found.authorization == whole.authorization
        for name in (hdrs.AUTHORIZATION, hdrs.CONTENT_LENGTH, hdrs.HOST, hdrs.IF_NONE_MATCH):
            assert found.says(name) == (name in whole.headers)
            if name != hdrs.AUTHORIZATION and name != hdrs.CONTENT_LENGTH:
                assert (name in found.beside.headers) == (name in whole.headers)


def test_what_clients_say_under_their_tokens_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lane = make_lane()
    blocks: list[FieldBlock | None] = []
    monkeypatch.setattr(module, "read_block", counted(blocks))

    def say(lane: FastLane, number: int, size: int) -> FieldBlock:
        text = f"{HOST}\r\nAccept: */*{' ' * 50}\r\nAuthorization: Bearer N{number}"
        found = lane.block(f"{text}\r\nContent-Length: {size}".encode())
        assert found is not None
        assert (found.authorization, found.body_size) == (f"Bearer N{number}", size)
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
