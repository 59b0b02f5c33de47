"""Making the boxes of a share again that are missing: what Setup made once, the Maintenance Manager
keeps there.

The law: nothing is asked of a share beyond one look at what is there, nothing is changed where
nothing is missing, and a file that stands where a box belongs is renamed, never deleted. Only an
administrator, or somebody at the disk, can take a box away:
`despoolr_server.shares.base.rights.FixedNames` keeps everybody else from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from despoolr_core.records.kinds.site import BoxRestored
from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import Share, ShareError
from despoolr_core.share.wire import Entry
from despoolr_server.site.state.context import SiteContext

ASIDE: Final = ".BAD"
"""What is added to the name of a file that stood where a box belongs."""
ASIDE_MAX: Final = 1_000
"""Names tried for such a file."""


class BoxRepair:
    """Restores directories, and says so: a line in the component's log and a record `box.restored`
    for each.
    """

    def __init__(self, site: SiteContext, component: str) -> None:
        self._site = site
        self._component = component
        self._whole: dict[tuple[str, str, str], tuple[str, list[str]]] = {}
        """The ETag of each directory as it was when nothing was missing in it, and what was looked
        for.
        """

    async def at_root(
        self, server: str, name: str, share: Share, entries: Sequence[Entry], boxes: Iterable[str]
    ) -> int:
        """Restore boxes that stand in a share's root, by the root's listing; how many were
        restored.
        """
        found = {fold(entry.name) for entry in entries}
        return sum(
            [
                await self._restore(server, name, share, box, is_file=fold(box) in found)
                for box in missing_in(entries, boxes)
            ]
        )

    async def anywhere(self, server: str, name: str, share: Share, paths: Iterable[str]) -> int:
        """Restore directories of any depth, from the top down; how many were restored.

        A directory whose ETag says that no name in it came or went since all were there is not
        looked into: on the grid of a service that is one question in the place of one for each box.
        """
        count = 0
        for parent, inside in _by_parent(tuple(paths)).items():
            above = await share.stat(parent)
            etag = above.etag if above is not None else ""
            if etag and self._whole.get((server, name, parent)) == (etag, inside):
                continue
            missing = 0
            for path in inside:
                entry = await share.stat(path)
                if entry is None or not entry.directory:
                    missing += 1
                    self._whole.pop((server, name, path), None)
                    count += await self._restore(
                        server, name, share, path, is_file=entry is not None
                    )
            self._whole[server, name, parent] = ("" if missing else etag, inside)
        return count

    def is_whole(self, server: str, name: str, paths: Iterable[str]) -> bool:
        """Whether nothing was missing when `anywhere` looked last."""
        return all(
            self._whole.get((server, name, parent), ("", []))[0]
            for parent in _by_parent(tuple(paths))
        )

    async def _restore(
        self, server: str, name: str, share: Share, path: str, *, is_file: bool
    ) -> bool:
        """Whether it could be done: one that cannot is tried again on the next cycle, and keeps
        nobody from the others.
        """
        shown = rf"\\{server}\{name}\{path}".replace("/", "\\")
        try:
            aside = await self._set_aside(share, path) if is_file else ""
            await share.make_directory(path)
        except ShareError as error:
            self._site.log(
                self._component,
                f"~{shown} is missing and cannot be made: {error}, Win32 Error = {error.win32}",
            )
            return False
        what = f"was a file, now {aside.rpartition('/')[2]}" if aside else "was missing"
        self._site.log(self._component, f"~{shown} {what}; the directory has been made again.")
        self._site.record(
            self._component, BoxRestored(server=server, share=name, path=path, aside=aside)
        )
        return True

    async def _set_aside(self, share: Share, path: str) -> str:
        """Rename a file that stands where a box belongs; its new path. Raises `ShareError` if it is
        in use.
        """
        for number in range(ASIDE_MAX):
            aside = f"{path}{ASIDE}{number or ''}"
            if await share.stat(aside) is None:
                break
        await share.rename(path, aside)
        return aside


def missing_in(entries: Iterable[Entry], boxes: Iterable[str]) -> list[str]:
    """The boxes of which a listing has no directory."""
    there = {fold(entry.name) for entry in entries if entry.directory}
    return [box for box in boxes if fold(box) not in there]


def parents_of(paths: Iterable[str]) -> list[str]:
    """The directories that `BoxRepair.anywhere` looks at while nothing is missing in them."""
    return list(_by_parent(tuple(paths)))


def _with_parents(paths: Iterable[str]) -> list[str]:
    """Each path once, after the directories above it."""
    parts = [path.split("/") for path in paths]
    return list(
        dict.fromkeys("/".join(one[:depth]) for one in parts for depth in range(1, len(one) + 1))
    )


@lru_cache(maxsize=16)
def _by_parent(paths: tuple[str, ...]) -> dict[str, list[str]]:
    """Paths and the directories above them by the directory they are in, from the top down."""
    found: dict[str, list[str]] = {}
    for path in sorted(_with_parents(paths), key=lambda one: one.count("/")):
        found.setdefault(path.rpartition("/")[0], []).append(path)
    return found
