"""From a server's own paths (`/srv/pkg/office/b.dat`) to paths on a share.

The law: where a source tells a share's directory, that is it; else a directory that is called as
the share is taken for it; else the path stays whole.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_lab.imports.traces.source import PATH_SIZE_MAX, path_below

SHARES_MAX: Final = 10_000


class Roots:
    """Where the shares of a server lie."""

    def __init__(self) -> None:
        self._roots: dict[str, tuple[str, str]] = {}
        self._shares: dict[str, str] = {}
        """Directory, as names are compared, to the first share that it is."""

    def learn(self, share: str, root: str) -> None:
        """A source says that a share is this directory."""
        key = fold(share)
        if key not in self._roots and len(self._roots) < SHARES_MAX:
            root = root.replace("\\", "/").rstrip("/")
            self._roots[key] = share, root
            self._shares.setdefault(fold(root), share)

    def share_at(self, root: str) -> str:
        """The share whose directory it is; empty where nobody said so."""
        return self._shares.get(fold(root.replace("\\", "/").rstrip("/")), "")

    def below(self, share: str, path: str) -> str:
        """A path of the server's as it is on a share."""
        path = path.replace("\\", "/")[:PATH_SIZE_MAX]
        _, root = self._roots.get(fold(share), ("", None))
        if root is None and share:
            place = fold(path).find(f"/{fold(share)}/")
            if place < 0 and fold(path).endswith(f"/{fold(share)}"):
                place = len(path) - len(share) - 1
            if place >= 0:
                root = path[: place + 1 + len(share)]
                self.learn(share, root)
        if root is not None and fold(path) == fold(root):
            return ""
        if root is not None and fold(path).startswith(fold(root) + "/"):
            return path_below(path[len(root) + 1 :])
        return path_below(path)
