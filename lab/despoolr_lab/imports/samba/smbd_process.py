"""One process of smbd, as its log tells of it: who asks it, and what it has open.

The law: an open that the log tells may turn out to be refused, so each is held back for a while as
a `HeldFact`, and taken out again by whoever finds it so.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from despoolr_lab.imports.traces.seen import Seen, Who

SHARES_MAX: Final = 1000
"""Shares of one process."""


class HeldFact:
    """A fact that is held back: an open may turn out to be refused."""

    __slots__ = ("at", "fact", "handle", "is_told", "numopen", "path", "pid")

    def __init__(self, at: float, pid: str, path: str, fact: Seen, numopen: int = 0) -> None:
        self.at = at
        self.pid = pid
        self.path = path
        self.fact: Seen | None = fact
        self.numopen = numopen
        self.handle = ""
        self.is_told = False


class SmbdProcess:
    """What is known of a pid, and its last open."""

    __slots__ = ("_handles", "asked", "holders", "last", "share", "uid", "who")

    def __init__(self) -> None:
        self.who = Who()
        self.share = self.uid = ""
        self.asked: tuple[int, int, int, str] | None = None
        self.last: HeldFact | None = None
        self.holders: list[dict[str, str]] = []
        self._handles: OrderedDict[str, dict[str, list[HeldFact]]] = OrderedDict()

    @property
    def handles(self) -> dict[str, list[HeldFact]]:
        """What it has open on the share that it is at, by path."""
        return self.handles_of(self.share)

    @property
    def entries(self) -> list[HeldFact]:
        """All that it has open."""
        return [one for of in self._handles.values() for held in of.values() for one in held]

    def handles_of(self, share: str) -> dict[str, list[HeldFact]]:
        """What it has open on a share, by path."""
        found = self._handles.get(share)
        if found is None:
            if len(self._handles) >= SHARES_MAX:
                self._handles.popitem(last=False)
            found = self._handles[share] = {}
        return found

    def forget(self, entry: HeldFact) -> None:
        """It has that open no more. A renamed file's is found by looking at all."""
        shares = list(self._handles.values())
        places = [(of, entry.path) for of in shares if entry in of.get(entry.path, ())]
        if not places:
            places = [(of, path) for of in shares for path, held in of.items() if entry in held]
        for of, path in places:
            of[path].remove(entry)
            if not of[path]:
                del of[path]
