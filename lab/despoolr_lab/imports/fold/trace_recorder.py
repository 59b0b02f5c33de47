"""The records of an imported run, from what its files saw.

The law: one record for one fact, of the kinds that a share server writes, so that every reader of
records reads them. What the sources do not tell is empty, `since` says `before`, and the sentences
about it are `import.note` records. A refusal without any known open in the way has one that nobody
recorded. Nothing is said to be given up: a trace only shows refusals that stop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from despoolr_core.records.episode import RESOLVED
from despoolr_core.records.episodes import EpisodeLedger
from despoolr_core.records.kinds.import_note import ImportNote
from despoolr_core.records.kinds.share import (
    EpisodeEnded,
    FileDeleted,
    FileRenamed,
    LockGranted,
    LockReleased,
    OpenClosed,
    OpenGranted,
    OpenRefused,
    SessionEnded,
    SessionStarted,
    ShareStarted,
)
from despoolr_core.records.stream import Listener, Recorder
from despoolr_core.share.modes import WIN32_CODE, NtStatus, render_access, render_share_mode
from despoolr_core.share.wire import LockedRange
from despoolr_lab.imports.fold.blockers import KnownBlockers
from despoolr_lab.imports.fold.names import Names
from despoolr_lab.imports.fold.notes import Notes, clock
from despoolr_lab.imports.fold.table import OPENS_MAX, RANGES_MAX, FileKey, Known, KnownOpens
from despoolr_lab.imports.traces import seen
from despoolr_lab.imports.traces.access import mapped

TOO_MANY: Final = "is forgotten, as too many are held; nobody saw its close"
QUIET_S: Final = 10.0
"""How long a holder must have been silent for that to be said."""
EPISODES_MAX: Final = 100_000
SERVERS_MAX: Final = 10_000


class TraceRecorder:
    """Takes in what is seen, in the order of time, and records it."""

    def __init__(
        self, server: str, names: Names, listeners: list[Listener], address: str = ""
    ) -> None:
        """`address` is that of `server`; a fact of another server's address is that server's."""
        self.server = server
        self._servers = {"": server, address: server}
        self.names = names
        self.opens = KnownOpens()
        self.counts: Counter[str] = Counter()
        self.by_source: Counter[tuple[int, str]] = Counter()
        self.ledger = EpisodeLedger(episodes_max=EPISODES_MAX, history_max=0)
        self.first_at = self.last_at = 0.0
        self._at = 0.0
        self._recorder = Recorder(lambda: self._at, [self.ledger.apply, *listeners])
        self.notes = Notes(lambda note: self._recorder.record("import", note))
        self._blockers = KnownBlockers(self.opens, names, self.notes)
        self.part_now: Callable[[], int] = lambda: 0
        """Which part of the run is written: a full one is followed by another."""
        self._open_number = self._episode_number = 0
        self._sessions: dict[tuple[int, seen.Session], tuple[str, str, str]] = {}
        self._pending: dict[FileKey, str] = {}
        self._blocking: set[str] = set()
        self._ghosts: dict[FileKey, list[Known]] = {}
        self._steps: Final[dict[type[seen.Seen], Callable[[int, Any], None]]] = {
            seen.Connected: self._connected,
            seen.Opened: self._opened,
            seen.OpenDenied: self._refused,
            seen.HandleClosed: self._closed,
            seen.SessionOver: self._session_ended,
            seen.Quiet: self._quiet,
            seen.Locked: self._locked,
            seen.RangeUnlocked: self._unlocked,
            seen.GotThrough: self._got_through,
            seen.Renamed: self._renamed,
            seen.DeleteMarked: self._delete_marked,
            seen.Deleted: self._deleted,
            seen.Noted: self._noted,
        }

    def start(self, at: float, notes: list[ImportNote]) -> None:
        """The beginning of the run: its server, and what its sources are."""
        self.first_at = self.last_at = self._at = at
        self._recorder.record(self.server, ShareStarted(server=self.server))
        for note in notes:
            self._recorder.record("import", note)

    def take(self, source: int, fact: seen.Seen) -> None:
        """Record a fact. Those of one run come in the order of their times, as far as their sources
        have them so.
        """
        self._at = fact.at
        if self.names.is_hidden and (share := getattr(fact, "share", "")):
            fact.share = self.names.share(share)  # type: ignore[attr-defined]
        if fact.at > self.last_at:
            self.last_at = fact.at
        self._steps[type(fact)](source, fact)

    def end(self, notes: list[ImportNote]) -> None:
        """The end of the run: what is open still, and who never came back."""
        self._at = self.last_at
        for note in notes:
            self._recorder.record("import", note)
        self.notes.end(self.ledger, self.last_at, len(self.opens), self._blockers.unseen_count)
        self._recorder.end("import", reason="the recording ends")

    def tell_again(self, first_part: int, notes: list[ImportNote]) -> None:
        """Tell of the opens that are held still, and were told of before the first part that is
        kept.
        """
        self._at = self.last_at
        for note in notes:
            self._recorder.record("import", note)
        for row in self.opens:
            if row.part < first_part:
                self._record_granted(row, "", "OPENED", is_older=True)

    @property
    def record_count(self) -> int:
        """How many records there are so far."""
        return self._recorder.count

    # -- sessions

    def _connected(self, source: int, fact: seen.Connected) -> None:
        if (source, fact.session) in self._sessions:
            return
        who = fact.who
        machine, user = self._who(who)
        server = self._server(who)
        number = f"S{self.counts['sessions'] + 1}"
        if len(self._sessions) < EPISODES_MAX:
            self._sessions[source, fact.session] = (number, machine, server)
        self.counts["sessions"] += 1
        started = SessionStarted(
            server=server,
            session=number,
            machine=machine,
            user=user,
            program=who.program,
            lease_s=0.0,
        )
        self._recorder.record(machine, started)

    def _session_ended(self, source: int, fact: seen.SessionOver) -> None:
        for row in self.opens.of_session(source, fact.session):
            if fact.keeps == "all" or (row.is_durable and fact.keeps == "durable"):
                self.notes.add(
                    "gap",
                    f"{row.machine}'s durable open of {self._path(row.path)} may live on after "
                    f"its connection ended at {clock(fact.at)} ({fact.reason})",
                )
                self._ghosts.setdefault(row.key, []).append(row)
                continue
            if fact.silent_since and fact.at - fact.silent_since >= QUIET_S:
                self._note_silence(row, fact.silent_since, f"; {fact.reason} at {clock(fact.at)}")
            self._close(row, fact.reason)
        ended = [
            key
            for key in self._sessions
            if key[0] == source and key[1][: len(fact.session)] == fact.session
        ]
        for key in ended:
            number, machine, server = self._sessions.pop(key)
            gone = SessionEnded(server=server, session=number, machine=machine, reason=fact.reason)
            self._recorder.record(machine, gone)

    def _quiet(self, source: int, fact: seen.Quiet) -> None:
        if not fact.since or fact.at - fact.since < QUIET_S:
            return
        for row in self.opens.of_session(source, fact.session):
            self._note_silence(row, fact.since, "; its session has not ended")

    def _note_silence(self, row: Known, since: float, rest: str) -> None:
        if row.id in self._blocking:
            self.notes.add(
                "gap",
                f"{row.machine}, which holds {self._path(row.path)}, is silent since "
                f"{clock(since)}{rest}",
            )

    # -- opens

    def _opened(self, source: int, fact: seen.Opened) -> None:
        if fact.goes_on and self._went_on(source, fact):
            return
        who = fact.who
        machine, user = self._who(who)
        self._open_number += 1
        server = self._server(who)
        row = Known(f"O{self._open_number}", source, fact, server, machine, user, who.program)
        if self._ghosts:
            self._throw_out(row)
        forgotten = self.opens.add(row)
        if forgotten is not None and forgotten.handle == row.handle:
            self._record_close(forgotten, "its handle was given out again")
        elif forgotten is not None:
            self._record_close(forgotten, TOO_MANY)
            if not self.counts["forgotten"]:
                self.notes.add(
                    "gap", f"{OPENS_MAX:,} opens are held at one time: the oldest {TOO_MANY}"
                )
            self.counts["forgotten"] += 1
        self.counts["opens"] += 1
        self.by_source[source, "opens"] += 1
        session = self._sessions.get((source, fact.session))
        self._record_granted(
            row, session[0] if session else "", fact.action, is_older=fact.is_older
        )
        if fact.waited_s >= 0.1:
            self.notes.add(
                "gap",
                f"{machine} had {self._path(row.path)} after {fact.waited_s:.1f} s, which is how "
                "long the server held its answer back (an oplock or a lease of somebody else)",
            )

    def _went_on(self, source: int, fact: seen.Opened) -> bool:
        """Whether a durable open that is known was taken up again: it is the same open then."""
        row = self.opens.find(source, fact.goes_on)
        machine = row.machine if row is not None else self._who(fact.who)[0]
        path = self._path(row.path if row is not None else fact.path)
        text = f"{machine} took its durable open of {path} up again at {clock(fact.at)}"
        if row is None:
            fact.is_older = True
            self.notes.add("gap", f"{text}, which is not known here: it was opened before")
            return False
        if row in (ghosts := self._ghosts.get(row.key, [])):
            ghosts.remove(row)
            if not ghosts:
                del self._ghosts[row.key]
        gone = self.opens.move(row, fact.handle, fact.session)
        if gone is not None:
            self._record_close(gone, "its handle was given out again")
        self.notes.add(
            "gap", f"{text}, over another connection: it is the same open, which goes on"
        )
        return True

    def _record_granted(self, row: Known, session: str, action: str, *, is_older: bool) -> None:
        row.part = self.part_now()
        granted = OpenGranted(
            server=row.server,
            open=row.id,
            session=session,
            machine=row.machine,
            user=row.user,
            program=row.program,
            share=row.share,
            path=self._path(row.path),
            access=row.access_words,
            share_mode=row.share_mode_words,
            action=action,
            purpose="",
            **({"since": "before"} if is_older else {}),
        )
        self._recorder.record(row.machine, granted)

    def _throw_out(self, row: Known) -> None:
        """A durable open whose client is gone gives way to whoever wants the file."""
        for ghost in self._ghosts.pop(row.key, []):
            if self.opens.find(ghost.source, ghost.handle) is not ghost:
                continue
            in_the_way = self.opens.blockers(
                row.server, row.share, row.path, row.access, row.share_mode, 0
            )
            if ghost in in_the_way:
                self._close(ghost, f"thrown out by an open of {row.machine}; its client was gone")
            else:
                self._ghosts.setdefault(row.key, []).append(ghost)

    def _closed(self, source: int, fact: seen.HandleClosed) -> None:
        row = self.opens.find(source, fact.handle)
        if row is not None:
            self._close(row, fact.reason)

    def _close(self, row: Known, reason: str) -> None:
        self.opens.remove(row)
        self._record_close(row, reason)
        key = row.key
        if row.is_deleting:
            self._pending.setdefault(key, row.machine)
        if key in self._pending and not self.opens.of_file(*key):
            who = self._pending.pop(key)
            self._record_deleted(row.server, who, row.share, row.path)

    def _record_close(self, row: Known, reason: str) -> None:
        self.counts["closes"] += 1
        self.by_source[row.source, "closes"] += 1
        closed = OpenClosed(
            server=row.server,
            open=row.id,
            machine=row.machine,
            share=row.share,
            path=self._path(row.path),
            reason=reason,
        )
        self._recorder.record(row.machine, closed)
        self._blocking.discard(row.id)

    # -- refusals

    def _refused(self, source: int, fact: seen.OpenDenied) -> None:
        self.by_source[source, "refusals"] += 1
        row = self.opens.find(source, fact.handle) if fact.handle else None
        machine, user = self._who(fact.who)
        server = self._server(fact.who)
        share, path, program = fact.share, fact.path, fact.who.program
        access, share_mode = fact.access, fact.share_mode
        if row is not None:
            share, path, access, share_mode = row.share, row.path, row.access, row.share_mode
            machine, user, program, server = row.machine, row.user, row.program, row.server
        elif not path:
            if fact.doing == "rename":
                return  # of a handle that nobody saw: what it was called before is unknown
            path = seen.UNKNOWN_PATH
        blockers, is_contention = self._blockers.found(source, fact, row, (server, share, path))
        if not is_contention:
            self.counts["rights"] += 1
            return
        self.counts["refusals"] += 1
        for blocker in blockers:
            self._blocking.add(blocker.open)
        purpose = f"{fact.doing} of {self._path(path)}" if fact.doing else ""
        found = self.ledger.find(machine, program, server, share, self._path(path), purpose)
        if found is None:
            self._episode_number += 1
            found = f"{server}-E{self._episode_number}"
        refused = OpenRefused(
            server=server,
            machine=machine,
            user=user,
            program=program,
            share=share,
            path=self._path(path),
            access=render_access(mapped(access)) if access >= 0 else "",
            share_mode=render_share_mode(share_mode) if share_mode >= 0 else "",
            nt_status=fact.status,
            win32=WIN32_CODE[NtStatus(fact.status)] if fact.status else 0,
            blockers=tuple(blockers),
            purpose=purpose,
            episode=found,
        )
        self._recorder.record(machine, refused)

    # -- ranges

    def _locked(self, source: int, fact: seen.Locked) -> None:
        row = self.opens.find(source, fact.handle)
        if row is None:
            return
        kind = "EXCLUSIVE" if fact.is_exclusive else "SHARED"
        if len(row.ranges) < RANGES_MAX:
            row.ranges = (
                *row.ranges,
                LockedRange(kind, fact.offset, fact.length, round(fact.at, 3)),
            )
        granted = LockGranted(
            server=row.server,
            open=row.id,
            machine=row.machine,
            program=row.program,
            share=row.share,
            path=self._path(row.path),
            lock=kind,
            offset=fact.offset,
            length=fact.length,
            purpose=f"lock of {self._path(row.path)}",
        )
        self._recorder.record(row.machine, granted)
        if fact.waited_s:
            self.notes.add(
                "gap",
                f"{row.machine} waited {fact.waited_s:.1f} s for a range of "
                f"{self._path(row.path)}, in one request that was held back and then granted",
            )

    def _unlocked(self, source: int, fact: seen.RangeUnlocked) -> None:
        row = self.opens.find(source, fact.handle)
        if row is None:
            return
        for lock in row.ranges:
            if (lock.offset, lock.length) == (fact.offset, fact.length):
                row.ranges = tuple(one for one in row.ranges if one is not lock)
                released = LockReleased(
                    server=row.server,
                    open=row.id,
                    machine=row.machine,
                    share=row.share,
                    path=self._path(row.path),
                    lock=lock.kind,
                    offset=fact.offset,
                    length=fact.length,
                )
                self._recorder.record(row.machine, released)
                return

    def _got_through(self, source: int, fact: seen.GotThrough) -> None:
        row = self.opens.find(source, fact.handle) if fact.handle else None
        if row is not None:
            machine, program, share, path = row.machine, row.program, row.share, row.path
            server = row.server
        elif fact.path:
            machine, _ = self._who(fact.who)
            server = self._server(fact.who)
            program, share, path = fact.who.program, fact.share, fact.path
        else:
            return
        path = self._path(path)
        purpose = f"{fact.doing} of {path}"
        episode = self.ledger.waiting(machine, program, server, share, path, purpose)
        if episode:
            ended = EpisodeEnded(
                server=server, episode=episode, state=RESOLVED, reason=f"the {fact.doing}"
            )
            self._recorder.record(machine, ended)

    # -- names

    def _renamed(self, source: int, fact: seen.Renamed) -> None:
        row = self.opens.find(source, fact.handle) if fact.handle else None
        share, path = (row.share, row.path) if row is not None else (fact.share, fact.path)
        if not path or path == seen.UNKNOWN_PATH:
            return
        machine, _ = self._who(fact.who)
        server, program = self._server(fact.who), fact.who.program
        if row is not None:
            server, machine, program = row.server, row.machine, row.program
        renamed = FileRenamed(
            server=server,
            share=share,
            path=self._path(path),
            new_path=self._path(fact.new_path),
            machine=machine,
            program=program,
            purpose=f"rename of {self._path(path)}",
        )
        self.opens.rename(server, share, path, fact.new_path)
        self._recorder.record(machine, renamed)

    def _delete_marked(self, source: int, fact: seen.DeleteMarked) -> None:
        row = self.opens.find(source, fact.handle)
        if row is not None and fact.is_pending:
            self._pending[row.key] = row.machine
        elif row is not None:
            self._pending.pop(row.key, None)

    def _deleted(self, _source: int, fact: seen.Deleted) -> None:
        machine, _ = self._who(fact.who)
        self._record_deleted(self._server(fact.who), machine, fact.share, fact.path)

    def _record_deleted(self, server: str, machine: str, share: str, path: str) -> None:
        deleted = FileDeleted(
            server=server,
            share=share,
            path=self._path(path),
            machine=machine,
            program="",
            purpose="",
        )
        self._recorder.record(machine, deleted)

    # -- words

    def _noted(self, _source: int, fact: seen.Noted) -> None:
        text = fact.text if self.names.is_hidden else fact.text + fact.detail
        self.notes.add(fact.about, text, is_told=True)

    def _server(self, who: seen.Who) -> str:
        found = self._servers.get(who.server)
        if found is None:
            found = self.names.server(who.server)
            if len(self._servers) < SERVERS_MAX:
                self._servers[who.server] = found
        return found

    def _who(self, who: seen.Who) -> tuple[str, str]:
        return self.names.machine(who.address, who.machine), self.names.user(who.user)

    def _path(self, path: str) -> str:
        return self.names.path(path)
