"""How the Despooler replaces a package's files on a distribution server: one strategy per function,
chosen by the profile.

The law: a copy fails because the share refused an open, and for no other reason. Nothing here knows
why; it asks the share for each file and reports what the share answered.

Three strategies are Microsoft's: `stop_at_first_lock` (1.0, 1.1: Q128458), `delete_then_copy` (1.2:
Q184489) and `delete_then_copy_checked` (1.2 SP4: Q184489, Q184512). Three never shipped and are
here to be compared.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import Share, ShareError, ShareUnreachable
from despoolr_core.share.modes import Access, Disposition, NtStatus, ShareMode
from despoolr_server.site.state.packages import Files

OnFile = Callable[[str, str, int], None]
"""Called for each file touched: name, what happened (`copied`, `unchanged`, `deleted`, `refused`),
Win32 code.
"""


@dataclass(frozen=True, slots=True)
class Target:
    """One update of one package directory on one distribution server."""

    share: Share
    directory: str
    files: Files
    purpose: str
    refresh_every_file: bool
    on_file: OnFile = lambda _name, _result, _win32: None

    def path(self, name: str) -> str:
        """A package file's path on the share."""
        return f"{self.directory}/{name}"


@dataclass(frozen=True, slots=True)
class CopyResult:
    """What became of one update. `failed` are the files that could not be replaced, with the
    share's answers.
    """

    copied: tuple[str, ...] = ()
    failed: tuple[tuple[str, ShareError | ShareUnreachable], ...] = ()
    directory: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether every file is the new one."""
        return not self.failed

    @property
    def win32(self) -> int:
        """The first failure's Win32 code, 0 for none."""
        return self.failed[0][1].win32 if self.failed else 0


@dataclass(slots=True)
class _Progress:
    copied: list[str] = field(default_factory=list)
    failed: list[tuple[str, ShareError | ShareUnreachable]] = field(default_factory=list)

    def result(self, directory: str) -> CopyResult:
        return CopyResult(tuple(self.copied), tuple(self.failed), directory)


async def stop_at_first_lock(target: Target) -> CopyResult:
    """1.0, 1.1: file by file, in order; the first refusal ends it. Earlier files are new, the
    refused and later ones old.
    """
    progress = _Progress()
    for name in _order(target):
        if not await _copy(target, name, progress):
            break
    return progress.result(target.directory)


async def delete_then_copy(target: Target) -> CopyResult:
    """1.2: delete what is there, unchecked, then copy. A file in use cannot go, so the copy is not
    reached.

    What could be deleted is gone until a retry succeeds: Q184489's empty directory. How a file in
    use can be "deleted" is UNKNOWN; here it stays if its holder does not share DELETE and is
    pending deletion if it does.
    """
    progress = _Progress()
    wanted = await _changed(target)
    obsolete = await _present(target)
    for name in obsolete:
        if name in wanted or name not in target.files:
            await _delete(target, name, progress)
    if not progress.failed:
        for name in wanted:
            if not await _copy(target, name, progress):
                break
    return progress.result(target.directory)


async def delete_then_copy_checked(target: Target) -> CopyResult:
    """1.2 SP4: first see whether every file can be replaced; if one cannot, touch nothing and try
    again later.
    """
    progress = _Progress()
    wanted = await _changed(target)
    for name in await _present(target):
        if name in wanted or name not in target.files:
            await _check(target, name, progress)
    return progress.result(target.directory) if progress.failed else await delete_then_copy(target)


async def skip_locked_and_retry(target: Target) -> CopyResult:
    """Never shipped: replace every file that is free now, leave only the refused ones for the
    retry.
    """
    progress = _Progress()
    for name in await _changed(target):
        await _copy(target, name, progress)
    return progress.result(target.directory)


async def temp_and_rename(target: Target) -> CopyResult:
    """Never shipped: write beside, then rename over. Usually no remedy: a rename onto an open file
    is refused as well.
    """
    progress = _Progress()
    for name in await _changed(target):
        beside = f"{target.path(name)}.$$$"
        try:
            await target.share.write(beside, target.files[name], purpose=target.purpose)
            await target.share.rename(
                beside, target.path(name), replace=True, purpose=target.purpose
            )
        except (ShareError, ShareUnreachable) as error:
            _fail(target, name, error, progress)
            continue
        progress.copied.append(name)
        target.on_file(name, "copied", 0)
    return progress.result(target.directory)


async def new_folder_and_switch(target: Target) -> CopyResult:
    """Never shipped: write the new version to a directory of its own; the instruction files then
    point there.

    The first version keeps the plain name; later ones take turns with `.NEW`, so holders of the one
    before are left alone.
    """
    progress = _Progress()
    fresh = target.directory
    if await _present(target):
        fresh = fresh.removesuffix(".NEW") if fresh.endswith(".NEW") else f"{fresh}.NEW"
    beside = Target(target.share, fresh, target.files, target.purpose, True, target.on_file)
    for name in await present_files(target.share, fresh):
        if name not in target.files:
            await _delete(beside, name, progress)  # left by the version before last
    for name in _order(target):
        if not await _copy(beside, name, progress):
            break
    return progress.result(fresh)


STRATEGIES: Final[dict[str, Callable[[Target], Awaitable[CopyResult]]]] = {
    "stop_at_first_lock": stop_at_first_lock,
    "delete_then_copy": delete_then_copy,
    "delete_then_copy_checked": delete_then_copy_checked,
    "skip_locked_and_retry": skip_locked_and_retry,
    "temp_and_rename": temp_and_rename,
    "new_folder_and_switch": new_folder_and_switch,
}
"""The values of the profile field `copy_strategy`."""


async def present_files(share: Share, directory: str) -> list[str]:
    """The files below a directory, relative to it, sorted; empty if there is no such directory."""
    names: list[str] = []
    ahead = [""]
    while ahead:
        below = ahead.pop()
        try:
            entries = await share.list(f"{directory}/{below}".rstrip("/"))
        except ShareError as error:
            if error.is_missing:
                continue
            raise
        names += [f"{below}{entry.name}" for entry in entries if not entry.directory]
        ahead += [f"{below}{entry.name}/" for entry in reversed(entries) if entry.directory]
    return sorted(names)


def _order(target: Target) -> list[str]:
    """The package's files in the order in which they are copied: as a directory lists them,
    whatever the case.
    """
    return sorted(target.files, key=lambda name: (fold(name), name))


async def _present(target: Target) -> list[str]:
    return await present_files(target.share, target.directory)


async def _changed(target: Target) -> list[str]:
    """The files to write: all of them, or (Q184512 fixed) those whose bytes differ from what is
    there.
    """
    names = _order(target)
    if target.refresh_every_file:
        return names
    return [name for name in names if not await _is_unchanged(target, name)]


async def _is_unchanged(target: Target, name: str) -> bool:
    entry = await target.share.stat(target.path(name))
    if entry is None or entry.size != len(target.files[name]):
        return False
    try:
        same = (
            await target.share.read(target.path(name), purpose=target.purpose) == target.files[name]
        )
    except ShareError:
        return False
    if same:
        target.on_file(name, "unchanged", 0)
    return same


async def _copy(target: Target, name: str, progress: _Progress) -> bool:
    try:
        try:
            await target.share.write(target.path(name), target.files[name], purpose=target.purpose)
        except ShareError as error:
            if error.nt_status is not NtStatus.OBJECT_PATH_NOT_FOUND:
                raise
            await target.share.make_directory(target.path(name).rpartition("/")[0])
            await target.share.write(target.path(name), target.files[name], purpose=target.purpose)
    except (ShareError, ShareUnreachable) as error:
        _fail(target, name, error, progress)
        return False
    progress.copied.append(name)
    target.on_file(name, "copied", 0)
    return True


async def _delete(target: Target, name: str, progress: _Progress) -> None:
    try:
        await target.share.delete(target.path(name), purpose=target.purpose)
    except ShareError as error:
        if not error.is_missing:
            _fail(target, name, error, progress)
    except ShareUnreachable as error:
        _fail(target, name, error, progress)
    else:
        target.on_file(name, "deleted", 0)


async def _check(target: Target, name: str, progress: _Progress) -> None:
    try:
        held = await target.share.open(
            target.path(name),
            Access.WRITE | Access.DELETE,
            ShareMode.NONE,
            Disposition.OPEN,
            purpose=target.purpose,
        )
    except (ShareError, ShareUnreachable) as error:
        _fail(target, name, error, progress)
    else:
        await held.close()


def _fail(
    target: Target, name: str, error: ShareError | ShareUnreachable, progress: _Progress
) -> None:
    progress.failed.append((name, error))
    target.on_file(name, "refused", error.win32)
