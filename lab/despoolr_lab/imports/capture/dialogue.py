"""Requests and responses of a capture, paired: what was opened, refused, locked, renamed, closed.

The law: a request's truth is in the last response to it (by stream and message id), for
STATUS_PENDING only says that the answer is held back. A file id that no frame gave out is of an
open older than the capture. Within a compound, the id of all ones is that of the CREATE in front.
What a session had open is closed when it ends, unless it is durable: such an open goes on when a
CREATE names it, and has another id from then on. What is encrypted, or answered by nobody, is
counted and told.

Sources: [MS-SMB2] 3.2.4, 3.3.4.2 (interim responses), 3.3.5.2.7 (compounds), 3.3.5.9.7 and
3.3.5.9.12 (durable opens taken up again), 3.3.7.1 (loss of a connection).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from despoolr_core.phrases import counted
from despoolr_core.rules.fold import fold
from despoolr_lab.imports.capture.frames import (
    BREAK,
    CLOSE,
    CREATE,
    LOCK,
    LOGOFF,
    READ,
    SESSION_SETUP,
    SET_INFO,
    TREE_CONNECT,
    TREE_DISCONNECT,
    WRITE,
    Command,
    Frame,
)
from despoolr_lab.imports.capture.requests import REQUESTS_MAX, Request, Requests
from despoolr_lab.imports.capture.streams import ID_SIZE_MAX, SESSIONS_MAX, Stream, Streams, keep
from despoolr_lab.imports.capture.unseen import Unseen
from despoolr_lab.imports.traces.access import implied
from despoolr_lab.imports.traces.seen import (
    UNKNOWN,
    UNKNOWN_PATH,
    Connected,
    DeleteMarked,
    GotThrough,
    HandleClosed,
    Locked,
    Noted,
    OpenDenied,
    Opened,
    Quiet,
    RangeUnlocked,
    Renamed,
    Seen,
    SessionOver,
    Who,
)
from despoolr_lab.imports.traces.source import PORTS, name, path_below

FILES_MAX: Final = 1_000_000
"""File ids that are remembered."""
NO_MESSAGE: Final = "18446744073709551615"
"""The message id of a notice that nobody asked for."""

PENDING: Final = 0x103
STATUSES: Final = {
    0xC0000043: "STATUS_SHARING_VIOLATION",
    0xC0000056: "STATUS_DELETE_PENDING",
    0xC0000022: "STATUS_ACCESS_DENIED",
    0xC0000054: "STATUS_FILE_LOCK_CONFLICT",
    0xC0000055: "STATUS_LOCK_NOT_GRANTED",
}
"""The statuses that may mean that somebody else is in the way."""

_CONTENTION: Final = frozenset([0xC0000043, 0xC0000056])
_RANGES: Final = frozenset([0xC0000054, 0xC0000055])
_RENAME_REFUSALS: Final = frozenset([0xC0000022, 0xC0000043, 0xC0000056])
_ACTIONS: Final = {0: "SUPERSEDED", 1: "OPENED", 2: "CREATED", 3: "OVERWRITTEN"}
_RENAMES: Final = frozenset([10, 65])
_DISPOSITIONS: Final = frozenset([13, 64])
_PERSISTENT: Final = len("d10d47c5-0000-0000")
"""Characters of a file id that stay the same when a durable open is taken up again."""
_ALL_ONES: Final = "ffffffff"
_NON_DIRECTORY: Final = 0x40
_DELETE_ON_CLOSE: Final = 0x1000
_UNLOCK: Final = 0x4
_EXCLUSIVE: Final = 0x2


class Dialogue:
    """The pairing. `feed` takes the frames in order, `end` what is left."""

    def __init__(self, ports: frozenset[int] = PORTS) -> None:
        """`ports` are those of servers."""
        self._streams = Streams(ports)
        self._requests = Requests()
        self._unseen = Unseen()
        self._ahead: OrderedDict[tuple[str, str], str] = OrderedDict()
        """What stands before a path in a DFS, by session and tree."""
        self._trees: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._files: OrderedDict[str, str] = OrderedDict()
        """The server's address, by file id."""
        self._lasting: OrderedDict[str, str] = OrderedDict()
        """Durable opens, by the part of their ids that a new connection finds them by."""
        self._waiting: OrderedDict[tuple[str, str], None] = OrderedDict()
        """File ids on which somebody waits for a range, and for what; as they came."""
        self._start = self._now = 0.0
        self._forgotten_count = 0
        self._steps: Final[dict[int, Callable[[float, Request, Command], Iterator[Seen]]]] = {
            CREATE: self._created,
            CLOSE: self._closed,
            LOCK: self._lock,
            READ: self._data,
            WRITE: self._data,
            SET_INFO: self._set_info,
            TREE_CONNECT: self._connected,
            TREE_DISCONNECT: self._tree_left,
            LOGOFF: self._logged_off,
        }

    def read(self, frames: Iterable[Frame]) -> Iterator[Seen]:
        """What the frames say, and at their end what they do not."""
        for frame in frames:
            if _has_ids(frame):
                yield from self._feed(frame)
            else:
                self._unseen.odd_frames += 1
        yield from self._end()

    # -- frames

    def _feed(self, frame: Frame) -> Iterator[Seen]:
        self._unseen.frames += 1
        at = self._now = frame.at
        if not self._start:
            self._start = at
        stream = self._streams.of(frame)
        is_from_client = not self._streams.is_from_server(frame)
        if is_from_client:
            stream.heard_at = at
        if frame.is_encrypted:
            self._unseen.encrypted += 1
            return
        commands = frame.commands
        if commands:
            chain: list[str] = [""]
            for command in commands:
                if command.is_response:
                    yield from self._response(frame, stream, command)
                elif command.command != BREAK or command.message != NO_MESSAGE:
                    self._request(frame, stream, command, chain)
        if frame.is_fin or frame.is_reset:
            yield from self._disconnected(frame, stream, is_from_client)

    def _request(self, frame: Frame, stream: Stream, command: Command, chain: list[str]) -> None:
        session = command.session
        if frame.account and not self._streams.knows(session):
            self._streams.log_on(frame, session)
        if command.fid.startswith(_ALL_ONES):
            command.fid = ""
        elif command.fid and command.command != CREATE:
            chain = [command.fid]
        who = self._streams.who(stream, session)
        request = Request(command, who, chain, frame.at)
        self._requests.add((frame.stream, command.message), request)

    def _response(self, frame: Frame, stream: Stream, answer: Command) -> Iterator[Seen]:
        key = (frame.stream, answer.message)
        request = self._requests.find(key)
        if answer.command == SESSION_SETUP and answer.status == 0:
            self._streams.logged_on(frame, stream, answer.session)
        if request is None:
            if answer.command == CREATE and answer.status == 0 and answer.fid:
                yield from self._opened_before(frame, stream, answer)
            return
        if answer.status == PENDING:
            request.is_pended = True
            return
        self._requests.answered(key)
        step = self._steps.get(request.command.command)
        if step is not None:
            yield from step(frame.at, request, answer)

    def _connected(self, at: float, request: Request, answer: Command) -> Iterator[Seen]:
        if answer.status == 0:
            tree = name(request.command.tree_name.rpartition("\\")[2])
            keep(self._trees, (answer.session, answer.tree), tree, SESSIONS_MAX)
            whole = fold(path_below(request.command.tree_name))
            keep(
                self._ahead,
                (answer.session, answer.tree),
                f"{whole}/" if whole else "",
                SESSIONS_MAX,
            )
            if tree and tree != "IPC$":
                yield Connected(at, (answer.session, answer.tree), request.who, tree)

    def _tree_left(self, at: float, request: Request, answer: Command) -> Iterator[Seen]:
        if answer.status == 0:
            asked = request.command
            yield SessionOver(at, (asked.session, asked.tree), "tree disconnected")

    def _logged_off(self, at: float, request: Request, answer: Command) -> Iterator[Seen]:
        if answer.status == 0:
            yield SessionOver(at, (request.command.session,), "logoff")

    def _disconnected(self, frame: Frame, stream: Stream, is_from_client: bool) -> Iterator[Seen]:
        how = "reset" if frame.is_reset else "closed"
        reason = f"connection {how} by the client" if is_from_client else "ended by the server"
        if frame.is_reset and is_from_client:
            reason = "connection lost (reset)"
        silent = stream.heard_at if not is_from_client else 0.0
        for session in self._streams.leave(stream):
            yield SessionOver(frame.at, (session,), reason, silent, keeps="durable")

    # -- commands

    def _created(self, at: float, request: Request, answer: Command) -> Iterator[Seen]:
        asked = request.command
        share = self._trees.get((asked.session, asked.tree), "")
        if not share and asked.session and not self._streams.knows(asked.session):
            keep(self._unseen.older_sessions, asked.session, None, SESSIONS_MAX)
        if asked.access < 0 or (answer.status == 0 and not answer.fid):
            self._unseen.cut += 1
        path = self._path(asked)
        if answer.status == 0 and answer.fid:
            request.chain[0] = answer.fid
            is_durable = "DH2Q" in answer.tags or "DHnQ" in answer.tags
            self._unseen.durable += is_durable
            goes_on, is_older = "", False
            if self._is_taken_up(asked, answer):
                goes_on, is_older = self._go_on(asked.fid, request.who.server)
                is_durable = True
            if is_durable:
                keep(self._lasting, answer.fid[:_PERSISTENT], answer.fid, FILES_MAX)
            self._remember(answer.fid, request.who)
            yield Opened(
                at=at,
                handle=answer.fid,
                who=request.who,
                share=share,
                path=path,
                access=asked.access,
                share_mode=asked.share_mode & 7 if asked.share_mode >= 0 else UNKNOWN,
                session=(asked.session, asked.tree),
                action=_ACTIONS.get(answer.action, "OPENED"),
                is_durable=is_durable,
                is_deleting=self._is_deleting(asked.options),
                goes_on=goes_on,
                is_older=is_older,
                waited_s=request.waited_s(at),
            )
        elif answer.status in _CONTENTION:
            yield OpenDenied(
                at=at,
                who=request.who,
                share=share,
                path=path,
                access=asked.access,
                share_mode=asked.share_mode & 7 if asked.share_mode >= 0 else UNKNOWN,
                status=STATUSES[answer.status],
                implied=implied(asked.disposition),
            )

    def _is_taken_up(self, asked: Command, answer: Command) -> bool:
        """Whether a CREATE that names a durable open was given that one, and not one of its own."""
        return (
            bool(asked.fid)
            and ("DH2C" in asked.tags or "DHnC" in asked.tags)
            and answer.fid[:_PERSISTENT] == asked.fid[:_PERSISTENT]
        )

    def _go_on(self, fid: str, server: str) -> tuple[str, bool]:
        """The id that a durable open has had so far, and whether no frame of that server gave it
        out; the id is empty where it is that of another server's open.
        """
        known = fid if fid in self._files else self._lasting.get(fid[:_PERSISTENT], fid)
        if self._files.get(known, server) != server:
            return "", True
        self._lasting.pop(fid[:_PERSISTENT], None)
        return known, self._files.pop(known, None) is None

    def _is_deleting(self, options: int) -> bool:
        """Whether an open is sure to mark its file when it closes: a directory may not be."""
        if options < 0:
            self._unseen.without_options += 1
        elif options & _DELETE_ON_CLOSE:
            if options & _NON_DIRECTORY:
                return True
            self._unseen.maybe_deleting += 1
        return False

    def _path(self, asked: Command) -> str:
        """Where it lies in its share: in a DFS, server and share stand before it."""
        path = path_below(asked.filename)
        ahead = self._ahead.get((asked.session, asked.tree), "")
        if not ahead or fold(path[: len(ahead)]) != ahead:
            return path
        self._unseen.dfs += 1
        return path[len(ahead) :]

    def _opened_before(self, frame: Frame, stream: Stream, answer: Command) -> Iterator[Seen]:
        """The response to a CREATE that was sent before the capture began."""
        self._remember(answer.fid, stream.who)
        yield self._older(frame.at, answer.fid, self._streams.who(stream, answer.session), answer)

    def _closed(self, at: float, request: Request, answer: Command) -> Iterator[Seen]:
        fid = request.fid
        if not fid or answer.status:
            return
        if self._files.pop(fid, None) is None:
            self._unseen.closes += 1
            yield self._older(self._start, fid, request.who, request.command)
        if self._lasting and self._lasting.get(fid[:_PERSISTENT]) == fid:
            del self._lasting[fid[:_PERSISTENT]]
        yield HandleClosed(at, fid)

    def _older(self, at: float, fid: str, who: Who, command: Command) -> Opened:
        return Opened(
            at=at,
            handle=fid,
            who=who,
            share=self._trees.get((command.session, command.tree), ""),
            path=UNKNOWN_PATH,
            access=UNKNOWN,
            share_mode=UNKNOWN,
            session=(command.session, command.tree),
            known=0,
            is_older=True,
        )

    def _lock(self, at: float, request: Request, answer: Command) -> Iterator[Seen]:
        asked = request.command
        fid = request.fid
        if not fid:
            return
        ranges = [
            (int(offset, 0), int(length, 0), int(flags, 0))
            for offset, length, flags in zip(
                asked.offsets, asked.lengths, asked.lock_flags, strict=False
            )
        ]
        if answer.status == 0:
            for offset, length, flags in ranges:
                if flags & _UNLOCK:
                    yield RangeUnlocked(at, fid, offset, length)
                else:
                    yield Locked(
                        at, fid, offset, length, bool(flags & _EXCLUSIVE), request.waited_s(at)
                    )
        elif answer.status in _RANGES and ranges:
            yield self._range_refused(at, request, answer, fid, "lock", *ranges[0][:2])

    def _data(self, at: float, request: Request, answer: Command) -> Iterator[Seen]:
        asked = request.command
        fid = request.fid
        doing = "read" if asked.command == READ else "write"
        if answer.status == 0 and (fid, doing) in self._waiting:
            del self._waiting[fid, doing]
            yield GotThrough(at, fid, doing)
        elif answer.status in _RANGES and fid:
            offset = int(asked.offsets[0], 0) if asked.offsets else 0
            keep(self._waiting, (fid, doing), None, SESSIONS_MAX)
            yield self._range_refused(at, request, answer, fid, doing, offset, 1)

    def _range_refused(
        self,
        at: float,
        request: Request,
        answer: Command,
        fid: str,
        doing: str,
        offset: int,
        length: int,
    ) -> OpenDenied:
        return OpenDenied(
            at=at,
            who=request.who,
            share="",
            path="",
            access=UNKNOWN,
            share_mode=UNKNOWN,
            status=STATUSES[answer.status],
            handle=fid,
            doing=doing,
            offset=offset,
            length=length,
        )

    def _set_info(self, at: float, request: Request, answer: Command) -> Iterator[Seen]:
        asked = request.command
        fid = request.fid
        if not fid:
            return
        if asked.info_level in _RENAMES and asked.filename:
            new_path = path_below(asked.filename)
            share = self._trees.get((asked.session, asked.tree), "")
            if answer.status == 0:
                yield Renamed(at, fid, request.who, share, "", new_path)
            elif answer.status in _RENAME_REFUSALS:
                yield OpenDenied(
                    at=at,
                    who=request.who,
                    share=share,
                    path="",
                    access=UNKNOWN,
                    share_mode=UNKNOWN,
                    status=STATUSES[answer.status],
                    handle=fid,
                    doing="rename",
                    new_path=new_path,
                )
        elif asked.info_level in _DISPOSITIONS and answer.status == 0:
            yield DeleteMarked(at, fid, asked.delete_on_close == 1)

    def _remember(self, fid: str, who: Who) -> None:
        self._forgotten_count += keep(self._files, fid, who.server, FILES_MAX)

    # -- what is left

    def _end(self) -> Iterator[Seen]:
        for session, heard_at in self._streams.left():
            yield Quiet(self._now, (session,), heard_at)
        for text in self._gaps():
            yield Noted(self._now, "gap", text)

    def _gaps(self) -> Iterator[str]:
        unseen = self._unseen
        if not unseen.frames:
            yield "there is no SMB2 or SMB3 in this capture (SMB1 is not read)"
            return
        yield from unseen.told(has_logon=self._streams.has_logon)
        if self._streams.multichannel_count:
            yield (
                f"{counted(self._streams.multichannel_count, 'session uses', 'sessions use')} "
                "several connections (multichannel), and is over when the last one is"
            )
        if unseen.odd_frames:
            yield f"left out: {counted(unseen.odd_frames, 'frame')} with ids that are too long"
        if forgotten := self._requests.forgotten_count + self._forgotten_count:
            yield (
                f"{forgotten:,} requests or files were forgotten, because more than "
                f"{REQUESTS_MAX:,} waited or {FILES_MAX:,} were open"
            )


def _has_ids(frame: Frame) -> bool:
    """Whether all ids of a frame are as long as ids can be."""
    return len(frame.stream) <= ID_SIZE_MAX and all(
        len(command.message) <= ID_SIZE_MAX
        and len(command.session) <= ID_SIZE_MAX
        and len(command.tree) <= ID_SIZE_MAX
        and len(command.fid) <= ID_SIZE_MAX
        for command in frame.commands
    )
