"""The short way of chains: what goes that way is answered, recorded and counted as by the long one,
is made once, and not before it is safe.
"""

from __future__ import annotations

import asyncio
import random
from base64 import b64encode
from typing import Any

import msgspec
import pytest

from despoolr_core.share.chain import CALLS_MAX
from despoolr_core.share.modes import NtStatus, Role
from despoolr_core.share.wire import Problem
from despoolr_server.engine.names import Name
from despoolr_server.files import MemoryFileStore, StoreError
from despoolr_server.http.connections.field_block import read_block
from despoolr_server.http.connections.short_ways import USUAL_CALLS, Unfinished
from despoolr_server.http.connections.whole_request import WholeRequest
from despoolr_server.http.handling.single_write import BODY_SIZE_MAX
from despoolr_server.http.shares import chain as http_chain
from despoolr_server.shares.sessions import Sessions
from worlds.usual_server import AUTH, SERVICE, WHO, Served, long_ways, play

CHAIN = "POST /api/v1/chain"
LONG = "Content-Type: application/jwt"
"""What no usual call says of its body."""
Call = dict[str, Any]


def put(path: str, data: bytes = b"x", share: str = "S", **more: Any) -> Call:
    text = b64encode(data).decode()
    return {"call": "put", "share": share, "path": path, "data": text, **more}


def opened(path: str = "A", session: str = "", share: str = "S", **more: Any) -> Call:
    wish = {"session": session, "share": share, "path": path, "access": "READ"} | more
    return {"call": "open", "request": wish}


BEGIN: Call = {"call": "session", "request": {"program": "SETUP.EXE", "lease_s": 600.0}}
GET: Call = {"call": "get", "share": "S", "path": "A"}


def body_of(*calls: Call, stops: bool = False) -> bytes:
    return msgspec.json.encode({"calls": calls, "stops": stops})


def results(told: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode(told)["results"]
    return found


def test_what_a_client_says_goes_the_short_way_and_is_counted_and_timed() -> None:
    async def script(served: Served, _session: str) -> None:
        answers, latency = served.surface.answers["POST"], served.surface.latencies["POST"]
        told, timed = answers[200], sum(latency.classes)
        with long_ways() as made:
            for _ in range(2):
                status, body = await served.ask(CHAIN, WHO, body=body_of(BEGIN, opened()))
                assert status == 200
                began, held = results(body)
                session, handle = began["session"]["session"], held["open"]["open"]
                end = {"call": "logoff", "session": session}
                put_new = put(f"{session}.SNI", b"report", create=True)
                calls = ({"call": "close", "open": handle}, put_new, end)
                status, body = await served.ask(CHAIN, WHO, body=body_of(*calls))
                assert (status, [*map(list, results(body))]) == (200, [[], ["etag"], []])
        assert made == []
        assert (answers[200], sum(latency.classes)) == (told + 4, timed + 4)
        assert served.short == ["open", "close"] * 2, "asked in the same words as before"
        assert not served.host.gate.engine.table

    play(script)


def test_random_chains_are_answered_and_recorded_as_in_the_long_way() -> None:
    told: list[list[Any]] = []

    async def script(served: Served, _session: str) -> None:
        field, chance = (("X: y", LONG)[len(told)], random.Random(7))
        told.append([])
        served.records.clear()
        with long_ways() as made:
            for _ in range(150):
                calls = [a_call(chance) for _ in range(chance.randrange(1, 6))]
                has_get = any(call["call"] == "get" for call in calls)
                stops = chance.random() < 0.5
                before = len(made)
                asked = served.ask(CHAIN, WHO, field, body=body_of(*calls, stops=stops))
                told[-1].append(await asked)
                assert (len(made) > before) == (field == LONG or has_get)
        told[-1] += [(record.actor, record.data) for record in served.records]

    for _ in range(2):
        play(script)
    short, long = told
    assert short == long
    assert len({status for status, _ in short[:150]}) == 1


def a_call(chance: random.Random) -> Call:
    """One that mostly does something, sometimes to what another one has open."""
    path, number = chance.choice("ABCD"), chance.randrange(1, 40)
    return chance.choice(
        [
            BEGIN,
            {"call": "session", "request": {"machine": "PC99"}},
            opened(path),
            opened(path, f"S{number}"),
            opened(path, f"S{number}", disposition="OPEN_IF"),
            opened(path, f"S{number}", access="WRITE", share_mode=""),
            opened("none", f"S{number}"),
            {**opened(path, f"S{number}"), "read": True},
            {"call": "close", "open": f"O{number}"},
            {"call": "logoff", "session": f"S{number}"},
            put(path, b"new"),
            put(path, create=True),
            put("no/such/place"),
            put(path, share="NONE"),
            {"call": "delete", "share": "S", "path": path},
            {**GET, "path": path},
        ]
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[" * 5000, 400),
        (b'{"calls":[]}', 400),
        (body_of(*[BEGIN] * (CALLS_MAX + 1)), 400),
        (body_of({**BEGIN, "odd": 1}), 400),
        (body_of({"call": "session", "request": {"program": "a\nb"}}), 400),
        (b'{"calls":[{"call":"close","open":"\xff"}]}', 400),
        (b" " * (http_chain.BODY_SIZE_MAX + 1), 413),
    ],
)
def test_what_is_no_chain_is_told_by_the_long_way(body: bytes, status: int) -> None:
    async def script(served: Served, _session: str) -> None:
        served.records.clear()
        assert (await served.ask(CHAIN, WHO, body=body))[0] == status
        assert (await served.ask(CHAIN, WHO, body=body_of(BEGIN)))[0] == 200
        assert len(served.records) == 1

    play(script)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ((WHO, "Origin: http://evil.example.com"), 403),
        ((WHO, "Content-Type: text/plain"), 415),
        ((WHO, "Content-Encoding: gzip"), 415),
        ((WHO, "Despoolr-Program: SETUP.EXE"), 200),
        ((), 401),
    ],
)
def test_a_head_with_something_special_goes_the_long_way(
    fields: tuple[str, ...], status: int
) -> None:
    async def script(served: Served, _session: str) -> None:
        with long_ways() as made:
            assert (await served.ask(CHAIN, *fields, body=body_of(BEGIN)))[0] == status
        assert len(made) == 1

    play(script)


def test_new_files_are_answered_when_they_are_safe_and_no_task_waits() -> None:
    async def script(served: Served, _session: str) -> None:
        assert served.raw is not None
        answers, latency = served.surface.answers["POST"], served.surface.latencies["POST"]
        told, timed = answers[200], sum(latency.classes)
        with long_ways() as made:
            tasks = len(asyncio.all_tasks())
            served.say(CHAIN, WHO, body=body_of(put("N", share="T", create=True)))
            await asyncio.sleep(0.1)
            assert (made, answers[200], len(served.later.calls)) == ([], told, 1)
            assert len(asyncio.all_tasks()) == tasks
            assert not served.raw.reader._buffer  # type: ignore[attr-defined]
            served.later.become_safe()
            assert (await served.raw.answer())[0] == 200
        assert (answers[200], sum(latency.classes)) == (told + 1, timed + 1)

    play(script)


@pytest.mark.parametrize(
    "calls",
    [
        (put("N", b"old", "T"),),
        (put("N", b"new", "T", create=True), {"call": "delete", "share": "T", "path": "N"}),
        (put("N", b"new", "T", create=True), put("N", share="T", create=True)),
        (put("N", b"new", "T", create=True), put("N", create=True)),
        (BEGIN, opened("N", share="T", access="WRITE", disposition="CREATE")),
    ],
)
def test_whatever_else_waits_is_made_once_and_answered_when_it_is_safe(
    calls: tuple[Call, ...],
) -> None:
    told: list[Any] = []

    async def script(served: Served, _session: str) -> None:
        assert served.raw is not None
        field = ("X: y", LONG)[len(told)]
        counted = served.surface.answers["POST"][200]
        served.records.clear()
        with long_ways() as made:
            served.say(CHAIN, WHO, field, body=body_of(*calls))
            await asyncio.sleep(0.1)
            assert (len(made), len(served.later.calls)) == (1, 1)
            assert not served.raw.reader._buffer  # type: ignore[attr-defined]
            assert served.surface.answers["POST"][200] == counted
            while served.later.calls:
                served.later.become_safe()
                await asyncio.sleep(0.1)
        told.append((await served.raw.answer(), [record.data for record in served.records]))
        assert served.surface.answers["POST"][200] == counted + 1

    for _ in range(2):
        play(script)
    assert told[0][0][0] == 200
    assert told[0] == told[1]


@pytest.mark.parametrize("is_new", [True, False])
def test_what_cannot_be_made_safe_is_answered_as_the_long_way_does(is_new: bool) -> None:
    told = []

    async def script(served: Served, _session: str) -> None:
        assert served.raw is not None
        for number, field in enumerate(("X: y", LONG)):
            served.records.clear()
            counted = served.surface.answers["POST"][507]
            call = put("N" if not is_new else f"N{number}", share="t", create=is_new)
            served.say(CHAIN, WHO, field, body=body_of(call))
            await asyncio.sleep(0.1)
            served.later.become_safe(StoreError(NtStatus.DISK_FULL, "no room"))
            told.append((await served.raw.answer(), [record.kind for record in served.records]))
            assert served.surface.answers["POST"][507] == counted + 1

    play(script)
    assert told[0][0][0] == 507
    assert told[0] == told[1]


@pytest.mark.parametrize(("kind", "name"), [(Sessions, "start"), (MemoryFileStore, "sync")])
def test_a_mistake_is_answered_as_one_of_the_server(kind: type[object], name: str) -> None:
    async def script(served: Served, _session: str) -> None:
        def mistaken(*_: object) -> None:
            raise RuntimeError("a mistake of ours")

        counted = served.surface.answers["POST"][500]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kind, name, mistaken)
            assert (await served.ask(CHAIN, WHO, body=body_of(BEGIN, put("B"))))[0] == 500
        assert served.surface.answers["POST"][500] == counted + 1
        assert (await served.ask(CHAIN, WHO, body=body_of(put("B"))))[0] == 200

    play(script)


def test_what_waits_keeps_no_body_and_is_timed_from_its_beginning() -> None:
    async def script(served: Served, _session: str) -> None:
        assert served.raw is not None
        latency, body = served.surface.latencies["POST"], body_of(put("N", share="T"))
        with long_ways() as made:
            served.say(CHAIN, WHO, body=body)
            await asyncio.sleep(0.1)
            served.later.become_safe()
            assert (await served.raw.answer())[0] == 200
        (request,) = made
        assert isinstance(request, WholeRequest) and not request.can_read_body

        timed, block = latency.sum_s, read_block(f"Host: logon1\r\n{WHO}".encode())
        assert block is not None
        usual, time = served.app[USUAL_CALLS]["POST", "/api/v1/chain"], request._loop.time
        begun = usual("", block, body, lambda: time() - 2.0)
        assert isinstance(begun, Unfinished)
        asyncio.get_running_loop().call_later(1.0, served.later.become_safe)
        await begun.rest(request)
        assert latency.sum_s - timed == pytest.approx(3.0)

    play(script)


def test_a_long_answer_is_said_whole() -> None:
    async def script(served: Served, session: str) -> None:
        for size in (BODY_SIZE_MAX // 2, BODY_SIZE_MAX, 300_000):
            await served.host.paths.put(SERVICE, "S", f"L{size}", b"x" * size)
            call = {**opened(f"L{size}", session), "read": True}
            status, told = await served.ask(CHAIN, WHO, body=body_of(call, put("B", b"new")))
            assert (status, len(results(told)[0]["data"])) == (200, (size + 2) // 3 * 4)

    play(script)


@pytest.mark.parametrize("is_new", [True, False])
def test_a_line_that_is_cut_before_all_is_safe_carries_no_answer(is_new: bool) -> None:
    async def script(served: Served, _session: str) -> None:
        assert served.raw is not None
        served.say(CHAIN, WHO, body=body_of(put("N", share="T", create=is_new)))
        await asyncio.sleep(0.1)
        served.line.cut("PC01")
        served.later.become_safe()
        assert await served.raw.heard() == b""
        assert served.later.read(Name("N", "N")) == b"x"

    play(script)


def test_a_line_that_is_cut_loses_no_answer_in_front_of_it_and_begins_nothing_behind_it() -> None:
    """Machines of one process may ask over one connection."""

    async def script(served: Served, _session: str) -> None:
        assert served.raw is not None
        served.line.cut("PC02")
        said = b""
        for machine in ("PC01", "PC02", "PC03"):
            body = body_of(put(machine, create=True))
            token = AUTH.issue(machine, "user", Role.CLIENT)
            head = f"{CHAIN} HTTP/1.1\r\nHost: logon1\r\nAuthorization: Bearer {token}\r\n"
            said += f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        served.raw.say(said)
        assert (await served.raw.answer())[0] == 200
        assert await served.raw.heard() == b""
        made = [served.host.listings.stat(SERVICE, "S", f"PC0{number}") for number in (1, 2, 3)]
        assert [isinstance(one, Problem) for one in made] == [False, True, True]

    play(script)
