"""A share server driven at random, restarts and all: opens, range locks, reads, writes, deletes,
renames, lapsing leases.

The model beside it knows what a person would write down: which names there are and what is in them,
who holds what in which mode, who has locked which bytes. After each step nothing may stand
together that must not, nothing may be lost or come back, and every refusal must name somebody who
is really in the way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_core.records.stream import Recorder
from despoolr_core.share.modes import NtStatus, Role, render_access, render_share_mode
from despoolr_core.share.wire import (
    Blocker,
    LockElement,
    LockList,
    LockRequest,
    OpenReply,
    OpenRequest,
    Problem,
    SessionReply,
    SessionRequest,
)
from despoolr_lab.sim.time.loop import VirtualLoop
from despoolr_server.files import MemoryFileStore
from despoolr_server.shares.base.limits import ShareLimits
from despoolr_server.shares.base.principal import Caller, Principal
from despoolr_server.shares.host import ShareHost
from worlds.engine_law import check_engine

T = TypeVar("T")

PATHS = st.sampled_from(["A", "A", "B", "D/A", "D/B"])
ACCESS = st.sampled_from([0x1, 0x3, 0x3, 0x2, 0x80, 0x10000, 0x10001, 0x10003])
SHARE = st.sampled_from([7, 7, 7, 7, 3, 1, 0, 5])
DISPOSITION = st.sampled_from(
    ["OPEN_IF", "OPEN_IF", "OPEN", "CREATE", "OVERWRITE_IF", "SUPERSEDE", "OVERWRITE"]
)
OPTIONS = st.sampled_from(["", "", "", "DELETE_ON_CLOSE"])
OFFSET = st.sampled_from([0, 0, 2, 5, 2**64 - 4])
LENGTH = st.sampled_from([4, 4, 3, 1, 0])
FLAGS = st.sampled_from(["SHARED", "EXCLUSIVE"])
MACHINES = ("WS1", "WS2")
EXAMPLES = 100
"""`make nightly` has a hundred times as many."""
ADMIN = Principal("BPC", "SMS", Role.SERVICE)


def meets(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two ranges have a byte in common, or the point that one is lies inside the
    other.
    """
    (a, a_length), (b, b_length) = one, other
    if a_length and b_length:
        return max(a, b) <= min(a + a_length, b + b_length) - 1
    if a_length or b_length:
        point, (start, length) = (a, other) if b_length else (b, one)
        return start < point < start + length
    return False


def letters(access: int) -> str:
    """What an access wants, in the letters of share modes."""
    return "".join(
        letter for letter, rights in (("R", 0x21), ("W", 0x6), ("D", 0x10000)) if access & rights
    )


def shared(share: int) -> str:
    return "".join(letter for letter, bit in (("R", 1), ("W", 2), ("D", 4)) if share & bit)


def clash(one: int, one_share: int, other: int, other_share: int) -> bool:
    """The sharing rule in letters, said here once more so that the engine is not its own
    witness.
    """
    mine, theirs = letters(one), letters(other)
    if not mine or not theirs:
        return False
    return not set(mine) <= set(shared(other_share)) or not set(theirs) <= set(shared(one_share))


@dataclass
class Held:
    """One open as the model knows it."""

    handle: str
    session: str
    who: Principal
    path: str
    access: int
    share: int
    delete_on_close: bool
    locks: list[tuple[str, int, int]] = field(default_factory=list)
    """Kind, offset, length, oldest first."""


class Host(RuleBasedStateMachine):
    """A share host in virtual time, beside a model."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.store = MemoryFileStore()
        self.starts = 0
        self.files: dict[str, bytes] = {}
        self.sessions: dict[str, tuple[Principal, float, float]] = {}
        self.held: dict[str, Held] = {}
        self.pending: set[str] = set()
        self.waits: dict[str, tuple[str, str, int, int, asyncio.Task[LockList | Problem]]] = {}
        self.wait_number = 0
        self.start()
        self.run(self.host.paths.make_directory(Caller(ADMIN), "T", "D", parents=True))
        for lease_s in (3000.0, 20.0):
            self.log_on(lease_s)
        # two strangers on one file: without them few locks ever meet
        for session in sorted(self.sessions):
            self.take(session, "A", 0x3, 7, "OPEN_IF", "")

    def teardown(self) -> None:
        for *_, task in self.waits.values():
            task.cancel()
        self.run(asyncio.sleep(0))
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def start(self) -> None:
        """A server process begins: an empty table over the same files."""
        self.starts += 1

        async def make() -> ShareHost:
            self.clock = LoopClock(1000.0 + self.loop.time())
            recorder = Recorder(self.clock.now)
            return ShareHost(
                "S",
                self.clock,
                recorder,
                ShareLimits(blockers_max=2, lock_waiters_max=3),
                id_prefix=f"R{self.starts}N",
            )

        self.host = self.run(make())
        self.host.add_share("T", self.store)

    # -- what the model knows

    def at(self, path: str) -> list[Held]:
        return [one for one in self.held.values() if one.path == path]

    def pick(self, data: st.DataObject) -> Held:
        return self.held[data.draw(st.sampled_from(sorted(self.held)))]

    def renewed(self, session: str) -> None:
        who, lease_s, _ = self.sessions[session]
        self.sessions[session] = (who, lease_s, self.clock.now() + lease_s)

    def has_lapsed(self, session: str) -> bool:
        """Whether its lease is over. Waiting renews nothing: while somebody waits, the host ends
        sessions on the instant.
        """
        return self.sessions[session][2] <= self.clock.now()

    def gone(self, one: Held) -> None:
        """One open ends: its locks go, and with the last open what was to be deleted."""
        del self.held[one.handle]
        if one.delete_on_close:
            self.pending.add(one.path)
        if not self.at(one.path) and one.path in self.pending:
            self.pending.discard(one.path)
            del self.files[one.path]

    def settle(self) -> None:
        """Learn which waits are over."""
        self.run(asyncio.sleep(0))
        self.run(asyncio.sleep(0))
        for name, (handle, kind, offset, length, task) in list(self.waits.items()):
            if not task.done():
                continue
            del self.waits[name]
            answer = task.result()
            if isinstance(answer, LockList):
                self.held[handle].locks.append((kind, offset, length))
            elif answer.nt_status == NtStatus.LOCK_NOT_GRANTED:
                assert self.lock_guilty(self.held[handle], kind, offset, length)
            else:
                assert answer.nt_status in (NtStatus.CANCELLED, NtStatus.RANGE_NOT_LOCKED)
                assert handle not in self.held or self.has_lapsed(self.held[handle].session)

    def lock_guilty(self, mine: Held, kind: str, offset: int, length: int) -> list[Held]:
        """Whose locks are in the way of a lock; a name for each lock."""
        found = []
        for one in self.at(mine.path):
            for held_kind, held_offset, held_length in one.locks:
                if not meets((offset, length), (held_offset, held_length)):
                    continue
                if "EXCLUSIVE" == kind or (held_kind == "EXCLUSIVE" and one is not mine):
                    found.append(one)
        return found

    def transfer_guilty(self, mine: Held, writes: bool, offset: int, length: int) -> list[Held]:
        """Whose locks keep bytes from being read or written."""
        found = []
        for one in self.at(mine.path):
            for held_kind, held_offset, held_length in one.locks:
                if not length or not meets((offset, length), (held_offset, held_length)):
                    continue
                if (held_kind == "EXCLUSIVE" and one is not mine) or (
                    held_kind == "SHARED" and writes
                ):
                    found.append(one)
        return found

    def justified(self, blockers: list[Blocker], count: int, guilty: list[Held]) -> None:
        """Every blocker is one who is really in the way, and all are counted."""
        assert guilty, "refused though nobody is in the way"
        assert count == len(guilty)
        assert len(blockers) == min(2, count)
        assert {blocker.open for blocker in blockers} <= {one.handle for one in guilty}

    # -- sessions

    @rule(lease_s=st.sampled_from([20.0, 3000.0]))
    def log_on(self, lease_s: float) -> None:
        who = Principal(MACHINES[len(self.sessions) % 2], "U", Role.SERVICE)
        reply = self.host.sessions.start(who, SessionRequest(lease_s=lease_s))
        assert isinstance(reply, SessionReply)
        self.sessions[reply.session] = (who, lease_s, self.clock.now() + lease_s)

    @precondition(lambda self: self.sessions)
    @rule(data=st.data(), how=st.sampled_from(["logoff", "leave", "replace"]))
    def end_session(self, data: st.DataObject, how: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.sessions)))
        who, lease_s, _ = self.sessions[name]
        if how == "replace":
            reply = self.host.sessions.start(who, SessionRequest(lease_s=lease_s, previous=name))
            assert isinstance(reply, SessionReply)
            self.sessions[reply.session] = (who, lease_s, self.clock.now() + lease_s)
        elif how == "leave":
            assert self.host.sessions.leave(who, name, "T") is None
            assert self.host.sessions.join(who, name, "T") is None
            self.renewed(name)
        else:
            assert self.host.sessions.end(who, name) is None
        self.left(name, forget=how != "leave")
        self.settle()

    def left(self, session: str, *, forget: bool) -> None:
        for one in [one for one in self.held.values() if one.session == session]:
            self.gone(one)
        if forget:
            del self.sessions[session]

    @rule(seconds=st.sampled_from([1.0, 1.0, 5.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))
        # a lock's time may have been over before a lease was: then nobody had lapsed yet
        self.settle()
        self.host.opens()  # whatever is asked ends what has lapsed
        lapsed = [name for name in self.sessions if self.has_lapsed(name)]
        for name in sorted(
            lapsed, key=lambda name: (self.sessions[name][2], int(name.rpartition("N")[2]))
        ):
            self.left(name, forget=True)
        self.settle()

    # -- opens

    @precondition(lambda self: self.sessions)
    @rule(
        data=st.data(),
        path=PATHS,
        access=ACCESS,
        share=SHARE,
        disposition=DISPOSITION,
        options=OPTIONS,
    )
    def open(
        self,
        data: st.DataObject,
        path: str,
        access: int,
        share: int,
        disposition: str,
        options: str,
    ) -> None:
        self.take(
            data.draw(st.sampled_from(sorted(self.sessions))),
            path,
            access,
            share,
            disposition,
            options,
        )

    def take(
        self, session: str, path: str, access: int, share: int, disposition: str, options: str
    ) -> None:
        who = self.sessions[session][0]
        words = {"access": render_access(access), "share_mode": render_share_mode(share)}
        request = OpenRequest(session, "T", path, disposition=disposition, options=options, **words)
        answer = self.run(self.host.handles.open(who, request))
        self.renewed(session)
        if isinstance(answer, Problem):
            self.refused_open(answer, path, access, share, disposition)
            return
        assert path not in self.pending
        assert not self.open_guilty(path, access, share, disposition)
        assert (answer.action == "CREATED") == (path not in self.files)
        if answer.action != "OPENED":
            self.files[path] = b""
        assert answer.size == len(self.files[path])
        self.held[answer.open] = Held(
            answer.open, session, who, path, access, share, "DELETE_ON_CLOSE" in options
        )

    def open_guilty(self, path: str, access: int, share: int, disposition: str) -> list[Held]:
        if path not in self.files:
            return []
        implied = {"OVERWRITE": 0x2, "OVERWRITE_IF": 0x2, "SUPERSEDE": 0x10000}.get(disposition, 0)
        if not letters(access) and implied:  # attributes only: held to DELETE alone
            return [
                one
                for one in self.at(path)
                if letters(one.access)
                and clash(implied & 0x10000 or 0x1, share | 3, one.access, one.share | 3)
            ]
        return [
            one for one in self.at(path) if clash(access | implied, share, one.access, one.share)
        ]

    def refused_open(
        self, problem: Problem, path: str, access: int, share: int, disposition: str
    ) -> None:
        match NtStatus(problem.nt_status):
            case NtStatus.SHARING_VIOLATION:
                guilty = self.open_guilty(path, access, share, disposition)
                self.justified(problem.blockers, problem.blocker_count, guilty)
            case NtStatus.DELETE_PENDING:
                assert path in self.pending
                self.justified(problem.blockers, problem.blocker_count, self.at(path))
            case NtStatus.OBJECT_NAME_NOT_FOUND:
                assert path not in self.files
            case NtStatus.OBJECT_NAME_COLLISION:
                assert path in self.files
                assert disposition == "CREATE"
            case status:
                assert status is NtStatus.INVALID_PARAMETER, problem
                assert not access & 0x10000

    @precondition(lambda self: self.held)
    @rule(data=st.data(), force=st.booleans())
    def close(self, data: st.DataObject, force: bool) -> None:
        one = self.pick(data)
        if force:
            assert self.host.close_by_force(ADMIN, one.handle, "force") is None
        else:
            assert self.run(self.host.handles.close(one.who, one.handle)) is None
            self.renewed(one.session)
        self.gone(one)
        self.settle()
        late = self.host.file_info.query(one.who, one.handle)
        assert isinstance(late, Problem)
        assert late.nt_status == NtStatus.FILE_CLOSED

    # -- ranges

    @precondition(lambda self: self.held)
    @rule(
        data=st.data(), elements=st.lists(st.tuples(FLAGS, OFFSET, LENGTH), min_size=1, max_size=3)
    )
    def lock(self, data: st.DataObject, elements: list[tuple[str, int, int]]) -> None:
        one = self.pick(data)
        asked = [
            LockElement(offset, length, f"{kind}|FAIL_IMMEDIATELY")
            for kind, offset, length in elements
        ]
        answer = self.run(self.host.range_locks.lock(one.who, one.handle, LockRequest(asked)))
        self.renewed(one.session)
        kept = len(one.locks)
        for element in elements:
            guilty = self.lock_guilty(one, *element)
            if guilty:
                assert isinstance(answer, Problem)
                assert answer.nt_status == NtStatus.LOCK_NOT_GRANTED
                self.justified(answer.blockers, answer.blocker_count, guilty)
                assert all(blocker.lock is not None for blocker in answer.blockers)
                del one.locks[kept:]
                return
            one.locks.append(element)
        assert isinstance(answer, LockList), answer
        assert [(got.kind, got.offset, got.length) for got in answer.locks] == elements

    @precondition(lambda self: self.held)
    @rule(
        data=st.data(),
        kind=FLAGS,
        offset=OFFSET,
        length=LENGTH,
        wait_s=st.sampled_from([3.0, 100.0]),
    )
    def lock_and_wait(
        self, data: st.DataObject, kind: str, offset: int, length: int, wait_s: float
    ) -> None:
        one = self.pick(data)
        self.wait_number += 1
        name = f"q{self.wait_number}"
        request = LockRequest([LockElement(offset, length, kind)], wait_s, name)
        guilty = self.lock_guilty(one, kind, offset, length)
        is_full = len(self.waits) >= 3
        task = self.loop.create_task(self.host.range_locks.lock(one.who, one.handle, request))
        self.run(asyncio.sleep(0))
        self.renewed(one.session)
        if not guilty:
            assert isinstance(task.result(), LockList)
            one.locks.append((kind, offset, length))
        elif is_full:
            answer = task.result()
            assert isinstance(answer, Problem)
            assert answer.nt_status == NtStatus.INSUFFICIENT_RESOURCES
        else:
            assert not task.done()
            self.waits[name] = (one.handle, kind, offset, length, task)

    @precondition(lambda self: self.waits)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.waits)))
        handle, *_, task = self.waits.pop(name)
        one = self.held[handle]
        assert self.host.range_locks.cancel(one.who, handle, name) is None
        self.renewed(one.session)
        answer = self.run(_result(task))
        assert isinstance(answer, Problem)
        assert answer.nt_status == NtStatus.CANCELLED

    @precondition(lambda self: any(one.locks for one in self.held.values()))
    @rule(data=st.data(), strange=st.booleans())
    def unlock(self, data: st.DataObject, strange: bool) -> None:
        handle = data.draw(
            st.sampled_from(sorted(handle for handle, one in self.held.items() if one.locks))
        )
        one = self.held[handle]
        _, offset, length = data.draw(st.sampled_from(one.locks))
        if strange:
            offset += 1
        stacked = [lock for lock in one.locks if lock[1:] == (offset, length)]
        refusal = self.host.range_locks.unlock(one.who, handle, offset, length)
        self.renewed(one.session)
        if not stacked:
            assert refusal is not None
            assert refusal.nt_status in (NtStatus.RANGE_NOT_LOCKED, NtStatus.INVALID_LOCK_RANGE)
            return
        assert refusal is None
        exclusive = ("EXCLUSIVE", offset, length)
        taken = exclusive if exclusive in stacked else ("SHARED", offset, length)
        one.locks.reverse()  # the newest of its kind goes
        one.locks.remove(taken)
        one.locks.reverse()
        self.settle()

    @precondition(lambda self: self.held)
    @rule(data=st.data(), writes=st.booleans(), offset=st.sampled_from([0, 2, 5]), length=LENGTH)
    def transfer(self, data: st.DataObject, writes: bool, offset: int, length: int) -> None:
        one = self.pick(data)
        content = self.files[one.path]
        guilty = self.transfer_guilty(one, writes, offset, length)
        if writes:
            answer: object = self.run(
                self.host.handles.write(one.who, one.handle, offset, b"y" * length)
            )
        else:
            answer = self.run(self.host.handles.read(one.who, one.handle, offset, length))
        self.renewed(one.session)
        if not one.access & (0x2 if writes else 0x1):
            assert isinstance(answer, Problem)
            assert answer.nt_status == NtStatus.ACCESS_DENIED
        elif guilty:
            assert isinstance(answer, Problem)
            assert answer.nt_status == NtStatus.FILE_LOCK_CONFLICT
            self.justified(answer.blockers, answer.blocker_count, guilty)
        elif writes:
            assert answer == length
            if length:
                self.files[one.path] = (
                    content[:offset].ljust(offset, b"\0")
                    + b"y" * length
                    + content[offset + length :]
                )
        elif length and offset >= len(content):
            assert isinstance(answer, Problem)
            assert answer.nt_status == NtStatus.END_OF_FILE
        else:
            assert answer == content[offset : offset + length]

    # -- deletes and renames

    @precondition(lambda self: self.held)
    @rule(data=st.data(), pending=st.booleans())
    def mark(self, data: st.DataObject, pending: bool) -> None:
        one = self.pick(data)
        refusal = self.run(self.host.file_info.mark_delete(one.who, one.handle, pending))
        self.renewed(one.session)
        assert (refusal is None) == bool(one.access & 0x10000)
        if refusal is None:
            (self.pending.add if pending else self.pending.discard)(one.path)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), goal=PATHS, replace=st.booleans())
    def rename(self, data: st.DataObject, goal: str, replace: bool) -> None:
        one = self.pick(data)
        source = one.path
        refusal = self.run(self.host.file_info.rename(one.who, one.handle, goal, replace=replace))
        self.renewed(one.session)
        if refusal is not None:
            assert NtStatus(refusal.nt_status) in self.rename_answers(one, goal, replace)
            return
        assert self.rename_answers(one, goal, replace) == set()
        if source != goal:
            self.files[goal] = self.files.pop(source)
            for other in self.held.values():
                if other.path == source:
                    other.path = goal

    def rename_answers(self, one: Held, goal: str, replace: bool) -> set[NtStatus]:
        """What a rename may be answered; nothing, if it must go ahead."""
        answers: set[NtStatus] = set()
        if not one.access & 0x10000 or one.path in self.pending:
            answers.add(NtStatus.ACCESS_DENIED)
        if goal != one.path and goal in self.files:
            if not replace:
                answers.add(NtStatus.OBJECT_NAME_COLLISION)
            if goal in self.pending:
                answers.add(NtStatus.DELETE_PENDING)
            elif self.at(goal):
                answers.add(NtStatus.ACCESS_DENIED)
        return answers

    @rule(path=PATHS)
    def delete_by_path(self, path: str) -> None:
        refusal = self.run(self.host.paths.delete(Caller(ADMIN), "T", path))
        if refusal is None:
            assert not any(clash(0x10000, 7, one.access, one.share) for one in self.at(path))
            if self.at(path):
                self.pending.add(path)
            else:
                del self.files[path]
        else:
            self.refused_open(refusal, path, 0x10000, 7, "OPEN")

    # -- the server's end

    @rule(is_clean=st.booleans())
    def restart(self, is_clean: bool) -> None:
        """The process ends, by itself or by a kill; the next one has the files, and lets everything
        be taken again.
        """
        before = [one for one in self.held.values() if is_clean or one.path not in self.pending]
        if is_clean:
            self.host.stop()
            for session in list(self.sessions):
                self.left(session, forget=True)
            self.settle()
        else:
            for *_, task in self.waits.values():
                task.cancel()
            self.run(asyncio.sleep(0))
            self.waits.clear()
        kept = [one for one in before if one.path in self.files]
        self.held.clear()
        self.sessions.clear()
        self.pending.clear()
        self.start()
        self.log_on(3000.0)
        (session,) = self.sessions
        who = self.sessions[session][0]
        for one in kept:
            words = {
                "access": render_access(one.access),
                "share_mode": render_share_mode(one.share),
            }
            reply = self.run(
                self.host.handles.open(who, OpenRequest(session, "T", one.path, **words))
            )
            assert isinstance(reply, OpenReply), f"{one} cannot be taken again: {reply}"
            again = Held(reply.open, session, who, one.path, one.access, one.share, False)
            self.held[reply.open] = again
            # a shared lock lies over an exclusive one
            for kind, offset, length in sorted(one.locks, key=lambda lock: lock[0]):
                element = LockElement(offset, length, f"{kind}|FAIL_IMMEDIATELY")
                answer = self.run(
                    self.host.range_locks.lock(who, reply.open, LockRequest([element]))
                )
                assert isinstance(answer, LockList), f"{one} cannot lock again: {answer}"
                again.locks.append((kind, offset, length))

    # -- what must hold

    @invariant()
    def no_two_opens_conflict(self) -> None:
        for one, other in combinations(self.held.values(), 2):
            assert one.path != other.path or not clash(
                one.access, one.share, other.access, other.share
            )

    @invariant()
    def no_two_locks_conflict(self) -> None:
        for one, other in combinations(self.held.values(), 2):
            for kind, *span in one.locks:
                for other_kind, *other_span in other.locks:
                    if one.path == other.path and "EXCLUSIVE" in (kind, other_kind):
                        assert not meets((span[0], span[1]), (other_span[0], other_span[1]))

    @invariant()
    def the_host_knows_what_the_model_knows(self) -> None:
        engine = self.host.engine
        check_engine(engine)
        assert {row.handle: row.path for row in engine.table} == {
            one.handle: one.path for one in self.held.values()
        }
        for handle, one in self.held.items():
            row = engine.find(handle)
            assert row is not None
            assert engine.is_pending(row) == (one.path in self.pending)
            file = engine.table.file(row.file)
            assert file is not None
            locks = [
                (lock.kind, lock.offset, lock.length)
                for lock in (file.ranges.of_handle(handle) if file.ranges else [])
            ]
            assert sorted(locks) == sorted(one.locks)

    @invariant()
    def no_file_is_lost_or_comes_back(self) -> None:
        there: dict[str, int] = {}
        for directory in ("", "D"):
            entries = self.host.listings.list(Caller(ADMIN), "T", directory)
            assert not isinstance(entries, Problem)
            there |= {
                f"{directory}/{one.name}".strip("/"): one.size
                for one in entries
                if not one.directory
            }
        assert there == {path: len(content) for path, content in self.files.items()}


async def _result(task: asyncio.Task[T]) -> T:
    return await task


TestHost = Host.TestCase
TestHost.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=40, deadline=None, report_multiple_bugs=False
)
