"""What strategies are made of: look, copy one file, delete one file.

The law: a copy fails because the share refused an open, and for no other reason. Nothing here knows
why; it asks the share for each file and reports what the share answered.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import Share, ShareError, ShareUnreachable
from despoolr_core.share.modes import NtStatus
from despoolr_core.share.wire import Entry
from despoolr_server.site.despooler.copying.target import CopyProgress, Target

HELD_MAX: Final = 8_192
"""Files that a strategy holds open at one time, half of what a session may have open. More of a
package are checked, and replaced one by one after the others.
"""


async def entries_below(share: Share, directory: str) -> tuple[dict[str, Entry], list[str]]:
    """The files below a directory by their path relative to it, and the directories, each after
    the one it is in; both empty if there is no such directory.
    """
    files: dict[str, Entry] = {}
    directories: list[str] = []
    ahead = [""]
    while ahead:
        below = ahead.pop()
        try:
            entries = await share.list(f"{directory}/{below}".rstrip("/"))
        except ShareError as error:
            if error.is_missing:
                continue
            raise
        files |= {f"{below}{entry.name}": entry for entry in entries if not entry.directory}
        inside = [f"{below}{entry.name}" for entry in entries if entry.directory]
        directories += inside
        ahead += [f"{name}/" for name in reversed(inside)]
    return files, directories


async def present_files(share: Share, directory: str) -> list[str]:
    """The files below a directory, relative to it, sorted; empty if there is no such directory."""
    files, _ = await entries_below(share, directory)
    return sorted(files)


def in_order(target: Target) -> list[str]:
    """The package's files in the order in which they are copied: as a directory lists them,
    whatever the case.
    """
    return sorted(target.files, key=lambda name: (fold(name), name))


async def is_new(target: Target, name: str, entry: Entry | None) -> bool:
    """Whether what the share has of a file is the package's already, as far as it lets us see."""
    if entry is None or entry.size != len(target.files[name]):
        return False
    try:
        found = await target.share.read(target.path(name), purpose=target.purpose)
    except ShareError:
        return False
    return found == target.files[name]


async def write(target: Target, path: str, data: bytes) -> None:
    """Create or replace a file, with the directories on the way to it. Raises `ShareError` or
    `ShareUnreachable`.
    """
    try:
        await target.share.write(path, data, purpose=target.purpose)
    except ShareError as error:
        if error.nt_status is not NtStatus.OBJECT_PATH_NOT_FOUND:
            raise
        await target.share.make_directory(path.rpartition("/")[0])
        await target.share.write(path, data, purpose=target.purpose)


async def copy(target: Target, name: str, progress: CopyProgress) -> bool:
    """Copy one file over what is there; whether the share let us."""
    try:
        await write(target, target.path(name), target.files[name])
    except (ShareError, ShareUnreachable) as error:
        progress.has_failed(name, error)
        return False
    progress.has_copied(name)
    return True


async def delete(target: Target, name: str, progress: CopyProgress) -> bool:
    """Delete one file, if it is there; whether the share let us."""
    try:
        await target.share.delete(target.path(name), purpose=target.purpose)
    except ShareError as error:
        if error.is_missing:
            return True
        progress.has_failed(name, error)
        return False
    except ShareUnreachable as error:
        progress.has_failed(name, error)
        return False
    target.on_file(name, "deleted", 0)
    return True
