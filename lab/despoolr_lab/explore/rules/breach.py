"""One thing that went wrong in a run, and the key by which it is known again in others.

The law: a key has no ID, no name of a machine and no time in it, so what fails for one reason in a
hundred worlds is one key: what went wrong, the role of the path, the program, the copy strategy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_server.site.state import boxes

_ID: Final = re.compile(r"\{[^}]*\}|\b[A-Z0-9]{3}[0-9A-F]{5}\b|\d+")
_BOX: Final = re.compile(r"[^/]*\.(?:BOX|COL|SRV|SRC)$", re.IGNORECASE)
_ROLES: Final = {
    fold(boxes.SOURCE_SHARE): "package source",
    fold(boxes.SITE_SHARE): "site box",
}


@dataclass(frozen=True, slots=True, order=True)
class FailureKey:
    """What two failures have in common that are the same failure."""

    kind: str
    role: str
    program: str
    strategy: str

    def __str__(self) -> str:
        return ", ".join(
            part for part in (self.kind, self.role, self.program, self.strategy) if part
        )


@dataclass(frozen=True, slots=True)
class Breach:
    """What went wrong: `kind` in a few words that are always the same, `text` a sentence with
    names, `at` the site time, `seq` the record that shows it (0: none does).
    """

    kind: str
    text: str
    at: float = 0.0
    seq: int = 0
    role: str = ""
    program: str = ""

    def key(self, strategy: str) -> FailureKey:
        """The key, in a run in which the first site copied so."""
        return FailureKey(self.kind, self.role, self.program, strategy)


def role_of(share: str, path: str, package_shares: frozenset[str]) -> str:
    """What kind of file a path is: a package's, its source, or by the box that it lies in."""
    if fold(share) in package_shares:
        return "package file"
    box = next((part for part in reversed(path.split("/")[:-1]) if _BOX.match(part)), "")
    return _ROLES.get(fold(share), "") or box or share


def without_ids(text: str) -> str:
    """A text without what differs between two worlds: IDs and numbers."""
    return _ID.sub("#", text)
