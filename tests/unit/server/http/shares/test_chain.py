"""Chains over HTTP: each call has the answer it would have had alone, and the limits of a chain."""

from __future__ import annotations

import random
from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest

from despoolr_core.share.chain import CALLS_MAX
from despoolr_core.share.modes import NtStatus
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.files.protocol import StoreError
from despoolr_server.http.shares import chain as http_chain
from despoolr_server.http.shares.chain import BODY_SIZE_MAX
from worlds.share_server import FILE_SIZE_MAX, Reply, Site

CHAIN = "/api/v1/chain"
BOX = "PCMPKG.SRC"


def put(path: str, data: bytes = b"x", **more: Any) -> dict[str, Any]:
    return {
        "call": "put",
        "share": "SMS_SHR",
        "path": path,
        "data": b64encode(data).decode(),
        **more,
    }


def get(path: str) -> dict[str, Any]:
    return {"call": "get", "share": "SMS_SHR", "path": path}


async def chain(site: Site, *calls: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    answer = await site.post(CHAIN, calls=list(calls), **more)
    assert answer.status == 200, answer.json
    results: list[dict[str, Any]] = answer.json["results"]
    return results


async def test_calls_are_made_in_order_and_each_has_its_own_result(site: Site) -> None:
    results = await chain(
        site,
        put("A", b"one"),
        get("A"),
        put("A", b"two", create=True),
        {"call": "delete", "share": "SMS_SHR", "path": "A"},
        get("A"),
        put("A", b"three"),
    )
    assert [result.get("problem", {}).get("nt_status", "") for result in results] == [
        "",
        "",
        "STATUS_OBJECT_NAME_COLLISION",
        "",
        "STATUS_OBJECT_NAME_NOT_FOUND",
        "",
    ]
    assert results[1]["data"] == b64encode(b"one").decode()
    assert results[0]["etag"] == results[1]["etag"] != results[5]["etag"]
    assert (await site.ask("GET", "/SMS_SHR/A")).body == b"three"


async def test_a_chain_that_stops_makes_no_call_after_the_first_refusal(site: Site) -> None:
    results = await chain(site, put("A", create=True), put("A", create=True), put("B"), stops=True)
    assert len(results) == 2
    assert (await site.ask("GET", "/SMS_SHR/B")).status == 404


async def test_a_held_file_is_refused_with_its_holder_as_alone(site: Site) -> None:
    await site.ask("PUT", "/SMS_SHR/b.dat", b"old")
    handle = await site.hold("b.dat")
    (result,) = await chain(site, put("b.dat", b"new"))
    alone = await site.ask("PUT", "/SMS_SHR/b.dat", b"new")
    assert result["problem"]["blockers"][0]["open"] == handle
    assert result["problem"] | {"dav_error": alone.problem.dav_error} == msgspec.to_builtins(
        alone.problem
    )


async def test_a_separator_behind_a_files_name_is_refused_as_alone(site: Site) -> None:
    results = await chain(
        site, put("A"), put("A/"), put("new\\"), get("A\\"), {**get("A/"), "call": "delete"}
    )
    assert [result.get("problem", {}).get("nt_status", "") for result in results] == [
        "",
        *["STATUS_OBJECT_NAME_INVALID"] * 4,
    ]
    assert (await site.ask("GET", "/SMS_SHR/new")).status == 404


async def test_files_are_opened_read_and_closed(site: Site) -> None:
    await chain(site, put("A", b"one"), put("EMPTY", b""))
    session = await site.session()
    wanted = {"session": session, "share": "SMS_SHR"}
    first, second, third = await chain(
        site,
        {"call": "open", "request": {**wanted, "path": "A"}, "read": True},
        {"call": "open", "request": {**wanted, "path": "EMPTY"}, "read": True},
        {"call": "open", "request": {**wanted, "path": "NONE"}},
    )
    assert (first["data"], first["open"]["size"], second["data"]) == (
        b64encode(b"one").decode(),
        3,
        "",
    )
    assert third["problem"]["nt_status"] == "STATUS_OBJECT_NAME_NOT_FOUND"
    handles = [first["open"]["open"], second["open"]["open"]]
    assert {row["open"] for row in (await site.ask("GET", "/api/v1/opens")).json["opens"]} == set(
        handles
    )
    results = await chain(
        site, *({"call": "close", "open": handle} for handle in [*handles, handles[0]])
    )
    assert [result.get("problem", {}).get("nt_status") for result in results] == [
        None,
        None,
        "STATUS_FILE_CLOSED",
    ]


async def test_opens_that_name_no_session_belong_to_the_one_begun_in_the_chain(site: Site) -> None:
    await chain(site, put("A", b"one"))
    wanted = {"call": "open", "request": {"session": "", "share": "SMS_SHR", "path": "A"}}
    begin = {"call": "session", "request": {"program": "SETUP.EXE"}}
    before, began, opened = await chain(site, wanted, begin, wanted)
    assert before["problem"]["nt_status"] == "STATUS_USER_SESSION_DELETED"
    (row,) = (await site.ask("GET", "/api/v1/opens")).json["opens"]
    assert (row["open"], row["session"], row["program"]) == (
        opened["open"]["open"],
        began["session"]["session"],
        "SETUP.EXE",
    )


async def test_a_chain_ends_the_session_that_is_its_callers_own(site: Site) -> None:
    await chain(site, put("A", b"one"))
    session = await site.session()
    opened, put_again, ended, late = await chain(
        site,
        {"call": "open", "request": {"session": session, "share": "SMS_SHR", "path": "A"}},
        put("B", b"two"),
        {"call": "logoff", "session": session},
        {"call": "logoff", "session": session},
    )
    assert ("open" in opened, "etag" in put_again, ended) == (True, True, {})
    assert late["problem"]["nt_status"] == "STATUS_USER_SESSION_DELETED"
    assert (await site.ask("GET", "/api/v1/opens")).json["opens"] == []
    (others,) = await chain(
        site, {"call": "logoff", "session": await site.session(site.client_token)}
    )
    assert others["problem"]["nt_status"] == "STATUS_USER_SESSION_DELETED"


@pytest.fixture
def bytes_max(monkeypatch: pytest.MonkeyPatch) -> int:
    """A limit that this site's small files can reach."""
    monkeypatch.setattr(http_chain, "BYTES_MAX", 500)
    return 500


async def test_what_is_too_large_to_be_read_along_is_only_opened(
    site: Site, bytes_max: int
) -> None:
    for size in (bytes_max, bytes_max + 1):
        await site.ask("PUT", "/SMS_SHR/L", bytes(size))
        session = await site.session()
        request = {"session": session, "share": "SMS_SHR", "path": "L"}
        (result,) = await chain(site, {"call": "open", "request": request, "read": True})
        assert result["open"]["size"] == size
        assert ("data" in result) is (size <= bytes_max)
        await site.ask("DELETE", f"/api/v1/sessions/{session}")


async def test_a_chain_reads_no_more_once_it_has_read_enough(site: Site, bytes_max: int) -> None:
    half = bytes(bytes_max // 2)
    for name in "ABC":
        await site.ask("PUT", f"/SMS_SHR/{name}", half)
    assert len(await chain(site, get("A"), get("B"), get("C"))) == 2
    await site.ask("PUT", "/SMS_SHR/A", half[1:])
    assert len(await chain(site, get("A"), get("B"), get("C"))) == 3


async def test_a_file_beyond_the_servers_limit_is_refused_as_alone(site: Site) -> None:
    fits, does_not = await chain(
        site, put("A", bytes(FILE_SIZE_MAX)), put("B", bytes(FILE_SIZE_MAX + 1))
    )
    assert "problem" not in fits
    assert does_not["problem"]["nt_status"] == "STATUS_FILE_TOO_LARGE"


async def test_the_limits_of_a_chain(site: Site) -> None:
    assert len(await chain(site, *[get("A")] * CALLS_MAX)) == CALLS_MAX
    for calls in ([], [get("A")] * (CALLS_MAX + 1)):
        refused = await site.post(CHAIN, calls=calls)
        assert (refused.status, f"not {len(calls)}" in refused.problem.detail) == (400, True)
    too_large = BytesIO(b" " * (BODY_SIZE_MAX + 1))
    assert (await site.ask("POST", CHAIN, too_large)).status == 413  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ({"call": "format"}, "Invalid value 'format'"),
        ({"call": "get", "share": "SMS_SHR"}, "missing required field `path`"),
        ({"call": "put", "share": "S", "path": "A", "data": "%%%"}, "Invalid base64"),
        ({**get("A"), "when": 1}, "unknown field `when`"),
    ],
)
async def test_a_call_that_does_not_fit_is_refused_and_none_is_made(
    site: Site, call: dict[str, Any], says: str
) -> None:
    refused = await site.post(CHAIN, calls=[put("A"), call])
    assert refused.status == 400
    assert says in refused.problem.detail
    assert (await site.ask("GET", "/SMS_SHR/A")).status == 404


async def test_a_client_reaches_no_further_in_a_chain_than_alone(site: Site) -> None:
    async def as_client(*calls: dict[str, Any]) -> Reply:
        return await site.ask(
            "POST", CHAIN, msgspec.json.encode({"calls": calls}), site.client_token
        )

    alone = await site.ask("PUT", f"/SMS_SHR/{BOX}/A", b"x", site.client_token)
    (result,) = (await as_client(put(f"{BOX}/A"))).json["results"]
    assert result.get("problem") == (
        msgspec.to_builtins(alone.problem) if alone.status >= 400 else None
    )
    assert (await site.ask("POST", CHAIN, b"{}", token="")).status == 401


async def test_a_disk_that_cannot_keep_what_was_written_fails_the_whole_chain(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(store: MemoryFileStore) -> None:
        raise StoreError(NtStatus.DISK_FULL)

    monkeypatch.setattr(MemoryFileStore, "sync", full)
    refused = await site.post(CHAIN, calls=[put("A")])
    assert (refused.status, refused.problem.nt_status) == (507, "STATUS_DISK_FULL")


async def test_a_chain_claims_no_other_user_either(site: Site) -> None:
    calls = [
        {"call": "session", "request": {"user": "otto"}},
        {"call": "session", "request": {"user": "ANNA"}},
    ]
    body = msgspec.json.encode({"calls": calls, "stops": False})
    refused, granted = (await site.ask("POST", "/api/v1/chain", body, site.client_token)).json[
        "results"
    ]
    assert refused["problem"]["nt_status"] == "STATUS_ACCESS_DENIED"
    assert granted["session"]["user"] == "ANNA"


@pytest.mark.parametrize("stops", [False, True])
async def test_calls_that_can_be_made_in_one_are_answered_as_if_each_were_alone(
    site: Site, tmp_path: Path, stops: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[Any]] = []
    await chain(site, put("A"))  # the first record is that of the server
    for way in ("short", "long"):
        site.host.add_share(way, JournalledFileStore(tmp_path / way, threads=False))
        site.host.add_share(f"{way}-2", MemoryFileStore())
        chance, before = random.Random(1), len(site.records)
        if way == "long":
            monkeypatch.setattr(site.host.boxes, "create", lambda *_, passing: ())
            monkeypatch.setattr(site.host.boxes, "delete", lambda *_: 0)
        told.append([])
        for number in range(60):
            calls: list[dict[str, Any]] = []
            while len(calls) < chance.choice([2, 9, CALLS_MAX]):
                path, makes = f"F{chance.randrange(30)}", chance.random() < 0.6
                for _ in range(min(chance.randrange(1, 5), CALLS_MAX - len(calls))):
                    call = put(path, create=number % 9 > 0) if makes else get(path)
                    kind = call if makes else call | {"call": "delete"}
                    calls.append(kind | {"share": way if chance.random() < 0.9 else f"{way}-2"})
                    path = f"F{chance.randrange(30)}"
            for result in await chain(site, *calls, stops=stops):
                assert "etag" in result or "problem" in result or result == {}
                told[-1].append(result.get("problem", {}).get("nt_status", "etag" in result))
        told[-1] += [record.data for record in site.records[before:]]
        told[-1] += [(await site.ask("GET", f"/{way}/F{name}")).status for name in range(30)]
    short, long = (str(one).replace("short", "long") for one in told)
    assert short == long


async def test_calls_that_are_made_in_one_are_answered_when_they_are_safe(
    site: Site, tmp_path: Path
) -> None:
    store = JournalledFileStore(tmp_path)
    site.host.add_share("BOXES", store)
    puts = [put(name, create=True) | {"share": "BOXES"} for name in "AB"]
    for calls in (puts, [{"call": "delete", "share": "BOXES", "path": name} for name in "AB"]):
        assert not any("problem" in result for result in await chain(site, *calls))
        assert store._journal is not None and store._journal.restores(store._journal.sequence)
