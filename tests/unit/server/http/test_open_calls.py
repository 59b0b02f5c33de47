"""What a handle can do over HTTP beside reading and writing: facts, changes, locks; and which
session a call is made in.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from worlds.share_server import Site, serving


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        await site.ask("PUT", "/SMS_SHR/A", b"0123456789")
        yield site


async def change(site: Site, handle: str, **fields: Any) -> int:
    reply = await site.ask(
        "PATCH", f"/api/v1/opens/{handle}", msgspec.json.encode(fields), site.client_token
    )
    return reply.status


async def facts(site: Site, handle: str) -> dict[str, Any]:
    reply = await site.ask("GET", f"/api/v1/opens/{handle}", token=site.client_token)
    assert reply.status == 200
    return dict(reply.json)


async def lock(
    site: Site, handle: str, *locks: tuple[int, int, str], token: str | None = None, **more: Any
) -> Any:
    body = {"locks": [{"offset": o, "length": n, "flags": f} for o, n, f in locks], **more}
    token = site.client_token if token is None else token
    return await site.ask("POST", f"/api/v1/opens/{handle}/locks", msgspec.json.encode(body), token)


async def somebody_waits(site: Site) -> None:
    async with asyncio.timeout(60):
        while not site.host.engine.locking.waiting_count:
            await site.ask("GET", "/healthz", token="")


async def test_a_handle_tells_its_file_and_changes_it_one_thing_at_a_time(site: Site) -> None:
    handle = await site.hold(
        "A", access="WRITE|DELETE|WRITE_ATTRIBUTES", share_mode="READ|WRITE|DELETE"
    )
    assert await change(site, handle, path="B") == 204
    assert await change(site, handle, size=3) == 204
    assert await change(site, handle, attributes="HIDDEN") == 204
    assert await change(site, handle, delete=True) == 204
    assert await facts(site, handle) == {
        "path": "B",
        "size": 3,
        "links": 0,
        "delete_pending": True,
        "directory": False,
        "attributes": "HIDDEN",
    }
    assert await change(site, handle, delete=False) == 204
    await site.ask("PUT", "/SMS_SHR/C", b"")
    assert await change(site, handle, path="C") == 412
    assert await change(site, handle, path="C", replace=True) == 204


@pytest.mark.parametrize(
    "fields",
    [{}, {"size": 1, "delete": True}, {"replace": True}, {"size": 1, "replace": True}, {"sise": 1}],
)
async def test_a_change_that_is_none_or_several_is_refused(
    site: Site, fields: dict[str, Any]
) -> None:
    assert await change(site, await site.hold("A", access="WRITE|DELETE"), **fields) == 400


async def test_a_directorys_handle_lists_it_and_a_files_does_not(site: Site) -> None:
    await site.ask("MKCOL", "/SMS_SHR/D")
    await site.ask("PUT", "/SMS_SHR/D/one", b"1")
    folder = await site.hold("D", options="DIRECTORY_FILE")
    reply = await site.ask("GET", f"/api/v1/opens/{folder}/entries", token=site.client_token)
    assert reply.json["path"] == "D"
    assert [entry["name"] for entry in reply.json["entries"]] == ["one"]
    looker = await site.hold("D", options="DIRECTORY_FILE", access="READ_ATTRIBUTES")
    assert (
        await site.ask("GET", f"/api/v1/opens/{looker}/entries", token=site.client_token)
    ).status == 403
    handle = await site.hold("A")
    assert (
        await site.ask("GET", f"/api/v1/opens/{handle}/entries", token=site.client_token)
    ).status == 400


async def test_ranges_are_locked_listed_refused_and_unlocked(site: Site) -> None:
    held = await site.hold("A", access="READ|WRITE", share_mode="READ|WRITE")
    other = await site.hold("A", access="READ|WRITE", share_mode="READ|WRITE")
    assert (
        await lock(
            site, held, (0, 5, "EXCLUSIVE|FAIL_IMMEDIATELY"), (8, 0, "SHARED|FAIL_IMMEDIATELY")
        )
    ).status == 200
    listed = await site.ask("GET", f"/api/v1/opens/{held}/locks", token=site.client_token)
    assert [(one["kind"], one["offset"], one["length"]) for one in listed.json["locks"]] == [
        ("EXCLUSIVE", 0, 5),
        ("SHARED", 8, 0),
    ]
    refused = await lock(site, other, (4, 1, "SHARED|FAIL_IMMEDIATELY"))
    assert (refused.status, refused.problem.nt_status, refused.problem.blocker_count) == (
        423,
        "STATUS_LOCK_NOT_GRANTED",
        1,
    )
    assert refused.problem.blockers[0].lock is not None
    read = await site.ask(
        "GET", f"/api/v1/opens/{other}/content?offset=0&length=1", token=site.client_token
    )
    assert (read.status, read.problem.nt_status) == (423, "STATUS_FILE_LOCK_CONFLICT")
    unlock = f"/api/v1/opens/{held}/locks?offset=0&length="
    assert (await site.ask("DELETE", unlock + "4", token=site.client_token)).status == 409
    assert (await site.ask("DELETE", unlock + "5", token=site.client_token)).status == 204
    assert (await lock(site, other, (4, 1, "SHARED|FAIL_IMMEDIATELY"))).status == 200
    assert (await lock(site, held, (8, 0, "UNLOCK"))).json == {"locks": []}
    assert (await lock(site, held, (2**64 - 1, 1, "EXCLUSIVE|FAIL_IMMEDIATELY"))).status == 200
    assert (
        await lock(site, held, (2**64 - 1, 2, "EXCLUSIVE|FAIL_IMMEDIATELY"))
    ).problem.nt_status == "STATUS_INVALID_LOCK_RANGE"
    top = f"/api/v1/opens/{held}/locks?offset={2**64 - 1}&length=1"
    assert (await site.ask("DELETE", top, token=site.client_token)).status == 204


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "?offset=1",
        "?length=1",
        "?request=q&offset=1&length=1",
        "?offset=1&length=18446744073709551616",
    ],
)
async def test_an_unlock_names_a_range_or_a_request(site: Site, asked: str) -> None:
    handle = await site.hold("A")
    assert (
        await site.ask("DELETE", f"/api/v1/opens/{handle}/locks{asked}", token=site.client_token)
    ).status == 400


async def test_a_lock_waits_for_its_answer_until_the_range_is_free_or_it_is_cancelled(
    site: Site,
) -> None:
    held = await site.hold("A", access="READ|WRITE", share_mode="READ|WRITE")
    other = await site.hold("A", access="READ|WRITE", share_mode="READ|WRITE")
    await lock(site, held, (0, 5, "EXCLUSIVE|FAIL_IMMEDIATELY"))

    async def parked() -> asyncio.Task[Any]:
        call = asyncio.create_task(lock(site, other, (0, 1, "SHARED"), request="q", wait_s=30))
        await somebody_waits(site)
        return call

    call = await parked()
    waits = await site.ask("GET", f"/api/v1/opens/{other}/locks", token=site.client_token)
    assert waits.json["waiting"] == [{"kind": "SHARED", "offset": 0, "length": 1, "request": "q"}]
    rows = {row["open"]: row for row in (await site.ask("GET", "/api/v1/opens")).json["opens"]}
    assert [(one["kind"], one["offset"], one["length"]) for one in rows[held]["ranges"]] == [
        ("EXCLUSIVE", 0, 5)
    ]
    assert (rows[held]["range_count"], rows[held]["waiting"]) == (1, [])
    assert (rows[other]["ranges"], rows[other]["waiting"], rows[other]["waiting_count"]) == (
        [],
        waits.json["waiting"],
        1,
    )
    assert (
        'despoolr_lock_requests_waiting{share="SMS_SHR"} 1.0'
        in (await site.ask("GET", "/metrics")).body.decode()
    )
    assert (
        await site.ask("DELETE", f"/api/v1/opens/{other}/locks?request=q", token=site.client_token)
    ).status == 204
    cancelled = await call
    assert (cancelled.status, cancelled.problem.nt_status) == (409, "STATUS_CANCELLED")
    call = await parked()
    await site.ask("DELETE", f"/api/v1/opens/{held}", token=site.client_token)
    assert (await call).json["locks"][0]["kind"] == "SHARED"
    assert (await lock(site, other, (0, 5, "SHARED"), wait_s=-1)).status == 400


async def test_a_lock_that_is_granted_to_a_caller_that_has_hung_up_is_let_go_again(
    site: Site,
) -> None:
    held = await site.hold("A", access="READ|WRITE", share_mode="READ|WRITE")
    other = await site.hold("A", access="READ|WRITE", share_mode="READ|WRITE")
    await lock(site, held, (0, 5, "EXCLUSIVE|FAIL_IMMEDIATELY"))
    call = asyncio.create_task(lock(site, other, (0, 1, "EXCLUSIVE")))
    await somebody_waits(site)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    async with asyncio.timeout(60):
        while site.host.engine.locking.waiting_count or "lock.released" not in [
            r.kind for r in site.records
        ]:
            await site.ask(
                "DELETE", f"/api/v1/opens/{held}/locks?offset=0&length=5", token=site.client_token
            )
    assert (
        await site.ask("GET", f"/api/v1/opens/{other}/locks", token=site.client_token)
    ).json == {"locks": []}


async def test_a_call_in_a_session_uses_that_sessions_handles_only(site: Site) -> None:
    sessions = [await site.session(site.client_token) for _ in range(2)]
    asked = {"session": sessions[0], "share": "SMS_SHR", "path": "A"}
    opened = await site.ask("POST", "/api/v1/opens", msgspec.json.encode(asked), site.client_token)
    content = f"/api/v1/opens/{opened.json['open']}/content"
    assert (
        await site.ask("GET", content, token=site.client_token, Despoolr_Session=sessions[0])
    ).status == 200
    foreign = await site.ask("GET", content, token=site.client_token, Despoolr_Session=sessions[1])
    assert (foreign.status, foreign.problem.nt_status) == (410, "STATUS_FILE_CLOSED")
    await site.ask("DELETE", f"/api/v1/sessions/{sessions[0]}", token=site.client_token)
    either: list[dict[str, Any]] = [{}, {"Despoolr_Session": sessions[0]}]
    for headers in either:
        gone = await site.ask("GET", content, token=site.client_token, **headers)
        assert (gone.status, gone.problem.nt_status) == (410, "STATUS_USER_SESSION_DELETED")
    stranger = site.auth.issue("PC08", "otto", "client")
    assert (
        await site.ask("GET", content, token=stranger)
    ).problem.nt_status == "STATUS_FILE_CLOSED"


async def test_a_new_session_takes_the_place_of_the_one_it_names_if_that_is_its_machines(
    site: Site,
) -> None:
    session = await site.session(site.client_token)
    asked = {"session": session, "share": "SMS_SHR", "path": "A", "share_mode": "NONE"}
    assert (
        await site.ask("POST", "/api/v1/opens", msgspec.json.encode(asked), site.client_token)
    ).status == 201
    stranger = site.auth.issue("PC08", "otto", "client")
    await site.session(stranger, previous=session)
    assert (await site.ask("GET", "/SMS_SHR/A")).status == 423
    await site.session(site.client_token, previous=session)
    assert (await site.ask("GET", "/SMS_SHR/A")).status == 200
    assert await site.session(site.client_token, previous=session)


async def test_a_session_leaves_a_share_and_comes_back(site: Site) -> None:
    session = await site.session(site.client_token)
    asked = msgspec.json.encode({"session": session, "share": "SMS_SHR", "path": "A"})
    handle = (await site.ask("POST", "/api/v1/opens", asked, site.client_token)).json["open"]
    tree = f"/api/v1/sessions/{session}/shares/sms_shr"
    assert (await site.ask("DELETE", tree, token=site.client_token)).status == 204
    late = await site.ask("GET", f"/api/v1/opens/{handle}/content", token=site.client_token)
    assert (late.status, late.problem.nt_status) == (410, "STATUS_NETWORK_NAME_DELETED")
    opened = await site.ask("POST", "/api/v1/opens", asked, site.client_token)
    assert opened.problem.nt_status == "STATUS_NETWORK_NAME_DELETED"
    read = await site.ask("GET", "/SMS_SHR/A", token=site.client_token, Despoolr_Session=session)
    assert read.problem.nt_status == "STATUS_NETWORK_NAME_DELETED"
    assert (await site.ask("PUT", tree, token=site.client_token)).status == 204
    assert (await site.ask("POST", "/api/v1/opens", asked, site.client_token)).status == 201
    unknown = await site.ask(
        "DELETE", f"/api/v1/sessions/{session}/shares/NONE", token=site.client_token
    )
    assert unknown.problem.nt_status == "STATUS_BAD_NETWORK_NAME"
    assert (
        await site.ask("PUT", "/api/v1/sessions/S99/shares/SMS_SHR", token=site.client_token)
    ).status == 410
