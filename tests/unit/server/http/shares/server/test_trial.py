"""Whether a server does its work: what a probe is told, and what asking costs."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from despoolr_core.records.kinds.share import OpenGranted
from despoolr_core.records.stream import of
from despoolr_core.share.modes import NtStatus
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.files.protocol import StoreError
from despoolr_server.http.shares.server import trial
from worlds.share_server import Site


def tried(site: Site) -> int:
    return sum(fact.program == trial.PROGRAM for _, fact in of(site.records, OpenGranted))


async def test_a_server_that_works_says_so_without_a_token_and_leaves_nothing(site: Site) -> None:
    reply = await site.ask("GET", "/ready", token="", Host="balancer.example")
    assert (reply.status, reply.body) == (200, b"ok\n")
    assert tried(site) == 1 and not site.host.opens()
    assert (await site.ask("GET", "/SMS_SHR/")).json["entries"] == []


async def test_however_often_it_is_asked_for_one_file_is_tried_in_a_while(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    replies = await asyncio.gather(*(site.ask("GET", "/ready", token="") for _ in range(20)))
    assert {reply.status for reply in replies} == {200} and tried(site) == 1
    monkeypatch.setattr(site.host.handles, "open", None)  # it would be an error
    assert (await site.ask("GET", "/ready", token="")).status == 200


async def test_a_server_that_cannot_write_says_why_and_names_nobody(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError(NtStatus.DISK_FULL)

    monkeypatch.setattr(trial, "AGAIN_S", 0.0)
    with monkeypatch.context() as broken:
        broken.setattr(MemoryFileStore, "write_at", full)
        refused = await site.ask("GET", "/ready", token="")
        assert refused.status == 503 and refused.problem.type == "/problems/not-ready"
        assert refused.problem.detail.startswith("SMS_SHR: ")
    assert (await site.ask("GET", "/ready", token="")).status == 200, "it is tried again"


async def test_damaged_data_are_told_of_and_not_tried(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryFileStore, "findings", ("journal 1 is gone",))
    refused = await site.ask("GET", "/ready", token="")
    assert refused.status == 503 and "SMS_SHR: journal 1 is gone" in refused.problem.detail
    assert tried(site) == 0


async def test_a_trial_that_does_not_end_is_not_waited_for_and_not_begun_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = asyncio.Event()
    opening = site.host.handles.open

    async def slow(*given: object) -> object:
        await go_on.wait()
        return await opening(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(trial, "ANSWER_S_MAX", 0.05)
    monkeypatch.setattr(site.host.handles, "open", slow)
    for _ in range(3):
        refused = await site.ask("GET", "/ready", token="")
        assert refused.status == 503 and "within 0.05 s" in refused.problem.detail
    monkeypatch.setattr(trial, "ANSWER_S_MAX", 60.0)
    go_on.set()
    assert (await site.ask("GET", "/ready", token="")).status == 200 and tried(site) == 1


async def test_nobody_gets_hold_of_the_file_that_is_tried(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever held it on would keep the server from being ready."""
    writing = site.host.handles.write
    answers: list[int] = []

    async def watched(*given: object) -> object:
        (tried,) = site.host.opens()
        session = await site.session(site.client_token)
        request = {
            "session": session,
            "share": "SMS_SHR",
            "path": tried.path,
            "share_mode": "READ|WRITE|DELETE",
        }
        body = msgspec.json.encode(request)
        reply = await site.ask("POST", "/api/v1/opens", body, site.client_token)
        answers.append(reply.status)
        return await writing(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(site.host.handles, "write", watched)
    assert (await site.ask("GET", "/ready", token="")).status == 200
    assert answers == [423]


async def test_a_file_that_has_the_name_is_left_alone_and_another_name_is_tried(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter((6, 7, 8))
    monkeypatch.setattr(trial, "randbelow", lambda _: next(numbers))
    for taken in (6, 7):
        assert (await site.ask("PUT", f"/SMS_SHR/H000000{taken}.TMP", b"mine")).status == 201
    assert (await site.ask("GET", "/ready", token="")).status == 200
    assert (await site.ask("GET", "/SMS_SHR/H0000007.TMP")).body == b"mine"
    assert next(numbers, None) is None


async def test_no_more_names_are_tried_than_stated(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def drawn(most: int) -> int:
        tried.append(most)
        return 7

    monkeypatch.setattr(trial, "randbelow", drawn)
    assert (await site.ask("PUT", "/SMS_SHR/H0000007.TMP", b"mine")).status == 201
    assert (await site.ask("GET", "/ready", token="")).status == 503
    assert len(tried) == trial.NAMES_MAX


async def test_a_mistake_of_the_servers_is_tried_no_more_often_than_what_it_finds(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def mistaken() -> list[str]:
        asked.append(1)
        return [None]  # type: ignore[list-item]

    monkeypatch.setattr(site.host, "share_names", mistaken)
    for _ in range(3):
        assert (await site.ask("GET", "/ready", token="")).status == 500
    assert len(asked) == 1
