"""What is left to do on a server: our strategies touch no file that is new already.

SMS writes every file on every attempt (`refresh_every_file`), so that one which is new and in use
now stops it again. Ours compare first: by the marks that an earlier attempt of the job left, which
takes no open, else by content.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import blake2b
from itertools import count

import msgspec
from msgspec.structs import replace

from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import ShareError
from despoolr_core.share.wire import Entry
from despoolr_server.site.despooler.copying.steps import delete, entries_below, in_order, is_new
from despoolr_server.site.despooler.copying.target import CopyProgress, CopyResult, Target


class CopyPlan(msgspec.Struct, frozen=True):
    """`missing` and `changed` are the package's files to write, in order; `obsolete` are files on
    the share that left the package, and `directories` all that are there, outer ones first.
    """

    missing: tuple[str, ...]
    changed: tuple[str, ...]
    obsolete: tuple[str, ...]
    directories: tuple[str, ...]

    @property
    def wanted(self) -> list[str]:
        """Every file to write, in order."""
        return sorted((*self.missing, *self.changed), key=lambda name: (fold(name), name))


async def plan(target: Target, progress: CopyProgress) -> CopyPlan:
    """Look at the share. Raises `ShareError` or `ShareUnreachable` where it cannot be listed."""
    files, directories = await entries_below(target.share, target.directory)
    there = {fold(name): entry for name, entry in files.items()}
    missing: list[str] = []
    changed: list[str] = []
    for name in in_order(target):
        entry = there.get(fold(name))
        if entry is None:
            missing.append(name)
        elif _mark(target, name, entry) in target.known or await is_new(target, name, entry):
            progress.is_unchanged(name)
        else:
            changed.append(name)
    kept = {fold(name) for name in target.files}
    obsolete = tuple(name for name in sorted(files) if fold(name) not in kept)
    return CopyPlan(tuple(missing), tuple(changed), obsolete, tuple(directories))


async def clear(target: Target, todo: CopyPlan, progress: CopyProgress) -> None:
    """Delete what left the package, and the directories that are empty then: another file may have
    the name of one.
    """
    for name in todo.obsolete:
        await delete(target, name, progress)
    await remove_directories(target, todo)


async def remove_directories(target: Target, todo: CopyPlan) -> None:
    """Delete the directories in which nothing of the package is, if they are empty and nobody uses
    them.
    """
    needed = {
        fold(name[:at]) for name in target.files for at, sign in enumerate(name) if sign == "/"
    }
    for name in reversed(todo.directories):
        if fold(name) not in needed:
            with suppress(ShareError):  # not empty, or in use: it harms nobody
                await target.share.delete(target.path(name), purpose=target.purpose)


def taken_names(target: Target) -> set[str]:
    """What no file of ours beside another may be called, folded: the package's files and
    directories. What is there of others goes first, so that a name is the same after a death.
    """
    inside = (name[:at] for name in target.files for at, sign in enumerate(name) if sign == "/")
    return set(map(fold, (*target.files, *inside)))


def free_name(name: str, mark: str, taken: set[str], first: int = 0) -> str:
    """`name` with the mark and the least number from `first` on (0 is not written) that gives what
    nothing is called; it is taken from now on.
    """
    found = next(
        one
        for one in (f"{name}{mark}{number or ''}" for number in count(first))
        if fold(one) not in taken
    )
    taken.add(fold(found))
    return found


async def finished(progress: CopyProgress) -> CopyResult:
    """The result; where something failed, with the marks of what is new (`CopyResult.known`)."""
    result = progress.result()
    if result.is_complete:
        return result
    target = progress.target
    files, _ = await entries_below(target.share, target.directory)
    there = {fold(name): entry for name, entry in files.items()}
    new = sorted({*progress.copied, *progress.unchanged})
    marks = [_mark(target, name, there[fold(name)]) for name in new if fold(name) in there]
    return replace(result, known=tuple(marks))


def _mark(target: Target, name: str, entry: Entry) -> str:
    """What a file was when it had the package's content: changes with either."""
    facts = f"{fold(name)}|{entry.size}|{entry.modified_at!r}|".encode()
    return blake2b(facts + target.files[name], digest_size=8).hexdigest()
