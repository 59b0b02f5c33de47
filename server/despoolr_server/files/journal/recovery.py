"""Redoing a journal after a crash: the disk is brought to what the records say, whatever part of it
is there already.

The law: what has to be true is known (`records.outcome`) before anything is touched, and doing it
twice changes nothing, so that a crash in the middle costs only a new start. A file is known by its
inode: a name that somebody has since taken for something else is left alone.
"""
# Paths are plain strings here, as everywhere in the disk store.
# ruff: noqa: PTH104, PTH105

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, count
from typing import Final, ParamSpec

from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.names import Name, found_name
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.errors import answering
from despoolr_server.files.journal.records import (
    Entry,
    FileRedo,
    JournalOutcome,
    Kept,
    MoveDirectory,
    Patch,
    Put,
    outcome_steps,
)
from despoolr_server.files.path_index import PRIVATE, ResolvedPath, is_shown
from despoolr_server.files.protocol import StoreError
from despoolr_server.files.spare.inode_pool import Spare

_P = ParamSpec("_P")

_REPLACED: Final = frozenset(
    [
        NtStatus.OBJECT_NAME_NOT_FOUND,
        NtStatus.OBJECT_PATH_NOT_FOUND,
        NtStatus.OBJECT_NAME_COLLISION,
        NtStatus.FILE_IS_A_DIRECTORY,
        NtStatus.NOT_A_DIRECTORY,
    ]
)


def recover(disk: DiskFileStore, entries: list[Entry]) -> Iterator[None]:
    """Redo what these records say, stopping after each thing, so that others may have a turn.
    Raises `StoreError`, and `OSError`.
    """
    if entries:
        result = yield from outcome_steps(entries)
        yield from _Recovery(disk).redo(result)
        yield from result.let_go()


class _Recovery:
    def __init__(self, disk: DiskFileStore) -> None:
        self._disk = disk
        self._spares = disk.pool.found()
        """The files that were laid by for what was on its way, by their inodes."""
        self._taken_back: list[MoveDirectory] = []
        """Of directories that have their old names; somebody else has the new ones."""
        self._called_before: dict[str, Name] = {}
        """Files that have an old name, by the key of the new one."""

    def redo(self, result: JournalOutcome) -> Iterator[None]:
        """What is gone makes way for what came, which may be of another kind: files that were
        renamed go aside, then files and directories go, then directories come, then files.
        """
        yield from self._rename_trees(result.trees)
        files: list[tuple[Name, FileRedo]] = []
        for path, redo in result.files.values():
            files.append((self._called(path), redo))
            yield
        aside: list[tuple[Name, FileRedo]] = []
        try:
            for name, redo in files:
                if self._goes_aside(name, redo):
                    aside.append((name, redo))
                yield
            yield from self._remove_gone(result)
            yield from self._make_again(result)
            yield from self._give_places(aside, result)
        except (OSError, StoreError):  # a full disk, which they can be read on meanwhile
            yield from self._put_back(aside, result)
            raise
        for wanted, redo in files:
            name = self._called_before.get(wanted.key, wanted)
            if self._has_place(name) or self._inode_at(name) == redo.inode:
                _skip_if_replaced(self._redo, name, redo)
            yield
        yield from self._keep_beside(result)
        while files:
            files.pop()
            yield

    def _rename_trees(self, trees: list[MoveDirectory]) -> Iterator[None]:
        for tree in trees:
            self._rename_again(tree)
            yield
        for tree in trees:
            if self._inode_at(_named(tree.path)) == tree.inode:
                self._taken_back.append(tree)
            yield

    def _rename_again(self, tree: MoveDirectory) -> None:
        """A directory, if it still has its old name, and nobody has taken the new one."""
        name, new_name = _named(tree.path), _named(tree.new_path)
        is_free = self._inode_at(new_name) in (None, tree.inode) and not self._is_taken(new_name)
        if is_free and self._inode_at(name) == tree.inode:
            _skip_if_replaced(self._disk.rename, name, new_name, again=True)

    def _make_again(self, result: JournalOutcome) -> Iterator[None]:
        disk = self._disk
        for make in sorted(result.directories.values(), key=lambda one: one.path.count("/")):
            name = self._called(make.path)
            if disk.find(name) is None and not self._is_taken(name):
                _skip_if_replaced(disk.make_directory, name, make.at)
            yield

    def _give_places(
        self, aside: list[tuple[Name, FileRedo]], result: JournalOutcome
    ) -> Iterator[None]:
        """Who has a place takes it before one that has none looks for another."""
        homeless: list[tuple[Name, FileRedo]] = []
        for name, redo in aside:
            if self._has_place(name):
                self._give_place(name, redo, result)
            else:
                homeless.append((name, redo))
            yield
        for name, redo in homeless:
            self._give_place(name, redo, result)
            yield

    def _remove_gone(self, result: JournalOutcome) -> Iterator[None]:
        """Files, then directories from below. What is kept under a name that something has again is
        that one's.
        """
        for path, inodes in result.gone.values():
            if not path.startswith(PRIVATE + "/"):
                self._remove(self._called(path), inodes, result, is_directory=False)
            yield
        for path, inodes in sorted(
            result.gone_directories.values(), key=lambda one: -one[0].count("/")
        ):
            self._remove(self._called(path), inodes, result, is_directory=True)
            yield

    def _remove(
        self, name: Name, inodes: set[int], result: JournalOutcome, *, is_directory: bool
    ) -> None:
        disk = self._disk
        place = disk.index.resolve(name)
        if place is None or place.inode not in inodes or place.is_directory != is_directory:
            return
        if is_directory and disk.has_children(name):
            return
        if name.key in result.directories or name.key in result.files:
            (os.rmdir if is_directory else os.unlink)(place.path)
            disk.index.left(place)
        else:
            disk.remove(name)

    def _keep_beside(self, result: JournalOutcome) -> Iterator[None]:
        """Attributes and properties, which may be on disk before the renames that took them along,
        or after. All that are wrong go first: together they may be too much for a directory.
        """
        wrong: list[tuple[str, Kept]] = []
        names_again = {name.key for name in self._called_before.values()}
        for key, kept in result.kept.items():
            yield
            name = self._called_before.get(key) or self._called(kept.path)
            if name.key in names_again and key not in self._called_before:
                continue  # it was to be nobody's, and is that of a file that is called so again
            disk, found = self._disk, result.files.get(key)
            if kept.attributes in (None, disk.attribute_list.get(name.key)) and (
                kept.properties in (None, disk.property_list.get(name.key))
            ):
                continue
            there = self._inode_at(name)
            is_new = key in result.directories or (found is not None and found[1].put is not None)
            if not kept.inode or there == kept.inode or (there and is_new):
                wrong.append((name.key, kept))
        wrong += [(key, Kept(key)) for key in self._called_before]  # somebody else has these
        for name_key, kept in wrong:
            self._disk.keep_beside(name_key, None, kept.properties and {})
            yield
        for name_key, kept in wrong:
            self._disk.keep_beside(name_key, kept.attributes, kept.properties)
            yield

    def _called(self, path: str) -> Name:
        """What is called so now: a directory whose rename somebody took back has what was put into
        it under its new name.
        """
        for tree in reversed(self._taken_back):
            if fold(path).startswith(fold(tree.new_path) + "/"):
                depth = tree.new_path.count("/") + 1
                path = "/".join((tree.path, *path.split("/")[depth:]))
        return _named(path)

    def _goes_aside(self, name: Name, redo: FileRedo) -> bool:
        """A file that is not called as it was to be goes out of the way of all others, which may
        change places with it; whether it did.
        """
        if self._inode_at(name) == redo.inode:
            return False
        found = self._locate_inode(redo)
        if isinstance(found, str):
            os.rename(found, self._aside(redo))
        elif found is not None:
            os.rename(found.path, self._aside(redo))
            self._disk.index.left(found)  # or its directory is read for the next
        return found is not None

    def _give_place(self, name: Name, redo: FileRedo, result: JournalOutcome) -> None:
        """A file that went aside gets its name; one that cannot lie there is called as before, or
        where another has that name, or is to have it, nearly as it should be.
        """
        former = self._former(redo)
        if self._has_place(name):
            # where the records do not say what goes along with it, its old names do
            for one in former if name.key not in result.kept else ():
                self._disk.rename_lists(one.key, name.key, again=True)
            self._put_in_place(self._aside(redo), name)
            return
        for one in chain(reversed(former), self._names_like(name)):
            if self._is_free(one, result):
                self._put_in_place(self._aside(redo), one)
                self._called_before[name.key] = one
                return

    def _put_back(
        self, aside: list[tuple[Name, FileRedo]], result: JournalOutcome
    ) -> Iterator[None]:
        """Files that lie aside still get their names, or those they had, until the next start: all
        of it is tried again then. One that can have none stays where it is, and is found there.
        """
        left = [one for one in aside if self._lies_aside(one[1])]
        for name, redo in left:
            if self._has_place(name) and self._inode_at(name) is None:
                with suppress(OSError, StoreError):
                    self._give_place(name, redo, result)
            yield
        for _, redo in left:
            for former in reversed(self._former(redo)):
                if self._lies_aside(redo) and self._is_free(former, result):
                    with suppress(OSError, StoreError):
                        self._put_in_place(self._aside(redo), former)
            yield

    def _former(self, redo: FileRedo) -> list[Name]:
        """What a file was called before, the latest last."""
        return [_named(path) for path in redo.paths[:-1] if not path.startswith(PRIVATE + "/")]

    def _is_free(self, name: Name, result: JournalOutcome) -> bool:
        """Whether a file can lie there, nobody's does, and none is to."""
        other = result.files.get(name.key)
        is_wanted = other is not None and other[1].put is not None
        return not is_wanted and self._has_place(name) and self._inode_at(name) is None

    def _names_like(self, name: Name) -> Iterator[Name]:
        """Others beside a name, or in the root where its directory is gone."""
        path = name.path if self._disk.has_directory(name.parent) else name.last
        return (_named(f"{path}~{number}") for number in count(1))

    def _put_in_place(self, aside: str, name: Name) -> None:
        """Not `publish`, which gives up a file that it cannot publish: this one is the only one."""
        index = self._disk.index
        target = index.target(name)
        os.replace(aside, target.path)
        index.entered(target, target.actual)

    def _redo(self, name: Name, redo: FileRedo) -> None:
        """One file's content and attributes."""
        disk, put = self._disk, redo.put
        if put is not None:
            current = disk.find(name)
            there = current is not None and not current.directory and not redo.changes
            if not (there and disk.read(name) == put.data):
                self._put_again(name, put, over=not redo.changes)
        elif self._inode_at(name) != redo.inode:
            return
        for change in redo.changes:
            if isinstance(change, Patch):
                disk.write_at(name, change.offset, change.data, change.at)
            else:
                disk.set_size(name, change.size, change.at)

    def _put_again(self, name: Name, put: Put, *, over: bool) -> None:
        """Into the file that it was put in, if that still waits for it or, `over` it, lies there:
        so its ETag stays. One that was changed after may be whole, and stays so on a full disk.
        """
        disk, place = self._disk, self._disk.index.target(name)
        spare = (
            Spare(place.path, put.inode)
            if over and place.inode == put.inode and not place.is_directory
            else self._spares.get(put.inode, Spare("", put.inode))
        )
        with answering:
            staged, status = disk.staged.make_of(spare, put.data, put.stamp)
        disk.publish_at(staged, status, name, place, put.attributes, put.data)

    def _aside(self, redo: FileRedo) -> str:
        """Where a file lies while it is out of the way, and after a start that was cut short."""
        return f"{self._disk.base}/{PRIVATE}/tmp/moved-{redo.inode}"

    def _lies_aside(self, redo: FileRedo) -> bool:
        return _has_inode(self._aside(redo), redo.inode)

    def _locate_inode(self, redo: FileRedo) -> ResolvedPath | str | None:
        """Where on disk a file that the journal moved is now: a path if it has no name."""
        if self._lies_aside(redo):
            return self._aside(redo)
        for path in reversed(redo.paths):
            if path.startswith(PRIVATE + "/"):
                place = f"{self._disk.base}/{path}"
                if _has_inode(place, redo.inode):
                    return place
                continue
            found = self._disk.index.resolve(_named(path))
            if found is not None and found.inode == redo.inode and not found.is_directory:
                return found
        return None

    def _has_place(self, name: Name) -> bool:
        """Whether a file can lie there: one that cannot stays where it was before its rename."""
        place = self._disk.index.look(name)
        return place is not None and not place.is_directory and not self._is_taken(name)

    def _is_taken(self, name: Name) -> bool:
        """Whether somebody has put there what is neither a file nor a directory: it stays."""
        place = self._disk.index.look(name)
        return place is not None and place.status is not None and not is_shown(place.status)

    def _inode_at(self, name: Name) -> int | None:
        found = self._disk.index.resolve(name)
        return found.inode if found else None


def _has_inode(place: str, inode: int) -> bool:
    try:
        return os.lstat(place).st_ino == inode
    except OSError:
        return False


def _skip_if_replaced(
    deed: Callable[_P, object], *arguments: _P.args, **options: _P.kwargs
) -> None:
    """Do it, unless somebody has since taken the directory it would be in, or the name, for
    something else.
    """
    try:
        deed(*arguments, **options)
    except StoreError as error:
        if error.status not in _REPLACED:
            raise


def _named(path: str) -> Name:
    """A name in a journal: accepted once, perhaps by a version that accepted others. Raises
    `StoreError` for one outside.
    """
    if any(part in ("", ".", "..") or "\0" in part for part in path.split("/")):
        raise StoreError(NtStatus.IO_DEVICE_ERROR, f"the journal names {path!r}")
    return found_name(path)
