"""Names that NTFS has room for and the disk below has not: 255 UTF-16 units may be 765 bytes, and
ext4 takes 255.

The law: such a name lies on disk under a hash of itself, `~<40 digits>.long`, and the name stands
in a file of `.despoolr/names` that is called like the hash. That file is written atomically before
anything gets the name, and never changes, so a death at any point leaves at worst one that nobody
needs. A name that only looks like a hash is hashed as well: no two names share a place.
What the disk has under a hash that no file explains is not shown.
"""
# Paths are plain strings here: this is on the way of every name, and costs a short one the look at
# its length.

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

from despoolr_core.rules.memory import Bounded
from despoolr_server.files.system.descriptors import replace_whole

DISK_MAX: Final = 255
"""Bytes of a name on the disk: ext4's, and of all common file systems."""

_SHORT: Final = DISK_MAX // 4
"""As many characters are never too many bytes."""
_HASHED: Final = re.compile(r"~[0-9a-f]{40}\.long", re.IGNORECASE)


def on_disk(name: str) -> str:
    """What a name is called on the disk: itself, nearly always."""
    if len(name) <= _SHORT and name[:1] != "~":
        return name
    encoded = name.encode()
    if len(encoded) <= DISK_MAX and not _HASHED.fullmatch(name):
        return name
    return f"~{hashlib.sha256(encoded).hexdigest()[:40]}.long"


class LongNames:
    """The names that one root's hashes stand for, kept in `directory`."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._known: Bounded[str] = Bounded(4096, 4096 * 255)

    def keep(self, name: str) -> None:
        """Write down a name that will lie under a hash, if it does. Raises `OSError`."""
        hashed = on_disk(name)
        if hashed == name or self._known.get(hashed) == name:
            return
        if self.name_of(hashed) != name:
            directory = Path(self._directory)
            directory.mkdir(parents=True, exist_ok=True)
            replace_whole(directory / hashed, name.encode(), directory / "new")
        self._known.keep(hashed, name)

    def name_of(self, entry: str) -> str:
        """The name of what the disk calls `entry`; `""` if nobody knows."""
        if entry[:1] != "~" or not _HASHED.fullmatch(entry):
            return entry
        known = self._known.get(entry)
        if known is None:
            try:
                with open(f"{self._directory}/{entry}", "rb") as file:
                    known = file.read(4 * DISK_MAX).decode()
            except (OSError, UnicodeDecodeError):
                return ""
            if on_disk(known) != entry:
                return ""
            self._known.keep(entry, known)
        return known
