"""The short way of opens and closes: the same answers and records as the long one, and otherwise
nothing at all.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from despoolr_core.share.modes import Role
from despoolr_core.share.wire import LockElement, LockRequest, OpenReply, OpenRequest, Problem
from despoolr_server.shares.base.principal import Caller, Principal
from despoolr_server.shares.base.rights import Rights
from despoolr_server.shares.dav import LockWish
from despoolr_server.shares.handles import usual
from despoolr_server.shares.handles.usual import LOOKS
from worlds.engine_law import check_table
from worlds.share import SERVICE, World, client

ALICE, BOB = client("WS1", "ALICE"), client("WS2", "BOB")
WORDS = {"access": "READ", "share_mode": "READ|WRITE|DELETE"}
READ_MAX = 2
"""Bytes of a file that is read as it is opened."""


def wish(session: str, path: str = "A", **words: str) -> OpenRequest:
    return OpenRequest(session=session, share="OPEN", path=path, **{**WORDS, **words})


async def known(path: str = "A", **words: str) -> tuple[World, str]:
    """A world in which a wish was granted once, and its open closed."""
    world = World()
    await world.put("A")
    session = world.session(ALICE)
    reply = await world.host.handles.open(ALICE, wish(session, path, **words))
    assert isinstance(reply, OpenReply)
    assert await world.host.handles.close(ALICE, reply.open) is None
    return world, session


async def test_what_was_granted_before_is_granted_again_and_given_back() -> None:
    world, session = await known()
    before = len(world.records)
    reply = world.host.handles.usual.open(ALICE, wish(session, program="P", purpose="for"))
    assert reply is not None and reply.open == "O2" and reply.size == 1
    assert world.last("open.granted")["program"] == "P"
    assert world.host.handles.usual.close(ALICE, reply.open)
    assert world.kinds()[before:] == ["open.granted", "open.closed"]
    check_table(world.host.engine.table)


@pytest.mark.parametrize(
    "words",
    [
        {"path": "B"},
        {"path": "A/"},
        {"path": "D"},
        {"disposition": "OVERWRITE", "access": "WRITE"},
        {"options": "NON_DIRECTORY_FILE"},
        {"access": "READ|DELETE", "options": "DELETE_ON_CLOSE"},
        {"access": "NONSENSE"},
        {"share": "NONE"},
    ],
    ids=str,
)
async def test_what_is_not_simply_opened_is_never_learnt(words: dict[str, str]) -> None:
    world = World()
    await world.put("A")
    await world.share().make_directory("D")
    session = world.session(ALICE)
    request = msgspec.structs.replace(wish(session), **words)
    for _ in range(2):
        reply = await world.host.handles.open(ALICE, request)
        if isinstance(reply, OpenReply):
            await world.host.handles.close(ALICE, reply.open)
        assert world.host.handles.usual.open(ALICE, request) is None


@pytest.mark.parametrize("path", ["Ä", "D\\A", "\U0001f600"])
async def test_what_no_call_asks_for_the_short_way_takes_no_room(path: str) -> None:
    world = World()
    await world.share().make_directory("D")
    await world.put(path)
    session = world.session(ALICE)
    await world.hold(ALICE, session, path, **WORDS)
    assert world.host.handles.usual.open(ALICE, wish(session, path)) is None


async def _gone(world: World, _session: str) -> None:
    await world.share().delete("A")


async def _readonly(world: World, _session: str) -> None:
    own = await world.hold(SERVICE, world.session(SERVICE), "A", access="WRITE_ATTRIBUTES")
    await world.host.file_info.set_attributes(SERVICE, own, "READONLY")


async def _renamed(world: World, _session: str) -> None:
    await world.share().rename("A", "B")
    await world.share().rename("B", "a")


async def _no_rights(world: World, _session: str) -> None:
    world.host.set_rights("OPEN", "", Role.CLIENT, Rights.NONE)


async def _denied(world: World, _session: str) -> None:
    await world.hold(BOB, world.session(BOB), "A", access="WRITE", share_mode="")


async def _pending(world: World, _session: str) -> None:
    own = await world.hold(BOB, world.session(BOB), "A", access="DELETE")
    await world.host.file_info.mark_delete(BOB, own, True)


async def _left(world: World, session: str) -> None:
    world.host.sessions.leave(ALICE, session, "OPEN")


async def _ended(world: World, session: str) -> None:
    world.host.sessions.end(ALICE, session)


async def _lease_over(world: World, _session: str) -> None:
    world.session(BOB, lease_s=5.0)
    world.clock.time += 6


@pytest.mark.parametrize(
    "change",
    [
        _gone,
        _readonly,
        _renamed,
        _no_rights,
        _denied,
        _pending,
        _left,
        _ended,
        _lease_over,
    ],
)
async def test_what_has_changed_since_is_left_to_the_long_way_and_nothing_is_done(
    change: Any,
) -> None:
    world, session = await known()
    await change(world, session)
    before, opens = len(world.records), world.host.open_count
    sessions = world.host.session_count
    assert world.host.handles.usual.open(ALICE, wish(session)) is None
    assert (len(world.records), world.host.open_count) == (before, opens)
    assert world.host.session_count == sessions
    check_table(world.host.engine.table)


async def test_what_was_granted_under_other_rights_is_learnt_anew() -> None:
    world, session = await known()
    world.host.set_rights("OPEN", "", Role.CLIENT, Rights.READ)
    assert world.host.handles.usual.open(ALICE, wish(session)) is None
    assert isinstance(await world.host.handles.open(ALICE, wish(session)), OpenReply)
    assert world.host.handles.usual.open(ALICE, wish(session)) is not None


async def test_below_a_tree_that_is_locked_the_long_way_looks() -> None:
    world = World()
    await world.share().make_directory("D")
    await world.put("D/A")
    session = world.session(ALICE)
    await world.hold(ALICE, session, "D/A", **WORDS)
    assert world.host.handles.usual.open(ALICE, wish(session, "D/A")) is not None
    locked = await world.host.dav.lock(Caller(BOB), "OPEN", "D", LockWish(exclusive=False))
    assert isinstance(locked, tuple), locked
    assert world.host.handles.usual.open(ALICE, wish(session, "D/A")) is None


async def test_a_wish_of_another_role_or_session_of_another_is_left_alone() -> None:
    world, session = await known()
    assert world.host.handles.usual.open(BOB, wish(session)) is None
    assert world.host.handles.usual.open(SERVICE, wish(session)) is None
    assert world.host.handles.usual.open(ALICE, wish("S99")) is None


async def test_a_session_at_its_limit_of_opens_is_left_to_the_long_way() -> None:
    world = World(opens_per_session_max=1)
    await world.put("A")
    session = world.session(ALICE)
    await world.hold(ALICE, session, "A", **WORDS)
    assert world.host.handles.usual.open(ALICE, wish(session)) is None


async def test_a_close_that_others_hear_of_is_left_to_the_long_way() -> None:
    world = World()
    await world.put("A")
    session = world.session(ALICE)
    close = world.host.handles.usual.close
    writer = await world.hold(ALICE, session, "A", access="WRITE", share_mode="READ|WRITE|DELETE")
    reader = await world.hold(ALICE, session, "A", **WORDS)
    assert not close(ALICE, writer) and not close(BOB, reader) and not close(ALICE, "O99")
    deleter = await world.hold(ALICE, session, "A", access="DELETE", share_mode="READ|WRITE|DELETE")
    await world.host.file_info.mark_delete(ALICE, deleter, True)
    assert not close(ALICE, reader)
    await world.host.file_info.mark_delete(ALICE, deleter, False)
    assert close(ALICE, reader) and not close(ALICE, reader)
    assert LOOKS == int(Rights.READ)


async def test_what_is_opened_is_read_along_unless_more_is_to_be_looked_at() -> None:
    world, session = await known()
    everything = {"access": "WRITE|READ", "share_mode": "READ|WRITE|DELETE"}

    def read(size_max: int = 1, **words: str) -> bytes | None:
        both = world.host.handles.usual.open_and_read(ALICE, wish(session, **words), size_max)
        return None if both is None else both[1]

    assert (read(), read(0)) == (b"x", None)
    other = await world.hold(BOB, world.session(BOB), "A", **everything)
    assert read() == b"x"
    lock = LockRequest([LockElement(0, 1, "EXCLUSIVE|FAIL_IMMEDIATELY")])
    assert not isinstance(await world.host.range_locks.lock(BOB, other, lock), Problem)
    assert read() is None
    await world.host.handles.close(BOB, other)
    held = await world.hold(BOB, world.session(BOB), "A", access="READ", share_mode="READ")
    refused = await world.host.handles.open(ALICE, wish(session, access="WRITE"))
    assert isinstance(refused, Problem)
    assert read() is None, "who waits for the file has got it by reading"
    await world.host.handles.close(BOB, held)
    await world.hold(ALICE, session, "A", access="READ_ATTRIBUTES", share_mode="READ|WRITE|DELETE")
    assert read(access="READ_ATTRIBUTES") is None
    check_table(world.host.engine.table)


async def test_a_renewed_lease_runs_from_the_call() -> None:
    world, _ = await known()
    session = world.session(ALICE, lease_s=10.0)
    for _ in range(3):
        world.clock.time += 8
        reply: object = world.host.handles.usual.open(ALICE, wish(session))
        if reply is None:  # the table of leases wants to be looked at
            reply = await world.host.handles.open(ALICE, wish(session))
        assert isinstance(reply, OpenReply)
        world.clock.time += 8
        if not world.host.handles.usual.close(ALICE, reply.open):
            assert await world.host.handles.close(ALICE, reply.open) is None


async def test_wishes_are_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usual, "WISHES_SIZE_MAX", 100)
    world = World()
    session = world.session(ALICE)
    for path in ("A", "B", "C" * 90):
        await world.put(path)
        await world.hold(ALICE, session, path, **WORDS)
    seen = [
        world.host.handles.usual.open(ALICE, wish(session, path)) is not None
        for path in ("A", "B", "C" * 90)
    ]
    assert seen == [True, True, False]


@dataclass
class Twin:
    """One of two worlds to which the same is done; `is_short`: the short way is asked first."""

    is_short: bool
    world: World = field(default_factory=lambda: World(opens_per_session_max=4))
    short_count: int = 0

    async def do(self, chance: random.Random) -> object:
        host, path = self.world.host, chance.choice(("A", "A", "a", "B"))
        who, session = chance.choice(((ALICE, "S1"), (ALICE, "S2"), (BOB, "S3"), (SERVICE, "S1")))
        opens = [row.handle for row in host.engine.table]
        handle = chance.choice(opens) if opens else "O1"
        step = chance.choice(("open",) * 6 + ("close",) * 6 + ("other",) * 3)
        if step == "open":
            return await self.open(who, session, path, chance)
        if step == "close":
            return await self.close(who, handle)
        return await self.other(chance, who, session, path, handle)

    async def open(self, who: Principal, session: str, path: str, chance: random.Random) -> object:
        request = wish(
            session,
            path,
            access=chance.choice(("READ", "READ", "READ_ATTRIBUTES", "WRITE", "DELETE")),
            share_mode=chance.choice(("READ|WRITE|DELETE", "READ|WRITE|DELETE", "READ", "")),
        )
        handles, reads = self.world.host.handles, chance.random() < 0.5
        if self.is_short and reads:
            both = handles.usual.open_and_read(who, request, READ_MAX)
            if both is not None:
                self.short_count += 1
                return both
        reply = handles.usual.open(who, request) if self.is_short else None
        self.short_count += reply is not None
        answer = reply if reply is not None else await handles.open(who, request)
        if reads and isinstance(answer, OpenReply) and answer.size <= READ_MAX:
            return answer, await handles.read(who, answer.open, 0, None)
        return answer

    async def close(self, who: Principal, handle: str) -> object:
        if self.is_short and self.world.host.handles.usual.close(who, handle):
            self.short_count += 1
            return None
        return await self.world.host.handles.close(who, handle)

    async def other(
        self, chance: random.Random, who: Principal, session: str, path: str, handle: str
    ) -> object:
        world, host = self.world, self.world.host
        what = chance.randrange(10)
        if what == 9:
            request = LockRequest([LockElement(0, 1, "EXCLUSIVE|FAIL_IMMEDIATELY")])
            return await host.range_locks.lock(who, handle, request)
        if what == 0:
            return await host.paths.put(Caller(who), "OPEN", path, b"x" * chance.randint(0, 3))
        if what == 1:
            return await host.paths.delete(Caller(who), "OPEN", path)
        if what == 2:
            return await host.file_info.mark_delete(who, handle, chance.random() < 0.5)
        if what == 3:
            attributes = chance.choice(("READONLY", "HIDDEN", ""))
            return await host.file_info.set_attributes(who, handle, attributes)
        if what == 4:
            rights = chance.choice((Rights.FULL, Rights.READ, Rights.FULL))
            return host.set_rights("OPEN", "", Role.CLIENT, rights)
        if what == 5:
            world.clock.time += chance.choice((1, 5, 40))
            return None
        if what == 6:
            act = chance.choice((host.sessions.leave, host.sessions.join))
            return act(who, session, "OPEN")
        if what == 7:
            return await host.file_info.rename(who, handle, chance.choice(("A", "B")), replace=True)
        self.world.session(who, lease_s=chance.choice((0.0, 30.0)))
        return None


@pytest.mark.slow
async def test_whatever_is_done_the_short_way_answers_and_records_what_the_long_one_does() -> None:
    short_count = refused_count = 0
    for seed in range(40):
        twins = [Twin(True), Twin(False)]
        for twin in twins:
            for who in (ALICE, ALICE, BOB):
                twin.world.session(who, lease_s=30.0 if seed % 2 else 0.0)
            for path in ("A", "B"):
                await twin.world.put(path)
        for step in range(120):
            answers = [await twin.do(random.Random(seed * 1000 + step)) for twin in twins]
            assert answers[0] == answers[1], (seed, step)
            refused_count += isinstance(answers[0], Problem)
            ours, theirs = (twin.world.records for twin in twins)
            assert ours == theirs, (seed, step)
            check_table(twins[0].world.host.engine.table)
        short_count += twins[0].short_count
    assert short_count > 300 and refused_count > 300
