"""Opens that were granted before in the same words, and closes of what could change nothing: most
of what is asked of a share server, in a third of the steps.

The law: only what is granted and changes nothing but the table is decided here, and only if all
that decided it the last time is as it was: the rights (`change_count`), the file's attributes and
spelling, the words and the role. What others have open is asked each time. For everything else the
answer is None, before anything was changed; then `Handles` decides, as if nobody had asked here.
There is no wait, and no refusal, in this module.

What a wish came to is remembered under its own words, within a bound of characters.
"""

from __future__ import annotations

from typing import Final

import msgspec

from despoolr_core.clock import Clock
from despoolr_core.rules.conflict import READS
from despoolr_core.rules.memory import Bounded
from despoolr_core.share.modes import CreateAction, Role, render_attributes
from despoolr_core.share.wire import OpenReply, OpenRequest
from despoolr_server.engine.engine import ShareEngine
from despoolr_server.engine.names import Name
from despoolr_server.engine.rows import FileFacts, Open
from despoolr_server.files.protocol import StoreError
from despoolr_server.shares.base.audit import Audit
from despoolr_server.shares.base.closing import Closing
from despoolr_server.shares.base.gate import owns
from despoolr_server.shares.base.network_share import NetworkShare
from despoolr_server.shares.base.principal import Principal

WISHES_MAX: Final = 16_384
WISHES_SIZE_MAX: Final = 4 * 1024 * 1024
"""How many wishes are remembered, and how many characters of their words."""

LOOKS: Final = 0x1200A9
"""What an open may do that changes nothing: FILE_GENERIC_READ and FILE_GENERIC_EXECUTE."""

_OPENED: Final = CreateAction.OPENED
_WORD: Final = _OPENED.value


class _Granted(msgspec.Struct, frozen=True, gc=False):
    """What a wish came to."""

    share: NetworkShare
    rights: int
    name: Name
    file: str
    access: int
    share_mode: int
    held_class: int
    attributes: int
    attribute_words: str


class UsualCalls:
    """The usual opens and closes of one host."""

    def __init__(self, engine: ShareEngine, clock: Clock, audit: Audit, closing: Closing) -> None:
        self._engine = engine
        self._now = clock.now
        self._audit = audit
        self._closing = closing
        self._granted: Bounded[_Granted] = Bounded(WISHES_MAX, WISHES_SIZE_MAX)

    def learn(
        self, request: OpenRequest, role: Role, share: NetworkShare, row: Open, facts: FileFacts
    ) -> None:
        """Remember what an open came to that found its file, and did nothing to it, if its path is
        plain: opens of others are rarely asked for here (`http.shares.usual_calls`).
        """
        path, is_more = request.path, row.delete_on_close or row.covers or request.options
        if facts.directory or is_more or not path.isascii() or "\\" in path:
            return
        self._granted.keep(
            _words_of(request, role),
            _Granted(
                share,
                share.rights.change_count,
                Name(row.path, row.file.partition("/")[2]),
                row.file,
                row.access,
                row.share_mode,
                row.conflict_class,
                facts.attributes,
                render_attributes(facts.attributes),
            ),
        )

    def open(self, who: Principal, request: OpenRequest) -> OpenReply | None:
        """Grant an open, or do nothing."""
        found = self._open(who, request, -1)
        return None if found is None else found[0]

    def open_and_read(
        self, who: Principal, request: OpenRequest, size_max: int
    ) -> tuple[OpenReply, bytes] | None:
        """The same, with the content of a file of at most `size_max` bytes that nobody waits for,
        and of which nothing is locked.
        """
        return self._open(who, request, size_max)

    def _open(
        self, who: Principal, request: OpenRequest, size_max: int
    ) -> tuple[OpenReply, bytes] | None:
        known = self._granted.get(_words_of(request, who.role))
        if known is None:
            return None
        engine, now = self._engine, self._now()
        sessions, share = engine.sessions, known.share
        session = sessions.find_undisturbed(request.session, now)
        if (
            session is None
            or share.rights.change_count != known.rights
            or not owns(who, session)
            or engine.has_left(session.session, share.name)
        ):
            return None
        store = share.store
        try:
            facts = store.find(known.name, is_brief=True)
        except StoreError:
            return None
        if (
            facts is None
            or facts.directory
            or facts.attributes != known.attributes
            or facts.path != known.name.path
        ):
            return None
        data = b""
        if size_max >= 0:
            file = engine.table.file(known.file)
            if (
                facts.size > min(size_max, store.inline_max)
                or not known.access & READS
                or (file is not None and file.ranges is not None)
                or self._audit.ledger.waiting_count
            ):
                return None
            try:
                data = store.content(known.name, facts) if facts.size else data
            except StoreError:
                return None
        row = engine.open_again(
            now,
            session,
            share.name,
            facts.path,
            known.file,
            known.access,
            known.share_mode,
            known.held_class,
            request.program,
            request.purpose,
        )
        if row is None:
            return None
        sessions.renew(session, now)
        self._audit.granted(row, _OPENED)
        return OpenReply(row.handle, _WORD, facts.size, known.attribute_words, now), data

    def close(self, who: Principal, handle: str) -> bool:
        """Give an open back; whether that was done."""
        engine, now = self._engine, self._now()
        sessions, row = engine.sessions, engine.find(handle)
        if (
            row is None
            or row.access & ~LOOKS
            or row.delete_on_close
            or handle in engine.ending
            or engine.is_pending(row)
            or engine.locking.has_many(handle)
        ):
            return False
        session = sessions.find_undisturbed(row.session, now)
        if session is None or not owns(who, session):
            return False
        sessions.renew(session, now)
        failure = self._closing.close(row, "closed", now)
        assert failure is None, "nothing was to be removed"
        return True


def _words_of(request: OpenRequest, role: Role) -> tuple[str, ...]:
    return (
        request.share,
        request.path,
        request.access,
        request.share_mode,
        request.disposition,
        request.options,
        request.attributes,
        role,
    )
