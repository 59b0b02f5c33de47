"""What the share server puts on record: every grant, refusal, close, session, write, delete and
rename.

The law: one fact, one record; the actor is `<server>/<machine>` (the share server that saw it, the
machine that did it) and every record names the server, so that the streams of several servers can
be read together. Path operations record their refusals and what they changed, not their transient
open. A name that is simply missing or taken is an answer, not a refusal, and is not recorded: a
thousand clients polling for files that are not there would drown everything else.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import msgspec
from msgspec import UNSET

from despoolr_core.records.episode import GIVEN_UP, RESOLVED
from despoolr_core.records.episodes import EpisodeLedger
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.share import (
    EpisodeEnded,
    FileDeleted,
    FileRenamed,
    FileWritten,
    LockGranted,
    LockReleased,
    OpenClosed,
    OpenGranted,
    OpenRefused,
    SessionEnded,
    SessionStarted,
    ShareDamaged,
    ShareStarted,
)
from despoolr_core.records.stream import Recorder
from despoolr_core.share.modes import (
    WIN32_CODE,
    CreateAction,
    NtStatus,
    render_access,
    render_share_mode,
)
from despoolr_core.share.wire import Blocker
from despoolr_server.engine.ranges import RangeLock
from despoolr_server.engine.rows import Open, Refusal, Session

UNRECORDED: Final = frozenset(
    [
        NtStatus.OBJECT_NAME_NOT_FOUND,
        NtStatus.OBJECT_PATH_NOT_FOUND,
        NtStatus.OBJECT_NAME_COLLISION,
        NtStatus.FILE_CLOSED,
        NtStatus.USER_SESSION_DELETED,
    ]
)
"""Answers about names and handles that are not worth a record."""

LABELS_MAX: Final = 1000
"""How many pairs of share and program are counted apart."""


class Actor(msgspec.Struct, frozen=True, gc=False):
    """Who did it: the machine, its program, and what it did it for."""

    machine: str
    user: str
    program: str
    purpose: str = ""


def actor_of(row: Open) -> Actor:
    """Who a record names as its actor: the program and machine that opened."""
    return Actor(row.machine, row.user, row.program, row.purpose)


class Audit:
    """Writes the share server's records; its episode ledger reads along."""

    def __init__(
        self, server: str, recorder: Recorder, ledger: EpisodeLedger, id_prefix: str
    ) -> None:
        self.server = server
        self.ledger = ledger
        self.refusal_counts: defaultdict[tuple[str, str], int] = defaultdict(int)
        """Refusals on record, by share and program; of pairs beyond `LABELS_MAX` as `other`."""
        self._recorder = recorder
        self._id_prefix = id_prefix
        self._episode_number = 0
        self._is_started = False
        if ledger.apply not in recorder.listeners:
            recorder.listeners.append(ledger.apply)

    def session_started(self, session: Session) -> None:
        """Record that a machine started a session."""
        self._write(
            session.machine,
            SessionStarted(
                server=self.server,
                session=session.session,
                machine=session.machine,
                user=session.user,
                program=session.program,
                lease_s=session.lease_s,
            ),
        )

    def session_ended(self, session: Session, reason: str) -> int:
        """Record that a session ended, and why."""
        return self._write(
            session.machine,
            SessionEnded(
                server=self.server, session=session.session, machine=session.machine, reason=reason
            ),
        )

    def granted(self, row: Open, action: CreateAction, lock: str = "") -> None:
        """A handle was given out; `lock` says which if it is that of a WebDAV lock."""
        self._write(
            row.machine,
            OpenGranted(
                server=self.server,
                open=row.handle,
                session=row.session,
                machine=row.machine,
                user=row.user,
                program=row.program,
                share=row.share,
                path=row.path,
                access=render_access(row.access),
                share_mode=render_share_mode(row.share_mode),
                action=action.value,
                purpose=row.purpose,
                lock=lock or UNSET,
            ),
        )

    def closed(self, row: Open, reason: str, cause: int = 0) -> int:
        """A handle was given back, or taken."""
        return self._write(
            row.machine,
            OpenClosed(
                server=self.server,
                open=row.handle,
                machine=row.machine,
                share=row.share,
                path=row.path,
                reason=reason,
            ),
            cause=cause,
        )

    def refused(
        self,
        actor: Actor,
        share: str,
        path: str,
        access: int,
        share_mode: int,
        refusal: Refusal,
        blockers: list[Blocker],
    ) -> str:
        """Somebody was refused; the episode it belongs to, `""` if nobody's open was in the way."""
        if refusal.status in UNRECORDED and not blockers:
            return ""
        episode = ""
        if blockers:
            known = self.ledger.find(
                actor.machine, actor.program, self.server, share, path, actor.purpose
            )
            episode = known or self._next_episode()
        counted = (share, actor.program)
        if counted not in self.refusal_counts and len(self.refusal_counts) >= LABELS_MAX:
            counted = ("other", "other")
        self.refusal_counts[counted] += 1
        self._write(
            actor.machine,
            OpenRefused(
                server=self.server,
                machine=actor.machine,
                user=actor.user,
                program=actor.program,
                share=share,
                path=path,
                access=render_access(access),
                share_mode=render_share_mode(share_mode),
                nt_status=refusal.status.value,
                win32=WIN32_CODE[refusal.status],
                blockers=tuple(blockers),
                purpose=actor.purpose,
                episode=episode,
            ),
        )
        return episode

    def lock_granted(self, row: Open, lock: RangeLock) -> None:
        """Record that a range was locked."""
        self._write(
            row.machine,
            LockGranted(
                server=self.server,
                open=row.handle,
                machine=row.machine,
                program=row.program,
                share=row.share,
                path=row.path,
                lock=lock.kind,
                offset=lock.offset,
                length=lock.length,
                purpose=row.purpose,
            ),
        )

    def lock_released(self, row: Open, lock: RangeLock) -> None:
        """A range is unlocked (a close releases without saying so)."""
        self._write(
            row.machine,
            LockReleased(
                server=self.server,
                open=row.handle,
                machine=row.machine,
                share=row.share,
                path=row.path,
                lock=lock.kind,
                offset=lock.offset,
                length=lock.length,
            ),
        )

    def written(self, actor: Actor, share: str, path: str, size: int) -> None:
        """A file has new content."""
        self._write(
            actor.machine,
            FileWritten(
                server=self.server,
                share=share,
                path=path,
                size=size,
                machine=actor.machine,
                program=actor.program,
                purpose=actor.purpose,
            ),
        )

    def deleted(self, actor: Actor, share: str, path: str, cause: int = 0) -> None:
        """Record that a file or directory was deleted."""
        self._write(
            actor.machine,
            FileDeleted(
                server=self.server,
                share=share,
                path=path,
                machine=actor.machine,
                program=actor.program,
                purpose=actor.purpose,
            ),
            cause=cause,
        )

    def renamed(self, actor: Actor, share: str, path: str, new_path: str) -> None:
        """Record that a file or directory was renamed."""
        self._write(
            actor.machine,
            FileRenamed(
                server=self.server,
                share=share,
                path=path,
                new_path=new_path,
                machine=actor.machine,
                program=actor.program,
                purpose=actor.purpose,
            ),
        )

    def was_read(self, actor: Actor, share: str, path: str, how: str = "read") -> None:
        """Bytes were read (or written: `how`): no record, unless somebody had been waiting for
        just that.
        """
        if not self.ledger.waiting_count:
            return
        episode = self.ledger.waiting(
            actor.machine, actor.program, self.server, share, path, actor.purpose
        )
        if episode:
            self._write(
                actor.machine,
                EpisodeEnded(server=self.server, episode=episode, state=RESOLVED, reason=how),
            )

    def gave_up(self, machine: str, episode: str, reason: str) -> None:
        """An update will not be tried again."""
        self._write(
            machine,
            EpisodeEnded(server=self.server, episode=episode, state=GIVEN_UP, reason=reason),
        )

    def _next_episode(self) -> str:
        self._episode_number += 1
        return f"{self.server}-E{self._id_prefix}{self._episode_number}"

    def damaged(self, share: str, found: str) -> None:
        """Something is wrong with a share's data, and so nothing on it can be changed."""
        self._write(self.server, ShareDamaged(server=self.server, share=share, found=found))

    def _write(self, machine: str, fact: Fact, *, cause: int = 0) -> int:
        if not self._is_started:
            self._is_started = True
            self._recorder.record(self.server, ShareStarted(server=self.server))
        return self._recorder.record(f"{self.server}/{machine}", fact, cause=cause)
