"""Journalled stores: what is in one, one whose threads have come to rest, one whose files are on
their way, and its directory as it was before a power cut.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import types
from pathlib import Path

import pytest

from despoolr_server.engine.names import ROOT, Name, found_name
from despoolr_server.engine.rows import FileFacts
from despoolr_server.files.journal import segments
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.files.protocol import Look
from despoolr_server.files.spare import staged_files
from despoolr_server.files.system import descriptors


async def rest(store: JournalledFileStore) -> None:
    """Wait until no thread lays out or drops a segment: of one that is copied meanwhile there may
    be a half, or nothing where it was just listed.
    """
    journal = store._journal
    assert journal is not None
    while at_work := [task for task in (journal._dropping, journal._laying_out) if task]:
        await asyncio.wait(at_work)


def contents(store: JournalledFileStore, directory: Name = ROOT) -> dict[str, bytes | None]:
    """Everything in a store: paths to content, None for a directory."""
    found: dict[str, bytes | None] = {}
    for facts in store.list(directory):
        name = found_name(facts.path)
        found[name.key] = None if facts.directory else store.read(name)
        if facts.directory:
            found |= contents(store, name)
    return found


def same_inodes(source: Path, target: Path) -> None:
    """Copy a tree by hard links, as it is at this instant."""
    shutil.copytree(source, target, copy_function=os.link)


class LastingDirectories:
    """Directories that keep their inodes when they are removed, so that a tree can be made as it
    was before.
    """

    def __init__(self, graves: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        graves.mkdir()
        self._graves = graves
        self._rmdir = os.rmdir
        monkeypatch.setattr(os, "rmdir", self._bury)

    def _bury(self, path: str, *, dir_fd: int | None = None) -> None:
        if dir_fd is not None or any(Path(path).iterdir()):
            self._rmdir(path, dir_fd=dir_fd)
            return
        Path(path).rename(self._graves / str(Path(path).lstat().st_ino))

    def give_to(self, copy: Path, root: Path, inodes: dict[str, int]) -> None:
        """Those of a tree, by their paths, from wherever they are in `root`; files go."""
        for at, directories, files in os.walk(root, topdown=False):
            for name in files:
                Path(at, name).unlink()
            for name in directories:
                self._bury(f"{at}/{name}")
        for path in sorted(inodes, key=lambda path: path.count("/")):
            lasting, now = self._graves / str(inodes[path]), copy / path
            for inside in list(now.iterdir()):
                inside.rename(lasting / inside.name)
            self._rmdir(now)
            lasting.rename(now)


def inodes_of_directories(root: Path) -> dict[str, int]:
    """Of those that are shown, by their paths."""
    paths = [path for path in root.rglob("*") if path.is_dir()]
    shown = [path.relative_to(root) for path in paths]
    return {
        str(path): (root / path).stat().st_ino for path in shown if path.parts[0] != ".despoolr"
    }


class PassingStore(JournalledFileStore):
    """Every file that is written to it whole passes."""

    def write_whole(
        self,
        name: Name,
        data: bytes,
        at: float,
        attributes: int = 0,
        look: Look | None = None,
        *,
        passing: bool = True,
    ) -> FileFacts:
        return super().write_whole(name, data, at, attributes, look, passing=passing)


class SmallDisk:
    """A disk that takes so many more bytes of files, and tells that it has so many."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = 1 << 30
        write, statvfs = descriptors.write_whole, os.statvfs

        def write_whole(descriptor: int, data: bytes) -> None:
            if len(data) > self.free:
                os.write(descriptor, data[: self.free])
                raise OSError(errno.ENOSPC, "no room")
            self.free -= len(data)
            write(descriptor, data)

        def told(path: str) -> object:
            real = statvfs(path)
            return types.SimpleNamespace(
                f_frsize=1, f_bavail=self.free, f_blocks=real.f_blocks, f_bfree=self.free
            )

        monkeypatch.setattr(staged_files, "write_whole", write_whole)
        monkeypatch.setattr(segments, "write_whole", write_whole)
        monkeypatch.setattr(os, "statvfs", told)
