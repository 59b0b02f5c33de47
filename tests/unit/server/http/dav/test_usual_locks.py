"""The short way of LOCK and UNLOCK over a connection with the lane: what it answers and counts, and
what does not go that way.
"""

from __future__ import annotations

import asyncio
import re

import pytest

from despoolr_core.records.kinds.share import OpenClosed, OpenGranted, OpenRefused
from despoolr_core.share.modes import NtStatus, Role
from despoolr_server.files import MemoryFileStore, StoreError
from despoolr_server.http.dav import locking
from despoolr_server.http.dav.bodies import XML_SIZE_MAX
from worlds.usual_server import AUTH, SERVICE, WHO, Served, long_ways, play

OTHER = f"Authorization: Bearer {AUTH.issue('PC02', 'user', Role.CLIENT)}"
INFO = (
    b'<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype>'
    b"<owner>me</owner></lockinfo>"
)


async def lock(
    served: Served, *fields: str, path: str = "/S/A", who: str = WHO, body: bytes = INFO
) -> tuple[int, str]:
    status, told = await served.ask(f"LOCK {path}", who, *fields, body=body)
    found = re.search(rb"opaquelocktoken:[^<]+", told)
    return status, found[0].decode() if found else ""


async def unlock(
    served: Served, token: str, *fields: str, path: str = "/S/A", who: str = WHO
) -> int:
    return (await served.ask(f"UNLOCK {path}", who, f"Lock-Token: <{token}>", *fields))[0]


def test_a_pair_is_on_record_and_is_counted_and_timed_as_any() -> None:
    async def script(served: Served, _session: str) -> None:
        with long_ways() as long:
            for _ in range(3):
                status, token = await lock(served, "Depth: 0", "User-Agent: davfs2/1.6.1")
                assert status == 200
                assert await unlock(served, token) == 204
        assert not long
        answers, latencies = served.surface.answers, served.surface.latencies
        assert (answers["LOCK"][200], answers["UNLOCK"][204]) == (3, 3)
        assert [sum(latencies[name].classes) for name in ("LOCK", "UNLOCK")] == [3, 3]
        granted = [one.data for one in served.records if isinstance(one.data, OpenGranted)][-3:]
        assert {(one.machine, one.program) for one in granted} == {("PC01", "davfs2")}
        assert {one.lock for one in granted} == {"WebDAV lock, exclusive, depth 0"}
        closed = [one.data for one in served.records if isinstance(one.data, OpenClosed)][-3:]
        assert [(one.open, one.reason) for one in closed] == [
            (one.open, "unlocked") for one in granted
        ]

    play(script)


def test_what_is_in_the_way_is_told_on_the_short_way_too() -> None:
    async def script(served: Served, _session: str) -> None:
        with long_ways() as long:
            _, token = await lock(served)
            status, told = await served.ask("LOCK /S/A", OTHER, body=INFO)
            assert (status, b'"machine":"PC01"' in told) == (423, True)
            status, told = await served.ask("LOCK /S/A", OTHER, "Content-Type: text/xml", body=INFO)
            assert (status, b"<machine>PC01</machine>" in told) == (423, True)
            assert await unlock(served, token, who=OTHER) == 403
            assert await unlock(served, "opaquelocktoken:x") == 409
            assert await unlock(served, token) == 204
        assert not long
        refused = [one.data for one in served.records if isinstance(one.data, OpenRefused)]
        assert [one.nt_status for one in refused] == [NtStatus.SHARING_VIOLATION] * 2 + [
            NtStatus.ACCESS_DENIED
        ]

    play(script)


@pytest.mark.parametrize(
    ("field", "status"),
    [
        ("Depth: 1", 400),
        ("Content-Encoding: gzip", 415),
        ("If: (<opaquelocktoken:x>)", 412),
        ('If-Match: "x"', 412),
        ("If-None-Match: *", 412),
        ("If-Unmodified-Since: Mon, 04 Mar 1990 08:00:00 GMT", 412),
        ("Origin: http://evil.example.com", 403),
        ("Despoolr-Session: S99", 410),
        ("Despoolr-Program: X", 200),
        ("Despoolr-Purpose: this", 200),
    ],
)
def test_a_head_with_something_special_goes_the_long_way(field: str, status: int) -> None:
    async def script(served: Served, _session: str) -> None:
        with long_ways() as long:
            for _ in range(2):
                got, token = await lock(served, field)
                assert got == status
                if token:
                    assert await unlock(served, token, field) == 204
        assert len(long) == 4 if status == 200 else 2

    play(script)


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"<", 400), (b"<!DOCTYPE x>" + INFO, 403), (b" " * (XML_SIZE_MAX + 1), 413)],
)
def test_a_body_that_has_to_be_looked_at_goes_the_long_way(body: bytes, status: int) -> None:
    async def script(served: Served, _session: str) -> None:
        with long_ways() as long:
            assert await lock(served, body=body) == (status, "")
        assert len(long) == 1
        assert not [*served.host.dav_locks]

    play(script)


@pytest.mark.parametrize("path", ["/S/A/", "/S/%41"])
def test_an_address_that_has_to_be_read_goes_the_long_way(path: str) -> None:
    async def script(served: Served, _session: str) -> None:
        with long_ways() as long:
            await lock(served, path=path)
            await unlock(served, "opaquelocktoken:x", path=path)
        assert len(long) == 2

    play(script)


def test_a_lock_on_a_new_name_is_told_when_its_file_is_safe() -> None:
    async def script(served: Served, _session: str) -> None:
        served.say("LOCK /T/NEW", WHO, body=INFO)
        await asyncio.sleep(1.0)
        assert served.raw is not None
        assert len([*served.host.dav_locks]) == 1, "nobody else may have it meanwhile"
        assert 201 not in served.surface.answers["LOCK"]
        served.later.become_safe()
        assert (await served.raw.answer())[0] == 201
        assert served.surface.answers["LOCK"][201] == 1

    play(script)


def test_a_lock_whose_new_file_is_not_safe_is_none() -> None:
    async def script(served: Served, _session: str) -> None:
        served.say("LOCK /T/NEW", WHO, body=INFO)
        await asyncio.sleep(1.0)
        for call in served.later.calls:
            call(StoreError(NtStatus.DISK_FULL))
        assert served.raw is not None
        assert (await served.raw.answer())[0] == 507
        assert not [*served.host.dav_locks]

    play(script)


def test_a_mistake_of_ours_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(served: Served, _session: str) -> None:
        _, token = await lock(served)
        monkeypatch.setattr(served.host.gate, "visit", lambda *_: 1 / 0)
        assert (await lock(served))[0] == await unlock(served, token) == 500
        assert [served.surface.answers[name][500] for name in ("LOCK", "UNLOCK")] == [1, 1]

    play(script)


def test_a_mistake_in_the_words_of_an_answer_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(served: Served, _session: str) -> None:
        monkeypatch.setattr(locking, "lockdiscovery", lambda *_: 1 / 0)
        monkeypatch.setattr(locking, "refuse", lambda *_, **__: 1 / 0)
        assert (await lock(served))[0] == await unlock(served, "opaquelocktoken:x") == 500
        assert [served.surface.answers[name][500] for name in ("LOCK", "UNLOCK")] == [1, 1]

    play(script)


def test_over_a_line_that_is_cut_nothing_is_locked() -> None:
    async def script(served: Served, _session: str) -> None:
        _, token = await lock(served)
        served.line.cut("PC01")
        served.say("UNLOCK /S/A", WHO, f"Lock-Token: <{token}>")
        await asyncio.sleep(1.0)
        assert len([*served.host.dav_locks]) == 1

    play(script)


def test_a_large_directory_that_others_changed_is_read_before_a_name_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def script(served: Served, _session: str) -> None:
        read: list[str] = []

        async def read_ahead(_share: str, path: str) -> None:
            read.append(path)

        monkeypatch.setattr(served.host.gate, "is_unread", lambda *_: True)
        monkeypatch.setattr(served.host.gate, "read_ahead", read_ahead)
        assert (await lock(served))[0] == 200
        assert read == ["A"]

    play(script)


def test_a_share_that_came_later_is_known() -> None:
    async def script(served: Served, _session: str) -> None:
        assert (await lock(served, path="/LATER/A"))[0] == 404
        served.host.add_share("LATER", MemoryFileStore())
        await served.host.paths.put(SERVICE, "LATER", "A", b"one")
        with long_ways() as long:
            assert (await lock(served, path="/LATER/A"))[0] == 200
        assert not long

    play(script)
