"""LOCK and UNLOCK over HTTP, and what a lock does to everybody's requests."""

from __future__ import annotations

from xml.etree.ElementTree import fromstring

import pytest

from despoolr_core.share.modes import Role
from despoolr_server.http.dav.bodies import OWNER_SIZE_MAX
from worlds.dav import D, P, lock, lockinfo, parts, propfind
from worlds.share_server import Site

TIMEOUT = f"{D}lockdiscovery/{D}activelock/{D}timeout"


async def test_a_lock_is_shown_as_it_is(site: Site) -> None:
    await site.ask("PUT", "/SMS_SHR/A%20b", b"1")
    reply = await site.ask(
        "LOCK", "/SMS_SHR/a%20B", lockinfo(), Depth="0", Timeout="Infinite, Second-5"
    )
    assert reply.status == 200
    token = reply.headers["Lock-Token"]
    assert token.startswith("<opaquelocktoken:")
    active = fromstring(reply.body).find(f"{D}lockdiscovery/{D}activelock")
    assert active is not None
    assert active.find(f"{D}lockscope/{D}exclusive") is not None
    assert active.find(f"{D}locktype/{D}write") is not None
    told = {name: active.findtext(D + name) for name in ("depth", "owner", "timeout")}
    assert told == {"depth": "0", "owner": "anna", "timeout": "Second-3600"}
    assert f"<{active.findtext(f'{D}locktoken/{D}href')}>" == token
    assert active.findtext(f"{D}lockroot/{D}href") == "/SMS_SHR/A%20b"
    found = parts(
        await site.ask(
            "PROPFIND", "/SMS_SHR/A%20b", propfind("lockdiscovery", "supportedlock"), Depth="0"
        )
    )
    properties = found["/SMS_SHR/A%20b"].properties
    assert properties[D + "lockdiscovery"][1].findtext(f"{D}activelock/{D}owner") == "anna"
    assert len(properties[D + "supportedlock"][1]) == 2


async def test_a_lock_on_a_free_name_is_created_and_one_in_no_directory_is_not(site: Site) -> None:
    assert (await site.ask("LOCK", "/SMS_SHR/NEW", lockinfo())).status == 201
    assert (await site.ask("GET", "/SMS_SHR/NEW")).body == b""
    assert (await site.ask("LOCK", "/SMS_SHR/X/NEW", lockinfo())).status == 409


async def test_a_locked_file_refuses_others_with_the_problem_and_the_word_of_webdav(
    site: Site,
) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"1")
    await lock(site, "/SMS_SHR/A", site.client_token, User_Agent="davfs2/1.6.1 neon/0.32.4")
    refused = await site.ask("PUT", "/SMS_SHR/A", b"2")
    assert (refused.status, refused.problem.nt_status) == (423, "STATUS_SHARING_VIOLATION")
    assert refused.problem.dav_error == "lock-token-submitted"
    blocker = refused.problem.blockers[0]
    assert (blocker.machine, blocker.user, blocker.program) == ("PC07", "anna", "davfs2")
    as_xml = await site.ask("PUT", "/SMS_SHR/A", b"2", User_Agent="litmus/0.13 neon/0.32.4")
    assert (as_xml.status, as_xml.headers["Content-Type"]) == (
        423,
        'application/xml; charset="utf-8"',
    )
    error = fromstring(as_xml.body)
    assert (error.tag, error.findtext(f"{D}lock-token-submitted/{D}href")) == (
        D + "error",
        "/SMS_SHR/A",
    )
    assert error.findtext(f"{P}problem/{P}nt_status") == "STATUS_SHARING_VIOLATION"
    assert error.findtext(f"{P}problem/{P}blockers/{P}i/{P}program") == "davfs2"


async def test_a_clients_open_refuses_put_delete_move_and_lock_and_no_token_would_help(
    site: Site,
) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"1")
    await site.hold("A")
    for method, body in (("PUT", b"2"), ("DELETE", None), ("MOVE", None), ("LOCK", lockinfo())):
        refused = await site.ask(
            method, "/SMS_SHR/A", body, Destination="/SMS_SHR/B", Accept="application/json"
        )
        assert (refused.status, refused.problem.dav_error) == (423, "no-conflicting-lock"), method
        assert refused.problem.blockers[0].program == "EXCEL.EXE"
        as_xml = await site.ask(
            method, "/SMS_SHR/A", body, Destination="/SMS_SHR/B", Accept="text/xml"
        )
        assert (
            fromstring(as_xml.body).findtext(f"{D}no-conflicting-lock/{D}href") == "/SMS_SHR/A"
        ), method


async def test_the_token_lets_its_owner_through_and_a_stale_one_is_412(site: Site) -> None:
    token = await lock(site, "/SMS_SHR/A", site.client_token)
    assert (
        await site.ask("PUT", "/SMS_SHR/A", b"1", site.client_token, If=f"({token})")
    ).status == 204
    assert (await site.ask("PUT", "/SMS_SHR/A", b"1", If=f"({token})")).status == 423
    for stale in ("(<opaquelocktoken:of-another-start>)", f"(Not {token})", '(["other"])'):
        refused = await site.ask("PUT", "/SMS_SHR/A", b"1", site.client_token, If=stale)
        assert (refused.status, refused.problem.type) == (412, "/problems/precondition-failed")
    etag = (await site.ask("HEAD", "/SMS_SHR/A")).headers["ETag"]
    assert (
        await site.ask("PUT", "/SMS_SHR/A", b"2", site.client_token, If=f"({token} [{etag}])")
    ).status == 204
    assert (await site.ask("GET", "/SMS_SHR/A", If=f"({token} [{etag}])")).status == 412


async def test_a_tag_says_which_resource_its_list_is_about(site: Site) -> None:
    token = await lock(site, "/SMS_SHR/A", site.client_token)
    await site.ask("PUT", "/SMS_SHR/B", b"1")
    for tag in ("/SMS_SHR/a", f"{site.base}/sms_shr/A"):
        reply = await site.ask(
            "PUT", "/SMS_SHR/A", b"1", site.client_token, If=f"<{tag}> ({token})"
        )
        assert reply.status == 204, tag
    for tag in ("/SMS_SHR/B", "http://elsewhere/SMS_SHR/A", "/OTHER/A", "A"):
        reply = await site.ask(
            "PUT", "/SMS_SHR/A", b"1", site.client_token, If=f"<{tag}> ({token})"
        )
        assert reply.status == 412, tag


async def test_an_if_header_that_cannot_be_read_is_refused(site: Site) -> None:
    refused = await site.ask("PUT", "/SMS_SHR/A", b"1", If="(nonsense)")
    assert (refused.status, refused.problem.type) == (400, "/problems/bad-request")
    assert "`If`" in refused.problem.detail


async def test_a_lock_without_a_body_refreshes(site: Site) -> None:
    token = await lock(site, "/SMS_SHR/A", Timeout="Second-100")
    reply = await site.ask("LOCK", "/SMS_SHR/A", If=f"({token})")
    assert (reply.status, fromstring(reply.body).findtext(TIMEOUT)) == (200, "Second-100")
    assert (await site.ask("LOCK", "/SMS_SHR/A")).status == 400
    assert (
        await site.ask("LOCK", "/SMS_SHR/A", token=site.client_token, If=f"({token})")
    ).status == 412
    assert (await site.ask("LOCK", "/SMS_SHR/A", If="(Not <DAV:no-lock>)")).status == 400


async def test_unlock_ends_a_lock_and_says_of_which_there_is_none(site: Site) -> None:
    token = await lock(site, "/SMS_SHR/A", site.client_token)
    for wrong in ("<opaquelocktoken:x", "opaquelocktoken:x>", "<>", "", "a b", "<a> <b>"):
        assert (await site.ask("UNLOCK", "/SMS_SHR/A", Lock_Token=wrong)).status == 400, wrong
    assert (await site.ask("UNLOCK", "/SMS_SHR/A")).status == 400
    gone = await site.ask("UNLOCK", "/SMS_SHR/A", Lock_Token="<opaquelocktoken:x>")
    assert (gone.status, gone.problem.dav_error) == (409, "lock-token-matches-request-uri")
    other = site.auth.issue("PC08", "bert", Role.CLIENT)
    assert (await site.ask("UNLOCK", "/SMS_SHR/A", token=other, Lock_Token=token)).status == 403
    assert (
        await site.ask("UNLOCK", "/SMS_SHR/A", token=site.client_token, Lock_Token=token)
    ).status == 204
    assert (await site.ask("PUT", "/SMS_SHR/A", b"")).status == 204


async def test_an_owner_is_as_long_as_it_may_be_and_no_longer(site: Site) -> None:
    def owner(size: int) -> str:
        around = len('<owner xmlns="DAV:"></owner>')
        return f"<D:owner>{'x' * (size - around)}</D:owner>"

    assert (
        await site.ask("LOCK", "/SMS_SHR/A", lockinfo(owner=owner(OWNER_SIZE_MAX)))
    ).status == 201
    assert (
        await site.ask("LOCK", "/SMS_SHR/B", lockinfo(owner=owner(OWNER_SIZE_MAX + 1)))
    ).status == 400
    assert (await site.ask("HEAD", "/SMS_SHR/B")).status == 404


async def test_unlock_takes_a_token_without_angle_brackets_too(site: Site) -> None:
    token = await lock(site, "/SMS_SHR/A", site.client_token)
    assert (await site.ask("UNLOCK", "/SMS_SHR/A", Lock_Token="opaquelocktoken:x")).status == 409
    assert (
        await site.ask(
            "UNLOCK", "/SMS_SHR/A", token=site.client_token, Lock_Token=token.strip("<>")
        )
    ).status == 204


async def test_a_lock_makes_no_file_of_a_name_with_a_slash_behind_it(site: Site) -> None:
    assert (
        await site.ask("LOCK", "/SMS_SHR/new/", lockinfo())
    ).problem.nt_status == "STATUS_OBJECT_NAME_INVALID"
    assert (await site.ask("HEAD", "/SMS_SHR/new")).status == 404


async def test_a_deep_lock_over_a_held_file_names_the_file(site: Site) -> None:
    await site.ask("MKCOL", "/SMS_SHR/D")
    await site.ask("PUT", "/SMS_SHR/D/A", b"1")
    await site.hold("D/A")
    found = parts(await site.ask("LOCK", "/SMS_SHR/D", lockinfo()))
    assert {href: part.status for href, part in found.items()} == {
        "/SMS_SHR/D/A": 423,
        "/SMS_SHR/D": 424,
    }
    error = found["/SMS_SHR/D/A"].element.find(D + "error")
    assert error is not None
    assert error.find(D + "no-conflicting-lock") is not None
    assert error.findtext(f"{P}problem/{P}blockers/{P}i/{P}program") == "EXCEL.EXE"
    assert (await site.ask("LOCK", "/SMS_SHR/D", lockinfo("shared"))).status == 200


async def test_locks_are_listed_among_the_opens(site: Site) -> None:
    await lock(site, "/SMS_SHR/A", site.client_token, Depth="0", User_Agent="cadaver/0.24 neon")
    (row,) = (await site.ask("GET", "/api/v1/opens?path=A")).json["opens"]
    assert (row["machine"], row["program"], row["kind"]) == (
        "PC07",
        "cadaver",
        "WebDAV lock, exclusive, depth 0",
    )
    await site.ask("DELETE", f"/api/v1/opens/{row['open']}?force=true&reason=update")
    assert (await site.ask("PUT", "/SMS_SHR/A", b"")).status == 204


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Depth": "1"}, lockinfo(), 400),
        ({}, b"<x/>", 400),
        ({}, b"<!DOCTYPE x><x/>", 403),
        ({"Timeout": "Never"}, lockinfo(), 201),
        ({"Timeout": "Second-99999999999999999999"}, lockinfo(), 201),
        ({}, b"x" * 70_000, 413),
    ],
)
async def test_what_a_lock_asks_is_read_with_care(
    site: Site, headers: dict[str, str], body: bytes, status: int
) -> None:
    assert (await site.ask("LOCK", "/SMS_SHR/A", body, **headers)).status == status
