"""A client sees what is its own and what blocks it; the service and administrators see all."""

from __future__ import annotations

from typing import Any

import msgspec

from despoolr_core.share.modes import Role
from worlds.share_server import Site


async def told(site: Site, what: str, token: str | None = None) -> Any:
    return (await site.ask("GET", f"/api/v1/{what}", token=token)).json


async def situation(site: Site) -> tuple[str, str]:
    """PC07 holds two files; PC08 is refused one of them, and holds a third. The tokens of PC08's
    user and of PC09's.
    """
    bob, eve = (
        site.auth.issue("PC08", "bob", Role.CLIENT),
        site.auth.issue("PC09", "eve", Role.CLIENT),
    )
    for path in ("a.dat", "b.dat", "c.dat"):
        await site.ask("PUT", f"/SMS_SHR/{path}", b"x")
    for path in ("a.dat", "b.dat"):
        await site.hold(path)
    assert (
        await site.ask("PUT", "/SMS_SHR/b.dat", b"y", token=bob, Despoolr_Program="COPY.EXE")
    ).status == 423
    session = await site.session(bob)
    await site.ask(
        "POST",
        "/api/v1/opens",
        msgspec.json.encode({"session": session, "share": "SMS_SHR", "path": "c.dat"}),
        bob,
    )
    return bob, eve


async def test_a_client_sees_its_own_opens_and_those_that_block_it(site: Site) -> None:
    bob, _ = await situation(site)
    rows = (await told(site, "opens", bob))["opens"]
    assert [(row["machine"], row["path"], bool(row["session"])) for row in rows] == [
        ("PC07", "b.dat", False),
        ("PC08", "c.dat", True),
    ]
    assert (await told(site, "opens?machine=PC07", bob))["count"] == 1
    assert [row["path"] for row in (await told(site, "why", bob))["opens"]] == ["b.dat", "c.dat"]


async def test_a_client_that_nobody_blocks_sees_nothing_of_others(site: Site) -> None:
    _, eve = await situation(site)
    assert await told(site, "opens", eve) == {"opens": [], "count": 0}
    assert await told(site, "episodes", eve) == {"episodes": [], "count": 0}
    why = await told(site, "why?path=b.dat", eve)
    assert (why["opens"], why["episodes"], why["verdicts"]) == ([], [], [])


async def test_a_client_still_reads_why_it_was_refused(site: Site) -> None:
    bob, _ = await situation(site)
    (sentence,) = (await told(site, "why?path=b.dat", bob))["verdicts"]
    assert "EXCEL.EXE on PC07 (user anna) held it open" in sentence
    (episode,) = (await told(site, "episodes", bob))["episodes"]
    assert episode["machine"] == "PC08"


async def test_a_blocking_open_is_known_by_its_id_and_not_by_a_time(site: Site) -> None:
    """Its record is a moment later than the open: two times may fall into two milliseconds."""
    bob, _ = await situation(site)
    (episode,) = (await told(site, "episodes", bob))["episodes"]
    blocking = {
        row["open"] for row in (await told(site, "opens", bob))["opens"] if row["machine"] == "PC07"
    }
    assert {hold["open"] for hold in episode["holds"]} == blocking
    assert blocking < {held["open"] for held in (await told(site, "why", bob))["opens"]}


async def test_another_user_of_a_machine_does_not_see_its_sessions(site: Site) -> None:
    await situation(site)
    other = site.auth.issue("PC07", "otto", Role.CLIENT)
    assert [row["session"] for row in (await told(site, "opens", other))["opens"]] == ["", ""]
    own = (await told(site, "opens", site.client_token))["opens"]
    assert all(row["session"] for row in own)


async def test_the_service_and_administrators_see_all(site: Site) -> None:
    await situation(site)
    for token in (site.token, site.auth.issue("ADMIN1", "Administrator", Role.ADMIN)):
        rows = (await told(site, "opens", token))["opens"]
        assert [row["machine"] for row in rows] == ["PC07", "PC07", "PC08"]
        assert all(row["session"] for row in rows)
        assert (await told(site, "episodes", token))["count"] == 1


async def test_no_answer_about_others_has_a_session_of_theirs(site: Site) -> None:
    bob, eve = await situation(site)
    sessions = {
        row["session"] for row in (await told(site, "opens"))["opens"] if row["machine"] == "PC07"
    }
    refused = await site.ask("PUT", "/SMS_SHR/a.dat", b"y", token=eve)
    assert refused.status == 423
    assert refused.json["blockers"][0]["machine"] == "PC07"
    for token in (bob, eve):
        for call in ("opens", "episodes", "why", "why?at=900000000", "opens?path=a.dat"):
            body = (await site.ask("GET", f"/api/v1/{call}", token=token)).body
            assert not any(f'"{name}"'.encode() in body for name in sessions)
    assert not any(f'"{name}"'.encode() in refused.body for name in sessions)
