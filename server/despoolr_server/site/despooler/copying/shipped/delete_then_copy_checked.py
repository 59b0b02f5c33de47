"""1.2 SP4 (Q184489, Q184512): the directory holds either the old files or the new ones.

The law: every file that is to be replaced or to go is opened first, sharing nothing, and stays open
until all are new. An open that conflicts with nothing (attributes only) therefore cannot keep a
deleted file in place, and nobody can come between the check and the copy. What takes room is
written before anything is lost, and taken back if there is none.
"""

from __future__ import annotations

from contextlib import suppress

from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import OpenFile, ShareError, ShareUnreachable
from despoolr_core.share.modes import Access, Disposition, NtStatus, ShareMode
from despoolr_server.site.despooler.copying.shipped.changed_files import changed, old_files
from despoolr_server.site.despooler.copying.steps import HELD_MAX, copy, delete
from despoolr_server.site.despooler.copying.target import CopyProgress, CopyResult, Target


async def delete_then_copy_checked(target: Target) -> CopyResult:
    """1.2 SP4: first see whether every file can be replaced; if one cannot, touch nothing and try
    again later.
    """
    progress = CopyProgress(target)
    wanted = await changed(target, progress)
    replacement = _Replacement(target, wanted, progress)
    try:
        for name in await old_files(target, wanted):
            await replacement.hold(name)
        if not progress.failed and await replacement.make_room():
            await replacement.finish()
    finally:
        await replacement.close()
    return progress.result()


class _Replacement:
    """The files of one directory, held open while they are replaced."""

    def __init__(self, target: Target, wanted: list[str], progress: CopyProgress) -> None:
        self._target = target
        self._wanted = wanted
        self._progress = progress
        self._files = {fold(name) for name in target.files}
        self._old: dict[str, str] = {}
        """Every file that is replaced or goes, by its key."""
        self._opens: dict[str, OpenFile] = {}
        self._new: set[str] = set()
        """Which of them this attempt has made."""

    async def hold(self, name: str) -> None:
        """See that a file is free, and keep it so."""
        self._old[fold(name)] = name
        try:
            opened = await self._open(name, Disposition.OPEN)
        except (ShareError, ShareUnreachable) as error:
            self._progress.has_failed(name, error)
            return
        if len(self._opens) < HELD_MAX:
            self._opens[fold(name)] = opened
        else:
            await opened.close()

    async def make_room(self) -> bool:
        """Write what is new or longer than before. Where that fails everything is as it was."""
        for name in self._wanted:
            try:
                await self._lengthen(name)
            except (ShareError, ShareUnreachable) as error:
                self._progress.has_failed(name, error)
                await self._undo()
                return False
        return True

    async def _lengthen(self, name: str) -> None:
        key, data = fold(name), self._target.files[name]
        if key not in self._opens:
            if key in self._old or len(self._opens) >= HELD_MAX or self._is_below_a_file(key):
                return
            self._opens[key] = await self._create(name)
            self._new.add(key)
        opened = self._opens[key]
        if len(data) > opened.size:
            await opened.write(data[opened.size :], opened.size)

    def _is_below_a_file(self, key: str) -> bool:
        """Whether a file that goes has the name of a directory on the way."""
        return any(key[:at] in self._old for at, sign in enumerate(key) if sign == "/")

    async def _undo(self) -> None:
        for key, opened in self._opens.items():
            with suppress(ShareError, ShareUnreachable):
                if key in self._new:
                    await opened.delete()
                else:
                    await opened.set_size(opened.size)

    async def finish(self) -> None:
        """Let go what left the package, and write the rest of what changed."""
        for key, name in self._old.items():
            if key in self._files:
                continue
            opened = self._opens.get(key)
            if opened is None:
                await delete(self._target, name, self._progress)
                continue
            await opened.delete()
            await opened.close()
            del self._opens[key]
            self._target.on_file(name, "deleted", 0)
        for name in self._wanted:
            opened = self._opens.get(fold(name))
            if opened is None:
                await copy(self._target, name, self._progress)
                continue
            try:
                await self._overwrite(opened, self._target.files[name])
            except (ShareError, ShareUnreachable) as error:
                self._progress.has_failed(name, error)
            else:
                self._progress.has_copied(name)

    async def _overwrite(self, opened: OpenFile, data: bytes) -> None:
        if start := data[: opened.size]:
            await opened.write(start)
        if len(data) < opened.size:
            await opened.set_size(len(data))

    async def close(self) -> None:
        """Give all files back."""
        for opened in self._opens.values():
            with suppress(ShareError, ShareUnreachable):
                await opened.close()

    async def _create(self, name: str) -> OpenFile:
        try:
            return await self._open(name, Disposition.CREATE)
        except ShareError as error:
            if error.nt_status is not NtStatus.OBJECT_PATH_NOT_FOUND:
                raise
        await self._target.share.make_directory(self._target.path(name).rpartition("/")[0])
        return await self._open(name, Disposition.CREATE)

    async def _open(self, name: str, disposition: Disposition) -> OpenFile:
        return await self._target.share.open(
            self._target.path(name),
            Access.WRITE | Access.DELETE,
            ShareMode.NONE,
            disposition,
            purpose=self._target.purpose,
        )
