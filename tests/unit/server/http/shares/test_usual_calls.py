"""The short way over a connection with the lane: what is counted, and what does not go that way."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec
import pytest

from despoolr_core.share.modes import NtStatus
from despoolr_core.share.wire import OpenRequest, Problem
from despoolr_server.engine.names import Name
from despoolr_server.engine.rows import FileFacts
from despoolr_server.files import MemoryFileStore, StoreError
from despoolr_server.http.base.counts.traffic import TRAFFIC
from despoolr_server.http.connections.lane import KNOWN_MAX, FastLane
from despoolr_server.http.handling.single_write import BODY_SIZE_MAX
from despoolr_server.http.shares import usual_calls
from despoolr_server.shares.base.principal import Content
from worlds.usual_server import SERVICE, WHO, Served, long_ways, play


def test_bodies_of_opens_are_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usual_calls, "WISHES_MAX", 2)
    decoded: list[bytes] = []
    decode = usual_calls._decode

    def noted(body: bytes) -> OpenRequest:
        decoded.append(body)
        return decode(body)

    monkeypatch.setattr(usual_calls, "_decode", noted)

    async def script(served: Served, session: str) -> None:
        await served.host.paths.put(SERVICE, "S", "B", b"two")
        await served.host.paths.put(SERVICE, "S", "C", b"three")
        seen = []
        for path in "BBBCCCAAACBB":
            before = len(decoded)
            assert await served.pair(session, WHO, path=path) == (201, 204)
            seen.append(len(decoded) - before)
        # the first is granted in the long way, the second in the short one, and its body is kept
        assert seen == [1, 1, 0, 1, 1, 0, 1, 0, 0, 0, 1, 0]

    play(script)


def test_a_pair_goes_the_short_way_and_is_counted_and_timed_as_any() -> None:
    async def script(served: Served, session: str) -> None:
        answers, latencies = served.surface.answers, served.surface.latencies
        opens, closes = answers["POST"][201], answers["DELETE"][204]
        timed = sum(latencies["POST"].classes)
        for _ in range(3):
            assert await served.pair(session, WHO) == (201, 204)
        assert served.short == ["open", "close"] * 3
        assert (answers["POST"][201], answers["DELETE"][204]) == (opens + 3, closes + 3)
        assert sum(latencies["POST"].classes) == timed + 3

    play(script)


@pytest.mark.parametrize(
    ("field", "statuses"),
    [
        ("Origin: http://evil.example.com", (403, 403)),
        ("Origin: http://logon1", (201, 204)),
        ("Sec-Fetch-Site: cross-site", (403, 403)),
        ("Content-Type: text/plain", (415, 410)),
        ("Content-Encoding: gzip", (415, 410)),
        ("Despoolr-Session: S99", (201, 410)),
        ("Despoolr-Purpose: this", (201, 204)),
    ],
)
def test_a_head_with_something_special_goes_the_long_way(
    field: str, statuses: tuple[int, int]
) -> None:
    async def script(served: Served, session: str) -> None:
        for _ in range(2):
            assert await served.pair(session, WHO, field) == statuses
        assert served.short == []

    play(script)


def test_who_proves_nothing_goes_the_long_way() -> None:
    async def script(served: Served, session: str) -> None:
        for fields in ((), ("Authorization: Bearer no.token",)):
            assert await served.pair(session, *fields) == (401, 401)
        assert served.short == []

    play(script)


def test_who_says_the_same_without_a_token_takes_the_short_way_from_nobody() -> None:
    async def script(served: Served, session: str) -> None:
        agent = f"User-Agent: {'x' * 60}"
        for fields in ((), ("Authorization: Bearer no.token",)):
            assert await served.pair(session, agent, *fields) == (401, 401)
        assert await served.pair(session, agent, WHO) == (201, 204)
        assert served.short == ["open", "close"]

    play(script)


def test_over_a_slow_line_all_takes_as_long_as_it_says() -> None:
    async def script(served: Served, session: str) -> None:
        served.line.slow_down(3.0)
        began = asyncio.get_running_loop().time()
        assert await served.pair(session, WHO) == (201, 204)
        assert asyncio.get_running_loop().time() - began >= 12.0
        assert served.short == []
        served.line.slow_down(0.0)
        assert await served.pair(session, WHO) == (201, 204)
        assert served.short == ["open", "close"]

    play(script)


@pytest.mark.parametrize(
    "body", [b"{", b'{"session":"S1","share":"S","path":"A","access":"READ","odd":1}', b"[" * 5000]
)
def test_a_body_that_is_no_open_is_told_by_the_long_way(body: bytes) -> None:
    async def script(served: Served, _session: str) -> None:
        assert (await served.ask("POST /api/v1/opens", WHO, body=body))[0] == 400
        assert served.short == []

    play(script)


@contextmanager
def _reads(served: Served) -> Iterator[list[str]]:
    """The files that are read meanwhile."""
    read: list[str] = []
    store = served.host.gate.shares["S"].store
    content = store.content

    def noted(name: Name, facts: FileFacts) -> bytes:
        read.append(name.path)
        return content(name, facts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "content", noted)
        yield read


async def _polls(
    served: Served, *fields: str, path: str = "/S/A", etag: str = "", body: bytes = b""
) -> tuple[list[int], int]:
    """The statuses of two polls, and how many of them went the long way."""
    tag = [f"If-None-Match: {etag or await served.etag()}"]
    with long_ways() as made:
        told = [await served.ask(f"GET {path}", *fields, *tag, body=body) for _ in range(2)]
    return [status for status, _ in told], len(made)


def test_a_poll_that_finds_nothing_new_goes_the_short_way_and_is_counted_and_timed() -> None:
    async def script(served: Served, _session: str) -> None:
        answers, latency = served.surface.answers["GET"], served.surface.latencies["GET"]
        told, timed = answers[304], sum(latency.classes)
        assert await _polls(served, WHO) == ([304, 304], 0)
        assert answers[304] == told + 2
        assert sum(latency.classes) == timed + 2

    play(script)


@pytest.mark.parametrize(
    ("field", "statuses"),
    [
        ("Despoolr-Session: S99", [410, 410]),
        ("Despoolr-Program: PCMWIN.EXE", [304, 304]),
        ("If-Match: *", [304, 304]),
        ("If-Unmodified-Since: Mon, 04 Mar 1991 08:00:00 GMT", [412, 412]),
        ("If: (<opaquelocktoken:x>)", [412, 412]),
        ("Origin: http://evil.example.com", [304, 304]),
        ("Authorization: Bearer no.token", [401, 401]),
    ],
)
def test_a_poll_with_something_special_goes_the_long_way(field: str, statuses: list[int]) -> None:
    async def script(served: Served, _session: str) -> None:
        fields = (field,) if field.startswith("Authorization") else (WHO, field)
        assert await _polls(served, *fields) == (statuses, 2)

    play(script)


def test_a_poll_of_what_changed_is_answered_with_it_and_of_what_is_open_goes_the_long_way() -> None:
    async def script(served: Served, session: str) -> None:
        before = await served.etag()
        assert await _polls(served, WHO, path="/S/%41") == ([304, 304], 2)
        assert await _polls(served, WHO, body=b"one") == ([304, 304], 2)
        await served.host.paths.put(SERVICE, "S", "A", b"two")
        assert await _polls(served, WHO, etag=before) == ([200, 200], 0)
        body = msgspec.json.encode(
            {"session": session, "share": "S", "path": "A", "access": "READ"}
        )
        assert (await served.ask("POST /api/v1/opens", WHO, body=body))[0] == 201
        assert await _polls(served, WHO) == ([304, 304], 2)

    play(script)


def test_a_poll_over_a_slow_line_takes_as_long_as_it_says() -> None:
    async def script(served: Served, _session: str) -> None:
        assert await _polls(served, WHO) == ([304, 304], 0)
        served.line.slow_down(3.0)
        began = asyncio.get_running_loop().time()
        assert await _polls(served, WHO) == ([304, 304], 2)
        assert asyncio.get_running_loop().time() - began >= 12.0

    play(script)


def test_a_look_at_a_small_file_goes_the_short_way_unless_more_is_asked() -> None:
    async def script(served: Served, session: str) -> None:
        answers, latency = served.surface.answers["GET"], served.surface.latencies["GET"]
        await served.host.paths.put(SERVICE, "S", "L", b"x" * (BODY_SIZE_MAX + 1))
        told, timed, etag = answers[200], sum(latency.classes), await served.etag()
        with long_ways() as made:
            for line in ("GET /S/A", "GET /s/a"):
                assert await served.ask(line, WHO) == (200, b"one")
            assert (made, answers[200], sum(latency.classes)) == ([], told + 2, timed + 2)
            for line, field, status in (
                ("GET /S/A", "Range: bytes=0-0", 206),
                ("GET /S/A", f"If-None-Match: W/{etag}", 304),
                ("GET /S/A", "If-None-Match: *", 304),
                ("GET /S/A", 'If-Match: "another"', 412),
                ("GET /S/A", "If: (<urn:x>)", 412),
                ("GET /S/A", "If-Modified-Since: Sun, 06 Nov 2094 08:49:37 GMT", 304),
                ("GET /S/A", f"Despoolr-Session: {session}", 200),
                ("GET /S/%41", "X: y", 200),
                ("GET /S/L", "X: y", 200),
                ("GET /S/none", "X: y", 404),
                ("GET /S/", "X: y", 200),
                ("GET /S/A/", "X: y", 409),
            ):
                made.clear()
                got, _ = await served.ask(line, WHO, field)
                assert (line, field, got, len(made)) == (line, field, status, 1)
            made.clear()
            with _reads(served) as read:
                assert (await served.ask("GET /S/L", WHO))[0] == 200
            assert read == ["L"], "not once for each way"
            await served.host.paths.put(SERVICE, "S", "L", b"x" * BODY_SIZE_MAX)
            made.clear()
            assert (await served.ask("GET /S/L", WHO))[0] == 200
            assert made == []
            assert (await served.ask("GET /S/A"))[0] == 401
            held = {"session": session, "share": "S", "path": "A", "access": "READ"}
            await served.ask("POST /api/v1/opens", WHO, body=msgspec.json.encode(held))
            made.clear()
            assert await served.ask("GET /S/A", WHO) == (200, b"one")
            assert len(made) == 1, "who has it open is asked"

    play(script)


def test_a_file_is_put_again_the_short_way_unless_more_is_asked() -> None:
    async def script(served: Served, session: str) -> None:
        answers, latency = served.surface.answers["PUT"], served.surface.latencies["PUT"]
        limit, found = served.surface.body_size_max, await served.etag()
        assert (await served.ask("PUT /S/A", WHO, body=b"first"))[0] == 204
        told, timed = answers[204], sum(latency.classes)
        with long_ways() as made:
            for number in range(3):
                assert await served.ask("PUT /S/A", WHO, body=b"%d" % number) == (204, b"")
            assert (made, answers[204], sum(latency.classes)) == ([], told + 3, timed + 3)
            assert await served.ask("GET /S/A", WHO) == (200, b"2")
            for line, field, body, status in (
                ("PUT /S/A", "If-None-Match: *", b"3", 412),
                ("PUT /S/A", f"If-None-Match: {found}", b"3", 204),
                ("PUT /S/A", f"If-Match: {found}", b"3", 412),
                ("PUT /S/A", "If-Unmodified-Since: Mon, 04 Mar 1991 08:00:00 GMT", b"3", 412),
                ("PUT /S/A", "If-Modified-Since: Mon, 04 Mar 1991 08:00:00 GMT", b"3", 204),
                ("PUT /S/A", "If: (<urn:x>)", b"3", 412),
                ("PUT /S/A", "Content-Range: bytes 0-0/1", b"3", 400),
                ("PUT /S/A", "Content-Encoding: gzip", b"3", 415),
                ("PUT /S/A", f"Despoolr-Session: {session}", b"3", 204),
                ("PUT /S/A", "Despoolr-Program: SETUP.EXE", b"3", 204),
                ("PUT /S/A", "Sec-Fetch-Site: cross-site", b"3", 403),
                ("PUT /S/A", "X: y", b"", 204),
                ("PUT /S/A", "X: y", b"3" * (limit + 1), 413),
                ("PUT /S/%41", "X: y", b"3", 204),
                ("PUT /S/none", "X: y", b"3", 201),
                ("PUT /S/A/", "X: y", b"3", 400),
            ):
                made.clear()
                got, _ = await served.ask(line, WHO, field, body=body)
                assert (line, field, got, len(made)) == (line, field, status, len(body) <= limit)
            assert (await served.ask("PUT /S/A", body=b"3"))[0] == 401
            made.clear()
            served.line.slow_down(3.0)
            assert (await served.ask("PUT /S/A", WHO, body=b"4"))[0] == 204
            assert len(made) == 1, "over a slow line"

    play(script)


def test_what_is_not_safe_yet_is_answered_when_it_is() -> None:
    async def script(served: Served, _session: str) -> None:
        assert served.raw is not None
        answers, latency = served.surface.answers["PUT"], served.surface.latencies["PUT"]
        await served.put_later(b"one", b"two")
        told, timed = answers[204], sum(latency.classes)
        with long_ways() as made:
            served.say("PUT /T/A", WHO, body=b"three")
            await asyncio.sleep(0.1)
            assert served.later.read(Name("A", "A")) == b"three"
            served.say("PUT /T/A", WHO, body=b"four")  # and one behind it
            await asyncio.sleep(0.1)
            assert (made, answers[204], len(served.later.calls)) == ([], told, 2)
            assert not served.raw.reader._buffer  # type: ignore[attr-defined]
            assert served.later.read(Name("A", "A")) == b"four"
            served.later.become_safe()
            assert [await served.raw.answer() for _ in range(2)] == [(204, b"")] * 2
            assert (answers[204], sum(latency.classes)) == (told + 2, timed + 2)
        with long_ways() as made:
            await served.put_later(b"five")
            assert made == [], "the lane is open again"
        assert await served.ask("GET /T/A", WHO) == (200, b"five")

    play(script)


def test_what_cannot_be_made_safe_is_answered_as_the_long_way_does() -> None:
    told = []

    async def script(served: Served, _session: str) -> None:
        assert served.raw is not None
        await served.put_later(b"one", b"two")
        for field in ("X: y", "Despoolr-Program: SETUP.EXE"):
            served.records.clear()
            counted = served.surface.answers["PUT"][507]
            served.say("PUT /T/A", WHO, *([field] * ("X" not in field)), body=b"three")
            await asyncio.sleep(0.1)
            served.later.become_safe(StoreError(NtStatus.DISK_FULL, "no room"))
            told.append((await served.raw.answer(), [record.kind for record in served.records]))
            assert served.surface.answers["PUT"][507] == counted + 1
        assert await served.ask("GET /T/A", WHO) == (200, b"three")

    play(script)
    assert told[0][0][0] == 507
    assert told[0] == told[1]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_mistake_in_one_answer_keeps_nobody_else_from_being_told(is_there: bool) -> None:
    async def script(served: Served, _session: str) -> None:
        assert served.raw is not None and served.runner is not None

        def mistaken(*_: object) -> Problem:
            raise RuntimeError("a mistake of ours")

        served.host.puts.failed = mistaken  # type: ignore[method-assign, assignment]
        await served.put_later(b"one", b"two")
        served.say("PUT /T/A", WHO, body=b"three")
        await asyncio.sleep(0.1)
        told: list[StoreError | None] = []
        served.later.calls.append(told.append)
        if not is_there:
            served.raw.hang_up()
            await asyncio.sleep(0.1)
        served.later.become_safe(StoreError(NtStatus.DISK_FULL, "no room"))
        assert len(told) == 1
        assert (await served.raw.heard()).startswith(b"HTTP/1.1 500 " if is_there else b"")
        await asyncio.sleep(0.1)
        assert not served.runner.server.connections  # type: ignore[union-attr]

    play(script)


@pytest.mark.parametrize("field", ["X: y", "Despoolr-Program: SETUP.EXE"])
def test_a_line_that_is_cut_before_what_was_put_is_safe_carries_no_answer(field: str) -> None:
    async def script(served: Served, _session: str) -> None:
        assert served.raw is not None and served.runner is not None
        await served.put_later(b"one", b"two")
        served.say("PUT /T/A", WHO, field, body=b"three")
        await asyncio.sleep(0.1)
        served.line.cut("")
        served.later.become_safe()
        with suppress(ConnectionError):
            assert await served.raw.heard() == b""
        await asyncio.sleep(0.1)
        assert not served.runner.server.connections  # type: ignore[union-attr]

    play(script)


def test_who_goes_before_what_it_put_is_safe_leaves_nothing_behind() -> None:
    async def script(served: Served, _session: str) -> None:
        assert served.raw is not None and served.runner is not None
        await served.put_later(b"one", b"two")
        served.say("PUT /T/A", WHO, body=b"three")
        await asyncio.sleep(0.1)
        tasks = len(asyncio.all_tasks())
        served.raw.hang_up()
        await asyncio.sleep(0.1)
        assert served.app[TRAFFIC].counts["hung_up"] == 1
        served.later.become_safe()
        await asyncio.sleep(0.1)
        assert len(asyncio.all_tasks()) == tasks - 1, "its connection's"
        assert not served.runner.server.connections  # type: ignore[union-attr]

    play(script)


def test_a_server_that_stops_waits_for_what_is_not_safe_yet() -> None:
    async def script(served: Served, _session: str) -> None:
        assert served.raw is not None and served.runner is not None
        await served.put_later(b"one", b"two")
        served.say("PUT /T/A", WHO, body=b"three")
        await asyncio.sleep(0.1)
        stopping = asyncio.create_task(served.runner.cleanup())
        await asyncio.sleep(0.5)
        assert not stopping.done()
        served.later.become_safe()
        assert (await served.raw.heard()).startswith(b"HTTP/1.1 204 ")
        await stopping
        assert asyncio.get_running_loop().time() < 10

    play(script)


def test_a_poll_of_a_share_that_came_later_finds_nothing_new() -> None:
    async def script(served: Served, _session: str) -> None:
        assert await _polls(served, WHO, path="/LATER/A") == ([404, 404], 2)
        served.host.add_share("LATER", MemoryFileStore())
        await served.host.paths.put(SERVICE, "LATER", "A", b"one")
        found = await served.host.paths.get(SERVICE, "LATER", "A")
        assert isinstance(found, Content)
        assert await _polls(served, WHO, path="/LATER/A", etag=found.etag) == ([304, 304], 0)

    play(script)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["GET", "LOCK"])
def test_what_is_remembered_of_heads_with_what_looks_found_out_takes_a_few_megabytes(
    method: str,
) -> None:
    async def script(served: Served, _session: str) -> None:
        lane = FastLane(served.app)
        tracemalloc.start()
        for n in range(KNOWN_MAX):
            line = lane.line(f"{method} /S/{n:0230} HTTP/1.1".encode())
            block = lane.block(
                b"Host: 127.0.0.1:8802\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
                b"User-Agent: despoolr/0.1.0\r\n%s\r\n"
                % WHO.encode()
                + (b'If-None-Match: "%032d"' if method == "GET" else b"Timeout: Second-%035d") % n
            )
            assert line is not None
            assert block is not None
            assert line.usual is not None
            assert line.usual("", block, b"", lambda: 0.0) is None, "there is no such file"
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(lane._blocks) == len(lane._lines) == KNOWN_MAX
        assert size < 22 * 1024 * 1024

    play(script)
