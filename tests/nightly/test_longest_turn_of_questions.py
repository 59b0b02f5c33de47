"""How long one turn of the loop is, at most, while somebody asks a server that is busy: for the
live page after 300,000 records, who has what open where 1,000,000 opens are, what is in a deep
tree. Measured as in `test_longest_turn`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from despoolr_core.share.wire import SessionReply, SessionRequest
from despoolr_server.engine.names import Name
from despoolr_server.engine.rows import Ask, FileFacts, Granted
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.memory import MemoryFileStore
from nightly.test_longest_turn import FILES, TURN_S_MAX, longest
from nightly.test_longest_turn_of_records import many_records
from worlds.share import client
from worlds.share_server import Site, serving

OPENS = 1_000_000
ROUNDS = 3


async def no_answer_takes_a_long_turn(
    monkeypatch: pytest.MonkeyPatch,
    site: Site,
    method: str,
    target: str,
    status: int = 200,
    **headers: str,
) -> None:
    found = []
    for _ in range(ROUNDS):

        async def work() -> None:
            reply = await site.ask(method, target, None, None, **headers)
            assert reply.status == status, reply

        found.append(await longest(monkeypatch, work))
    assert min(found) <= TURN_S_MAX, (target, found)


@pytest.mark.parametrize("status", [207, 403])
async def test_no_turn_is_long_while_a_client_looks_through_a_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    count = 9_000 if status == 207 else FILES
    store = DiskFileStore(tmp_path / "root")
    for number in range(count):
        directory = tmp_path / f"root/BOX/{number // 300}"
        directory.mkdir(exist_ok=True, parents=True)
        (directory / f"F{number:05}.DAT").touch()
    async with serving(store=store) as site:
        await no_answer_takes_a_long_turn(
            monkeypatch, site, "PROPFIND", "/SMS_SHR/BOX/", status, Depth="infinity"
        )


async def test_no_turn_is_long_while_a_page_is_made_of_three_hundred_thousand_records(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    records = await many_records()
    async with serving() as site:
        feeds = site.feeds
        assert feeds is not None
        for record in records:
            feeds.hear(record)
        for target in ("/api/v1/live", "/api/v1/live?q=F7.DAT", "/api/v1/records"):
            await no_answer_takes_a_long_turn(monkeypatch, site, "GET", target)


async def test_no_turn_is_long_while_somebody_asks_for_all_of_a_million_opens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hundred machines have ten thousand each, of the same files. One of these is in a directory
    that somebody wants to rename.
    """
    store = MemoryFileStore()
    store.make_directory(Name("D", "D"), 0.0)
    store.write_whole(Name("D/A", "D/A"), b"", 0.0)
    async with serving(store=store) as site:
        host = site.host
        names = ["D/A", *(f"F{number:05}.DAT" for number in range(9_999))]
        asks = [Ask("SMS_SHR", Name(name, name), 1, 7) for name in names]
        facts = [FileFacts(name, 0, 0.0, False, 0, '"1"') for name in names]
        for number in range(OPENS // len(names)):
            who = client(f"WS{number}")
            reply = host.sessions.start(who, SessionRequest(program="EXCEL.EXE"))
            assert isinstance(reply, SessionReply)
            session = host.engine.sessions.find(reply.session, site.clock.now())
            assert session is not None
            for ask, fact in zip(asks, facts, strict=True):
                granted = host.engine.open(site.clock.now(), session, ask, fact)
                assert isinstance(granted, Granted)
                host.gate.audit.granted(granted.open, granted.action)
        assert host.open_count == OPENS
        site.records.clear()
        for target in (
            "/api/v1/opens",
            "/api/v1/opens?share=SMS_SHR",
            "/api/v1/why",
            "/api/v1/why?path=F00007.DAT",
            "/api/v1/why?machine=WS7",
            "/api/v1/live",
        ):
            await no_answer_takes_a_long_turn(monkeypatch, site, "GET", target)
        await no_answer_takes_a_long_turn(
            monkeypatch, site, "MOVE", "/SMS_SHR/D/", 207, Destination="/SMS_SHR/E/"
        )
