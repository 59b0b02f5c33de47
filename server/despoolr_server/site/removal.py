"""Removing a package (Remove Package From Server): its directory on each server, its commands in clients' instruction files.

A file in use cannot be deleted: the server is tried again later, like an update (event 106). Commands go from all WINST
records of the package, the only way besides cancelling that they do.
"""

from __future__ import annotations

from despoolr_core.share import Share, ShareError, ShareUnreachable
from despoolr_server.site import boxes, winst_box
from despoolr_server.site.copying import CopyResult


async def remove_package(share: Share, directory: str, purpose: str) -> CopyResult:
    """Delete the package's directory on one server; what could not go is `failed`, a server that does not answer too."""
    failed: list[tuple[str, ShareError | ShareUnreachable]] = []
    try:
        await _remove_tree(share, directory, "", purpose, failed)
    except (ShareError, ShareUnreachable) as error:
        failed.append(("", error))
    return CopyResult((), tuple(failed), directory)


async def _remove_tree(
    share: Share, top: str, below: str, purpose: str, failed: list[tuple[str, ShareError | ShareUnreachable]]
) -> None:
    """Delete what is in a directory, then the directory, if all of it could go."""
    path = f"{top}/{below}".rstrip("/")
    known = len(failed)
    try:
        entries = await share.list(path)
    except ShareError as error:
        if not error.is_missing:
            raise
        return
    for entry in entries:
        name = f"{below}{entry.name}"
        if entry.directory:
            await _remove_tree(share, top, f"{name}/", purpose, failed)
            continue
        try:
            await share.delete(f"{top}/{name}", purpose=purpose)
        except ShareError as error:
            if not error.is_missing:
                failed.append((name, error))
    if len(failed) == known:
        try:
            await share.delete(path, purpose=purpose)
        except ShareError as error:
            if not error.is_missing:
                failed.append((below, error))


async def remove_commands(root: Share, package: str) -> int:
    """Take the package's records out of every master WINST file; how many files changed."""
    count = 0
    for directory in await root.list(boxes.PCM_DOMAINS):
        path = f"{boxes.PCM_DOMAINS}/{directory.name}"
        for entry in await root.list(path) if directory.directory else []:
            count += await winst_box.drop_records(root, f"{path}/{entry.name}", lambda record: record.package_id == package)
    return count
