"""Who is in the way of a refusal, as far as sources and the conflict rule tell.

The law: what a source names counts before what the rule finds, and where they differ both are said.
A refusal without any known open in the way has one that nobody recorded.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_core.share.wire import Blocker
from despoolr_lab.imports.fold.names import Names
from despoolr_lab.imports.fold.notes import NOTES_MAX, Notes
from despoolr_lab.imports.fold.table import FileKey, Known, KnownOpens, in_the_way
from despoolr_lab.imports.traces import seen

BLOCKERS_MAX: Final = 64
"""Blockers that a refusal names, the oldest."""
UNSEEN_MAX: Final = 100_000
"""Files whose unknown holder has a name of its own."""


class KnownBlockers:
    """Asks the known opens. `unseen_count`: how often it was somebody of whom no source tells."""

    def __init__(self, opens: KnownOpens, names: Names, notes: Notes) -> None:
        self._opens, self._names, self._notes = opens, names, notes
        self._crowded: set[FileKey] = set()
        self._moved: set[FileKey] = set()
        self._unseen: dict[FileKey, str] = {}
        self.unseen_count = 0

    def found(
        self, source: int, fact: seen.OpenDenied, row: Known | None, place: FileKey
    ) -> tuple[list[Blocker], bool]:
        """The blockers of a refusal, and whether it is one because of others at all."""
        server, share, path = place
        if fact.doing in ("lock", "read", "write"):
            pairs = self._opens.lockers(row, fact.offset, fact.length) if row is not None else []
            told = [other.blocker(lock) for other, lock in pairs[:BLOCKERS_MAX]]
            self._note_crowd(place, len(pairs))
            return told or [self._nobody(place, fact.at)], True
        if fact.doing == "rename":
            found = self._opens.below(*place)
            if fact.status != "STATUS_ACCESS_DENIED" and not found:
                of_both = [path, fact.new_path]
                held = [one for name in of_both for one in self._opens.of_file(server, share, name)]
                found = [one for one in held if one is not row]
            self._note_crowd(place, len(found))
            return [one.blocker() for one in found[:BLOCKERS_MAX]], bool(found)
        if fact.status == "STATUS_DELETE_PENDING":
            found = self._opens.of_file(*place)
        else:
            found = self._opens.blockers(*place, fact.access, fact.share_mode, fact.implied)
        if not found:
            found = self._on_another(place, fact)
        named = [self._opens.find(source, handle) for handle in fact.blockers]
        if not found and fact.blockers:
            found = [one for one in named if one is not None]
            self._notes.add(
                "gap",
                f"the source names who is in the way of a refusal of {self._names.path(path)}, and "
                "the conflict rule does not: those of the source are shown",
            )
        elif fact.blockers and fact.status == "STATUS_SHARING_VIOLATION":
            for one in found:
                if one not in named:
                    self._notes.add(
                        "gap",
                        f"{one.machine}'s open of {self._names.path(path)} is in the way by the "
                        "conflict rule, and the source does not name it: it is shown as well",
                    )
        told = [one.blocker() for one in found[:BLOCKERS_MAX]]
        self._note_crowd(place, len(found))
        return told or [self._nobody(place, fact.at)], True

    def _on_another(self, place: FileKey, fact: seen.OpenDenied) -> list[Known]:
        """Who is in the way where the share of the one or the other is not in the source: the same
        path on another share is then taken to be the same file, and that is said.
        """
        server, share, path = place
        for other in self._opens.shares_like(server, share):
            if fact.status == "STATUS_DELETE_PENDING":
                found = self._opens.of_file(server, other, path)
            else:
                asked = fact.access, fact.share_mode, fact.implied
                found = self._opens.blockers(server, other, path, *asked)
            if found:
                self._note_moved(place)
                return found
        found = self._opens.by_own_path(server, share, path)
        if fact.status != "STATUS_DELETE_PENDING":
            found = in_the_way(found, fact.access, fact.share_mode, fact.implied)
        if found:
            self._note_moved(place)
        return found

    def _note_moved(self, place: FileKey) -> None:
        if place not in self._moved and len(self._moved) < NOTES_MAX:
            self._moved.add(place)
            self._notes.add(
                "gap",
                f"the share of a refusal of {self._names.path(place[2])}, or that of those in the "
                "way, is not in the source: by its path it is taken to be the same file",
            )

    def _note_crowd(self, place: FileKey, count: int) -> None:
        """More are in the way than a refusal names: said once of a file."""
        if count > BLOCKERS_MAX and place not in self._crowded and len(self._crowded) < NOTES_MAX:
            self._crowded.add(place)
            self._notes.add(
                "gap",
                f"{count:,} opens are in the way of a refusal of {self._names.path(place[2])}: the "
                f"{BLOCKERS_MAX} oldest are named, here and where it has more still",
            )

    def _nobody(self, place: FileKey, at: float) -> Blocker:
        """Somebody whom no source tells of."""
        key = (place[0], fold(place[1]), fold(place[2]))
        known = self._unseen.get(key)
        if known is None:
            known = f"U{len(self._unseen) + 1}"
            if len(self._unseen) < UNSEEN_MAX:
                self._unseen[key] = known
        self.unseen_count += 1
        return Blocker(known, "", "", "", "", "", at, since="before")
