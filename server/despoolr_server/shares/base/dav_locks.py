"""WebDAV's write locks: which there are, what each covers, and whom a lock token lets through.

The law: a `DavLock` is a token and the open it stands for. The open, in the table like any other,
is what refuses others (exclusive: access READ and WRITE sharing READ, as an editor on a Windows
redirector; shared: READ sharing READ); the lock adds what opens do not have: a token that names it
to its owner's requests, and a reach. It lives exactly as long as its open, whatever ends that.
Whoever submits the token of one lock on a resource acts under all of them: an exclusive lock is
alone, and of shared ones any will do. Sources: RFC 4918, sections 6 and 7. A range lock is
something else (`engine`), and so is an open.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import NAMESPACE_URL, uuid5

import msgspec

from despoolr_server.engine.names import Name
from despoolr_server.engine.table import file_key

_NOBODY: Final[frozenset[str]] = frozenset()


class DavLock(msgspec.Struct, frozen=True, gc=False):
    """One lock. `key` is its root's in the table of opens; `owner` is the client's XML, given back
    as it came.

    `principal` is the folded machine and user of whoever made it. How long it still has its session
    knows.
    """

    token: str
    handle: str
    session: str
    share: str
    path: str
    key: str
    exclusive: bool
    infinite: bool
    principal: tuple[str, str]
    owner: str

    @property
    def kind(self) -> str:
        """What it is, for people: beside an open in a list."""
        return (
            f"WebDAV lock, {'exclusive' if self.exclusive else 'shared'}, depth "
            f"{'infinity' if self.infinite else '0'}"
        )


class DavLockTable:
    """Every lock of one server. `locks_max` in all, `locks_per_principal_max` of one machine and
    user.
    """

    def __init__(
        self,
        server: str,
        *,
        id_prefix: str = "",
        locks_max: int = 10_000,
        locks_per_principal_max: int = 1_000,
    ) -> None:
        self.locks_max = locks_max
        self.locks_per_principal_max = locks_per_principal_max
        self._label = f"urn:despoolr:{server}:{id_prefix}"
        self._start = ""
        self._number = 0
        self._by_token: dict[str, DavLock] = {}
        self._by_handle: dict[str, str] = {}
        self._by_key: dict[str, dict[str, None]] = {}
        self._within: dict[str, int] = {}
        """How many are on a name in a directory, by the directory's key."""
        self._counts: dict[tuple[str, str], int] = {}
        self._infinite_count = 0

    def __len__(self) -> int:
        return len(self._by_token)

    def __iter__(self) -> Iterator[DavLock]:
        return iter(self._by_token.values())

    def why_full(self, principal: tuple[str, str]) -> str:
        """Which limit another lock would break, as a clause; `""` if none."""
        if len(self._by_token) >= self.locks_max:
            return f"the server has its limit of {self.locks_max} WebDAV locks"
        if self._counts.get(principal, 0) >= self.locks_per_principal_max:
            return f"{principal[0]} has its limit of {self.locks_per_principal_max} WebDAV locks"
        return ""

    def next_token(self, now: float) -> str:
        """A new lock token: a URI that no other lock has or had, of this start of the server or
        another. It is a UUID of its own kind (RFC 9562, 5.8): the server, its start and the time of
        its first lock, then the lock's number.
        """
        self._number += 1
        if not self._start:
            made = str(uuid5(NAMESPACE_URL, f"{self._label}@{now!r}"))
            self._start = f"opaquelocktoken:{made[:14]}8{made[15:24]}"
        return f"{self._start}{self._number:012x}"

    def add(self, lock: DavLock) -> None:
        """Enter a lock whose open was granted."""
        self._by_token[lock.token] = lock
        self._by_handle[lock.handle] = lock.token
        self._by_key.setdefault(lock.key, {})[lock.token] = None
        directory = lock.key.rpartition("/")[0]
        self._within[directory] = self._within.get(directory, 0) + 1
        self._counts[lock.principal] = self._counts.get(lock.principal, 0) + 1
        self._infinite_count += lock.infinite

    def forget(self, handle: str) -> DavLock | None:
        """The open with this handle has ended, and with it its lock, if it was one's."""
        token = self._by_handle.pop(handle, None)
        if token is None:
            return None
        lock = self._by_token.pop(token)
        tokens = self._by_key[lock.key]
        del tokens[token]
        if not tokens:
            del self._by_key[lock.key]
        directory = lock.key.rpartition("/")[0]
        self._within[directory] -= 1
        if not self._within[directory]:
            del self._within[directory]
        self._counts[lock.principal] -= 1
        if not self._counts[lock.principal]:
            del self._counts[lock.principal]
        self._infinite_count -= lock.infinite
        return lock

    def find(self, token: str) -> DavLock | None:
        """The lock with this token."""
        return self._by_token.get(token)

    def of_handle(self, handle: str) -> DavLock | None:
        """The lock an open stands for, or None for an open that is only an open."""
        token = self._by_handle.get(handle)
        return None if token is None else self._by_token[token]

    def covering(self, share: str, name: Name) -> list[DavLock]:
        """The locks a name is in the reach of: its own, then those of depth infinity above it,
        nearest first.
        """
        if not self._by_token:
            return []
        key = file_key(share, name)
        found = [self._by_token[token] for token in self._by_key.get(key, ())]
        if self._infinite_count:
            while (cut := key.rfind("/")) >= 0:
                key = key[:cut]
                found += [
                    lock
                    for token in self._by_key.get(key, ())
                    if (lock := self._by_token[token]).infinite
                ]
        return found

    def is_any_in(self, share: str, directory: Name) -> bool:
        """Whether a name in a directory can be in the reach of one."""
        if not self._by_token:
            return False
        if file_key(share, directory) in self._within:
            return True
        return any(lock.infinite for lock in self.covering(share, directory))

    def guarding(self, share: str, name: Name) -> list[DavLock]:
        """The locks whose token it takes to add or remove a name: those on it, and any on its
        directory.
        """
        found = self.covering(share, name)
        if self._by_token and name.key:
            parent = self._by_key.get(file_key(share, name.parent), ())
            found += [lock for token in parent if not (lock := self._by_token[token]).infinite]
        return found

    def rooted_in(self, share: str, name: Name) -> list[DavLock]:
        """The locks on a name and on everything below it: what goes when the name goes."""
        if not self._by_token:
            return []
        key = file_key(share, name)
        return [
            lock
            for lock in self._by_token.values()
            if lock.key == key or lock.key.startswith(f"{key}/")
        ]

    def covering_handles(
        self, share: str, name: Name, principal: tuple[str, str] | None, tokens: frozenset[str]
    ) -> frozenset[str]:
        """The handles of the opens that a request on a name acts under, given the tokens it
        submits.

        `principal` None is an administrator, who may use any token; another's token lets nobody
        else through.
        """
        if not tokens or not self._by_token:
            return _NOBODY
        handles: list[str] = []
        own = self.covering(share, name)
        directory = [lock for lock in self.guarding(share, name) if lock not in own]
        for locks in (own, directory):
            if any(lock.token in tokens and principal in (None, lock.principal) for lock in locks):
                handles += [lock.handle for lock in locks]
        return frozenset(handles)
