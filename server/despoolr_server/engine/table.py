"""The table of opens: the rows, and the sums that make asking cheap.

The law: an open stands in exactly three places (by handle, under its file, under its session) and
leaves all three at once. A file is in the table exactly while something has it open; so are its
`delete_pending` flag and its range locks. Adding and removing cost the same however many opens
there are. Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import msgspec

from despoolr_core.rules.memory import remembered
from despoolr_server.engine.holders import Holders
from despoolr_server.engine.names import Name
from despoolr_server.engine.ranges import FileRanges
from despoolr_server.engine.rows import Open, Waiting
from despoolr_server.engine.tree_locks import TreeLocks


def file_key(share: str, name: Name) -> str:
    """The identity of a file while it is open; `share` is spelled as its server does."""
    return f"{share}/{name.key}" if name.key else share


class OpenedFile:
    """One name somebody has open. `ranges` and `waiters` are None while nothing is locked and
    nobody waits for a lock.
    """

    __slots__ = ("delete_pending", "holders", "key", "marked_by", "opens", "ranges", "waiters")

    def __init__(self, key: str) -> None:
        self.key = key
        self.delete_pending = False
        self.marked_by: tuple[str, str, str] | None = None
        self.holders = Holders()
        self.opens: dict[str, Open] = {}
        self.ranges: FileRanges | None = None
        self.waiters: dict[int, Waiting] | None = None


class OpenTable:
    """Every open of one server."""

    def __init__(self) -> None:
        self.tree_locks = TreeLocks()
        self._opens: dict[str, Open] = {}
        self._files: dict[str, OpenedFile] = {}
        self._by_session: dict[str, dict[str, None]] = {}
        self._below: dict[str, dict[str, int]] = {}
        """Of each directory with open files below it: the keys of those in it that are open, or
        have some below them, and how many files each stands for.
        """
        self.change_count = 0
        """How often a file was opened first, closed last, or renamed while it was open."""

    def __len__(self) -> int:
        return len(self._opens)

    def __iter__(self) -> Iterator[Open]:
        return iter(self._opens.values())

    def by_session(self) -> Iterator[Open]:
        """Every open that has stood since this was asked, session by session, and perhaps others;
        opens may come and go while they are gone through.
        """
        for session in [*self._by_session]:
            yield from filter(None, map(self.find, self.of_session(session)))

    def find(self, handle: str) -> Open | None:
        """The open with this handle."""
        return self._opens.get(handle)

    def file(self, key: str) -> OpenedFile | None:
        """The file with this key, if anybody has it open."""
        return self._files.get(key)

    def files(self) -> Iterator[OpenedFile]:
        """Every file that somebody has open, in no order."""
        return iter(self._files.values())

    def of_session(self, session: str) -> list[str]:
        """The handles of a session in the order in which they were opened."""
        return list(self._by_session.get(session, ()))

    def session_count(self, session: str) -> int:
        """How many opens a session has."""
        return len(self._by_session.get(session, ()))

    def is_open_below(self, key: str) -> bool:
        """Whether anything below a directory is open, at any depth."""
        return key in self._below

    def files_below(self, key: str) -> Iterator[OpenedFile]:
        """Every open file and directory below a directory, in no order."""
        for one in self._below.get(key, ()):
            if (file := self._files.get(one)) is not None:
                yield file
            yield from self.files_below(one)

    def add(self, row: Open) -> None:
        """Enter an open that was granted; nothing is checked here."""
        file = self._files.get(row.file)
        if file is None:
            file = self._files[row.file] = OpenedFile(row.file)
            self._count_below(row.file, 1)
        file.opens[row.handle] = row
        file.holders.add(row)
        self._opens[row.handle] = row
        mine = self._by_session.get(row.session)
        if mine is None:
            mine = self._by_session[row.session] = {}
        mine[row.handle] = None
        if row.covers:
            self.tree_locks.add(row)

    def remove(self, row: Open) -> OpenedFile:
        """Remove an open. Returns its file, which has left the table if its `opens` is empty."""
        del self._opens[row.handle]
        mine = self._by_session[row.session]
        del mine[row.handle]
        if not mine:
            del self._by_session[row.session]
        file = self._files[row.file]
        del file.opens[row.handle]
        file.holders.remove(row)
        if row.covers:
            self.tree_locks.remove(row)
        if not file.opens:
            del self._files[row.file]
            self._count_below(row.file, -1)
        return file

    def move(self, old_key: str, new_key: str, new_path: str) -> None:
        """Let every open of a file follow its rename; their order stays that of their opening."""
        file = self._files.pop(old_key, None)
        if file is None:
            return
        self._count_below(old_key, -1)
        self._count_below(new_key, 1)
        file.key = new_key
        self._files[new_key] = file
        for handle, row in file.opens.items():
            moved = msgspec.structs.replace(row, path=new_path, file=new_key)
            if row.covers:
                self.tree_locks.remove(row)
                self.tree_locks.add(moved)
            file.opens[handle] = self._opens[handle] = moved
            file.holders.replace(moved)

    def first(self, file: OpenedFile, opens_max: int) -> tuple[Open, ...]:
        """The oldest opens of a file."""
        return tuple(islice(file.opens.values(), opens_max))

    def _count_below(self, key: str, step: int) -> None:
        self.change_count += 1
        below, one = self._below, key
        for above in _above(key):
            inside = below.get(above)
            if inside is None:
                below[above] = {one: step}
            elif count := inside.get(one, 0) + step:
                inside[one] = count
            else:
                del inside[one]
                if not inside:
                    del below[above]
            one = above


@remembered(1024, 512, len)
def _above(key: str) -> tuple[str, ...]:
    """The keys of the directories that a file is in, nearest first."""
    found = []
    while (cut := key.rfind("/")) >= 0:
        found.append(key := key[:cut])
    return tuple(found)
