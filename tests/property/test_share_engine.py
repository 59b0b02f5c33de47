"""A machine of opens, closes, marks, renames and lapsing leases: what must hold after every
step.
"""

from __future__ import annotations

from itertools import combinations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from despoolr_core.share.modes import CreateAction, CreateOption, Disposition, NtStatus, Role
from despoolr_server.engine.engine import ShareEngine
from despoolr_server.engine.names import Name, parse_name
from despoolr_server.engine.rows import (
    Ask,
    Closed,
    Ended,
    FileFacts,
    Granted,
    Open,
    Refusal,
    Session,
)
from worlds.engine_law import check_engine

PATHS = st.sampled_from(["A", "A", "A", "B", "D", "D/A", "D/E", "D/E/A"])
ACCESS = st.sampled_from([0x1, 0x2, 0x4, 0x20, 0x80, 0x10000, 0x3, 0x10001, 0x10003])
SHARE = st.sampled_from([7, 7, 7, 0, 1, 2, 3, 4, 5, 6])
DISPOSITION = st.sampled_from(
    [Disposition.OPEN_IF] * 3
    + [Disposition.SUPERSEDE, Disposition.OVERWRITE_IF]
    + list(Disposition)
)
OPTIONS = st.sampled_from([0, 0, 0, int(CreateOption.DELETE_ON_CLOSE)])
WISH = st.tuples(PATHS, ACCESS, SHARE, DISPOSITION, OPTIONS)


def clash(one: int, one_share: int, other: int, other_share: int, only: int = 7) -> bool:
    """The rule right by right, said here once more so that the engine is not its own witness."""
    for mode, rights in ((1, 0x21), (2, 0x6), (4, 0x10000)):
        if mode & only and (
            (one & rights and not other_share & mode) or (other & rights and not one_share & mode)
        ):
            return True
    return False


def wants_any(access: int) -> bool:
    """Whether share modes have anything to say about an access."""
    return bool(access & 0x10027)


def named(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


class Engine(RuleBasedStateMachine):
    """The engine beside a model of what exists: a dictionary of names."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.engine = ShareEngine(blockers_max=3)
        self.names: dict[str, FileFacts] = {path: self._facts(path, True) for path in ("D", "D/E")}
        self.sessions: dict[str, tuple[Session, float]] = {}
        self.opens: dict[str, Open] = {}
        self.pending: set[str] = set()
        for lease_s in (0.0, 20.0):
            self.start(lease_s)

    @staticmethod
    def _facts(path: str, directory: bool) -> FileFacts:
        return FileFacts(path, 0, 0.0, directory, 0x10 if directory else 0, '"1"')

    # -- what the model knows

    def _filled(self, path: str) -> bool:
        return any(other.startswith(path + "/") for other in self.names)

    def _settle(self, closed: Closed) -> None:
        del self.opens[closed.open.handle]
        path = closed.open.path
        if closed.open.delete_on_close:
            self.pending.add(path)
        is_last = not any(row.path == path for row in self.opens.values())
        assert closed.remove == (is_last and path in self.pending)
        if is_last:
            self.pending.discard(path)
        if closed.remove and not self._filled(closed.open.path):
            del self.names[closed.open.path]

    def _ended(self, ended: Ended) -> None:
        mine = [row.handle for row in self.opens.values() if row.session == ended.session.session]
        assert [closed.open.handle for closed in ended.closed] == mine
        for closed in ended.closed:
            self._settle(closed)
        del self.sessions[ended.session.session]

    def _pick(self, data: st.DataObject) -> Open:
        return self.opens[data.draw(st.sampled_from(sorted(self.opens)))]

    # -- steps

    @rule(lease_s=st.sampled_from([0.0, 5.0, 20.0]))
    def connect(self, lease_s: float) -> None:
        self.start(lease_s)

    def start(self, lease_s: float) -> None:
        session = self.engine.sessions.start(
            self.now,
            machine="WS",
            user="",
            program="",
            role=Role.CLIENT,
            owner="WS",
            lease_s=lease_s,
        )
        assert isinstance(session, Session)
        self.sessions[session.session] = (session, self.now + lease_s if lease_s else float("inf"))

    @precondition(lambda self: self.sessions)
    @rule(data=st.data(), wishes=st.lists(WISH, min_size=1, max_size=4))
    def open(
        self, data: st.DataObject, wishes: list[tuple[str, int, int, Disposition, int]]
    ) -> None:
        session, _ = self.sessions[data.draw(st.sampled_from(sorted(self.sessions)))]
        for path, access, share, disposition, options in wishes:
            facts = self.names.get(path)
            parent = path.rpartition("/")[0]
            ask = Ask("T", named(path), access, share, disposition, options)
            answer = self.engine.open(
                self.now, session, ask, facts, not parent or parent in self.names
            )
            if isinstance(answer, Granted):
                assert path not in self.pending
                assert not self._guilty(ask, facts)
                self.opens[answer.open.handle] = answer.open
                assert (answer.action is CreateAction.CREATED) == (facts is None)
                self.names.setdefault(path, self._facts(path, False))
            else:
                self._justify(answer, ask, facts)

    def _guilty(self, ask: Ask, facts: FileFacts | None) -> list[Open]:
        """The opens that the rule, said here once more, holds against a wish."""
        implied = {
            Disposition.OVERWRITE: 0x2,
            Disposition.OVERWRITE_IF: 0x2,
            Disposition.SUPERSEDE: 0x10000,
        }
        access = ask.access | (implied.get(ask.disposition, 0) if facts is not None else 0)
        if not wants_any(access):
            return []
        only = 7 if wants_any(ask.access) else 4
        here = [
            row
            for row in self.opens.values()
            if row.path == ask.name.path and wants_any(row.access)
        ]
        return [
            row for row in here if clash(access, ask.share_mode, row.access, row.share_mode, only)
        ]

    def _justify(self, refusal: Refusal, ask: Ask, facts: FileFacts | None) -> None:
        if refusal.status is NtStatus.SHARING_VIOLATION:
            guilty = self._guilty(ask, facts)
            assert guilty, "refused though nobody conflicts"
            assert list(refusal.blockers) == guilty[:3]
            assert refusal.blocker_count == len(guilty)
        elif refusal.status is NtStatus.DELETE_PENDING:
            assert refusal.blocker_count > 0
            assert refusal.blockers
        elif refusal.status is NtStatus.OBJECT_NAME_NOT_FOUND:
            assert facts is None
        elif refusal.status is NtStatus.OBJECT_NAME_COLLISION:
            assert facts is not None
            assert ask.disposition is Disposition.CREATE

    @precondition(lambda self: self.opens)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        self._settle(self.engine.close(self._pick(data)))

    @precondition(lambda self: self.opens)
    @rule(data=st.data(), pending=st.booleans())
    def mark(self, data: st.DataObject, pending: bool) -> None:
        row = self._pick(data)
        refusal = self.engine.mark_delete(
            row, pending, self.names[row.path], self._filled(row.path)
        )
        assert (refusal is None) == (
            bool(row.access & 0x10000)
            and not (pending and self.names[row.path].directory and self._filled(row.path))
        )
        if refusal is None:
            (self.pending.add if pending else self.pending.discard)(row.path)

    @precondition(lambda self: self.opens)
    @rule(data=st.data(), goal=PATHS, replace=st.booleans())
    def rename(self, data: st.DataObject, goal: str, replace: bool) -> None:
        row = self._pick(data)
        parent = goal.rpartition("/")[0]
        refusal = self.engine.check_rename(
            "T",
            named(row.path),
            row.access,
            named(goal),
            directory=row.directory,
            replace=replace,
            target_facts=self.names.get(goal),
            parent_exists=not parent or parent in self.names,
        )
        if refusal is not None:
            return
        assert row.access & 0x10000
        source = row.path
        if source != goal:
            assert not any(other.path == goal for other in self.opens.values()), (
                "renamed over an open file"
            )
            assert not any(other.path.startswith(source + "/") for other in self.opens.values())
            moved = {
                name: facts
                for name, facts in self.names.items()
                if name == source or name.startswith(source + "/")
            }
            for name in moved:
                del self.names[name]
            for name, facts in moved.items():
                fresh = goal + name[len(source) :]
                self.names[fresh] = self._facts(fresh, facts.directory)
        self.engine.renamed("T", named(source), named(goal))
        self.opens = {handle: self._fresh(handle) for handle in self.opens}

    def _fresh(self, handle: str) -> Open:
        row = self.engine.find(handle)
        assert row is not None
        return row

    @precondition(lambda self: self.sessions)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.sessions)))
        session, _ = self.sessions[name]
        self.engine.sessions.renew(session, self.now)
        if session.lease_s:
            self.sessions[name] = (session, self.now + session.lease_s)

    @precondition(lambda self: self.sessions)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        ended = self.engine.end_session(data.draw(st.sampled_from(sorted(self.sessions))), "logoff")
        assert ended is not None
        self._ended(ended)

    @rule(seconds=st.sampled_from([1.0, 1.0, 1.0, 5.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        due = {name for name, (_, deadline) in self.sessions.items() if deadline <= self.now}
        ended = self.engine.expire(self.now)
        assert {one.session.session for one in ended} == due
        for one in ended:
            self._ended(one)

    # -- what must hold

    @invariant()
    def no_two_opens_conflict(self) -> None:
        by_path: dict[str, list[Open]] = {}
        for row in self.opens.values():
            by_path.setdefault(row.path, []).append(row)
        for rows in by_path.values():
            for one, other in combinations(rows, 2):
                if wants_any(one.access) and wants_any(other.access):
                    assert not clash(one.access, one.share_mode, other.access, other.share_mode)

    @invariant()
    def the_table_is_what_was_granted(self) -> None:
        assert {row.handle: row for row in self.engine.table} == self.opens
        assert all(
            self.engine.is_pending(row) == (row.path in self.pending) for row in self.opens.values()
        )
        assert all(row.session in self.sessions for row in self.opens.values())
        assert all(row.path in self.names for row in self.opens.values())
        check_engine(self.engine)


TestEngine = Engine.TestCase
TestEngine.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, report_multiple_bugs=False
)
