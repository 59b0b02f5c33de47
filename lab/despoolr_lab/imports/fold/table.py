"""What is open at a moment, as far as the sources tell, and who is in whose way.

The law: a refusal's blockers are the opens of the same file that the conflict rule of the core
forbids beside what was asked. Where a source does not tell a share mode, an open may be in the way:
it is taken for a blocker only where none is known to be one, and its share mode stays empty. A
pending delete is kept alive by every open of the file; a directory is held by whatever is open
below it; a range by the ranges that overlap it, of other handles.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from despoolr_core.rules.conflict import conflicts, effective_modes, wants
from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import render_access, render_share_mode
from despoolr_core.share.wire import Blocker, LockedRange
from despoolr_lab.imports.traces.access import mapped
from despoolr_lab.imports.traces.seen import ALL_MODES, Opened, Session

SHARES_MAX: Final = 1000
"""Shares of a server that are remembered."""
OPENS_MAX: Final = 1_000_000
OWN_PATHS_MAX: Final = 1_024
"""Opens by the server's own paths, of files of one name, that are looked at for one of a share."""
OWN_DEPTH_MAX: Final = 32
"""How deep below a drive the directory of a share is looked for."""
RANGES_MAX: Final = 1024
"""Ranges of a handle that are remembered."""

FileKey = tuple[str, str, str]
"""Server, share and path as they are compared."""


class Known:
    """One open as the run knows it."""

    __slots__ = (
        "access",
        "handle",
        "id",
        "is_deleting",
        "is_durable",
        "is_older",
        "key",
        "known",
        "machine",
        "opened_at",
        "part",
        "path",
        "program",
        "ranges",
        "server",
        "session",
        "share",
        "share_mode",
        "source",
        "user",
    )

    def __init__(
        self,
        number: str,
        source: int,
        opened: Opened,
        server: str,
        machine: str,
        user: str,
        program: str,
    ) -> None:
        self.id = number
        self.source = source
        self.handle = opened.handle
        self.session: Session = opened.session
        self.server = server
        self.machine = machine
        self.user = user
        self.program = program
        self.share = opened.share
        self.path = opened.path
        self.access = mapped(opened.access) if opened.access >= 0 else -1
        self.share_mode = opened.share_mode
        self.known = opened.known if opened.share_mode >= 0 else 0
        self.opened_at = opened.at
        self.is_older = opened.is_older
        self.is_durable = opened.is_durable
        self.is_deleting = opened.is_deleting
        self.ranges: tuple[LockedRange, ...] = ()
        self.key: FileKey = (server, fold(opened.share), fold(opened.path))
        self.part = 0
        """In which part of a run that is cut into parts it was told of last."""

    def rename(self, path: str) -> None:
        """Its file is called otherwise from now on."""
        self.path = path
        self.key = (self.server, fold(self.share), fold(path))

    @property
    def access_words(self) -> str:
        """Its access for people; empty where no source has it."""
        return render_access(self.access) if self.access >= 0 else ""

    @property
    def share_mode_words(self) -> str:
        """Its share mode for people; empty where no source has the whole of it."""
        return render_share_mode(self.share_mode) if self.known == ALL_MODES else ""

    def blocker(self, lock: LockedRange | None = None) -> Blocker:
        """It, standing in somebody's way."""
        return Blocker(
            open=self.id,
            machine=self.machine,
            user=self.user,
            program=self.program,
            access=self.access_words,
            share_mode=self.share_mode_words,
            opened_at=self.opened_at,
            lock=lock,
            since="before" if self.is_older else "",
        )


class KnownOpens:
    """The opens, by handle, file and session."""

    def __init__(self) -> None:
        self._by_handle: OrderedDict[tuple[int, str], Known] = OrderedDict()
        self._by_file: dict[FileKey, dict[str, Known]] = {}
        self._by_session: dict[tuple[int, str], dict[str, Known]] = {}
        self._shares: dict[str, set[str]] = {}
        """The shares of each server on which something was open."""
        self._on_drives: dict[tuple[str, str], dict[str, Known]] = {}
        """What is open by the server's own paths (`D$`), by the last part of them."""

    def __len__(self) -> int:
        return len(self._by_handle)

    def __iter__(self) -> Iterator[Known]:
        return iter(self._by_handle.values())

    def add(self, row: Known) -> Known | None:
        """Take an open in. Returns the one that was forgotten for it, or whose handle it has."""
        gone = self._by_handle.get((row.source, row.handle))
        if gone is None and len(self._by_handle) >= OPENS_MAX:
            gone = next(iter(self._by_handle.values()))
        if gone is not None:
            self.remove(gone)
        self._by_handle[row.source, row.handle] = row
        self._place(row)
        shares = self._shares.setdefault(row.server, set())
        if len(shares) < SHARES_MAX:
            shares.add(row.share)
        if row.session:
            self._by_session.setdefault((row.source, row.session[0]), {})[row.id] = row
        return gone

    def find(self, source: int, handle: str) -> Known | None:
        """The open of a handle."""
        return self._by_handle.get((source, handle))

    def remove(self, row: Known) -> None:
        """Forget an open that was closed."""
        del self._by_handle[row.source, row.handle]
        self._displace(row)
        if row.session:
            of_session = self._by_session[row.source, row.session[0]]
            del of_session[row.id]
            if not of_session:
                del self._by_session[row.source, row.session[0]]

    def move(self, row: Known, handle: str, session: Session) -> Known | None:
        """Give an open another handle and session. Returns the one that had that handle."""
        gone = self._by_handle.get((row.source, handle))
        if gone is row:
            gone = None
        elif gone is not None:
            self.remove(gone)
        self.remove(row)
        row.handle, row.session = handle, session
        self.add(row)
        return gone

    def of_session(self, source: int, session: Session) -> list[Known]:
        """What is open in a session, or in the part of it that is named."""
        found = self._by_session.get((source, session[0]), {})
        return [row for row in found.values() if row.session[: len(session)] == session]

    def of_file(self, server: str, share: str, path: str) -> list[Known]:
        """The opens of a file, oldest first."""
        return _by_age(self._by_file.get((server, fold(share), fold(path)), {}).values())

    def rename(self, server: str, share: str, path: str, new_path: str) -> None:
        """All opens of a file, or of what stands below a directory, follow it."""
        moved = [*self._below(server, share, path), *self.of_file(server, share, path)]
        for row in moved:
            self._displace(row)
            row.rename(new_path + row.path[len(path) :])
            self._place(row)

    def _place(self, row: Known) -> None:
        self._by_file.setdefault(row.key, {})[row.id] = row
        if _is_drive(row.share):
            self._on_drives.setdefault(_end_of(row.key), {})[row.id] = row

    def _displace(self, row: Known) -> None:
        of_file = self._by_file[row.key]
        del of_file[row.id]
        if not of_file:
            del self._by_file[row.key]
        if _is_drive(row.share):
            of_end = self._on_drives[_end_of(row.key)]
            del of_end[row.id]
            if not of_end:
                del self._on_drives[_end_of(row.key)]

    def by_own_path(self, server: str, share: str, path: str) -> list[Known]:
        """The opens of a file of a share that are known by the server's own path, or the other way
        round: a directory that is called as the share is taken for it. Oldest first.
        """
        folded = fold(path)
        if not _is_drive(share):
            below = f"/{fold(share)}/{folded}"
            rows = self._on_drives.get(_end_of((server, share, folded)), {}).values()
            looked_at = islice(rows, OWN_PATHS_MAX)
            return _by_age(row for row in looked_at if f"/{row.key[2]}".endswith(below))
        found: list[Known] = []
        start = 0
        for _ in range(OWN_DEPTH_MAX):
            end = folded.find("/", start)
            if end < 0:
                break
            key = server, folded[start:end], folded[end + 1 :]
            found += self._by_file.get(key, {}).values()
            start = end + 1
        return _by_age(found)

    def blockers(
        self, server: str, share: str, path: str, access: int, share_mode: int, implied: int
    ) -> list[Known]:
        """Who is in the way of an open: those that are known to be, else those that may be."""
        return in_the_way(self.of_file(server, share, path), access, share_mode, implied)

    def shares_like(self, server: str, share: str) -> list[str]:
        """The shares that an unknown one may be; of one that is known, whether it is none."""
        there = self._shares.get(server, set())
        return sorted(there - {""}) if not share else [""] * ("" in there)

    def below(self, server: str, share: str, path: str) -> list[Known]:
        """What is open below a directory, oldest first."""
        return _by_age(self._below(server, share, path))

    def lockers(self, row: Known, offset: int, length: int) -> list[tuple[Known, LockedRange]]:
        """The ranges of others that overlap one of a handle's file; all of them where the source
        does not tell which one it is.
        """
        return [
            (other, lock)
            for other in self.of_file(row.server, row.share, row.path)
            if other is not row
            for lock in other.ranges
            if offset < 0
            or (lock.offset < offset + max(length, 1) and offset < lock.offset + lock.length)
        ]

    def _below(self, server: str, share: str, path: str) -> Iterator[Known]:
        place, start = (server, fold(share)), fold(path) + "/"
        for key, rows in self._by_file.items():
            if key[:2] == place and key[2].startswith(start):
                yield from rows.values()


def in_the_way(held: list[Known], access: int, share_mode: int, implied: int) -> list[Known]:
    """Those of a file's opens that are in the way of another: those that are known to be, else
    those that may be.
    """
    if access < 0:
        return held
    wanted, shared = effective_modes(mapped(access), implied, max(share_mode, 0))
    sure: list[Known] = []
    maybe: list[Known] = []
    for row in held:
        if row.access < 0:
            maybe.append(row)
            continue
        has = wants(row.access)
        # what a source does not tell is shared at best, and is not at worst
        at_best = max(row.share_mode, 0) | ALL_MODES & ~row.known
        at_worst = max(row.share_mode, 0) & row.known
        ours_at_best = shared if share_mode >= 0 else ALL_MODES
        ours_at_worst = shared if share_mode >= 0 else 0
        if conflicts(wanted, ours_at_best, has, at_best):
            sure.append(row)
        elif conflicts(wanted, ours_at_worst, has, at_worst):
            maybe.append(row)
    return sure or maybe


def _is_drive(share: str) -> bool:
    return len(share) == 2 and share[1] == "$"


def _end_of(key: FileKey) -> tuple[str, str]:
    return key[0], key[2].rpartition("/")[2]


def _by_age(rows: Iterable[Known]) -> list[Known]:
    return sorted(rows, key=lambda row: row.opened_at)
