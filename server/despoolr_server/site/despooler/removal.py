"""Removing a package (Remove Package From Server): its directory on each server, its commands in
clients' instruction files.

A file in use cannot be deleted: the server is tried again later, like an update (event 106).
Commands go from all WINST records of the package, the only way besides cancelling that they do.
"""

from __future__ import annotations

from despoolr_core.share.contract import Share, ShareError, ShareUnreachable
from despoolr_core.share.wire import Entry
from despoolr_server.site.despooler.copying.ours.leftovers import beside
from despoolr_server.site.despooler.copying.target import CopyResult
from despoolr_server.site.state import boxes, winst_box


async def remove_package(share: Share, directory: str, purpose: str) -> CopyResult:
    """Delete the package's directory on one server, and what lies beside it; what could not go is
    `failed`, a server that does not answer too.
    """
    failed: list[tuple[str, ShareError | ShareUnreachable]] = []
    try:
        for entry in await beside(share, directory):
            if entry.directory:
                await _remove_tree(share, entry.name, purpose, failed)
            else:
                await share.delete(entry.name, purpose=purpose)
        await _remove_tree(share, directory, purpose, failed)
    except (ShareError, ShareUnreachable) as error:
        failed.append(("", error))
    return CopyResult((), tuple(failed), directory)


async def _remove_tree(
    share: Share, top: str, purpose: str, failed: list[tuple[str, ShareError | ShareUnreachable]]
) -> None:
    """Delete what is in a directory, then the directory, if all of it could go."""
    ahead = [("", iter(await _entries(share, top)), 0)]
    while ahead:
        below, entries, known = ahead[-1]
        entry = next(entries, None)
        name = f"{below}{entry.name}" if entry else below.rstrip("/")
        if entry and entry.directory:
            ahead.append((f"{name}/", iter(await _entries(share, f"{top}/{name}")), len(failed)))
            continue
        if entry is None:
            ahead.pop()
            if len(failed) > known:
                continue
        try:
            await share.delete(f"{top}/{name}" if name else top, purpose=purpose)
        except ShareError as error:
            if not error.is_missing:
                failed.append((name if entry else below, error))


async def _entries(share: Share, path: str) -> list[Entry]:
    """What is in a directory; nothing if it has gone."""
    try:
        return await share.list(path)
    except ShareError as error:
        if not error.is_missing:
            raise
        return []


async def remove_commands(root: Share, package: str) -> int:
    """Remove the package's records from every master WINST file. Returns how many files changed."""
    count = 0
    for directory in await root.list(boxes.PCM_DOMAINS):
        path = f"{boxes.PCM_DOMAINS}/{directory.name}"
        for entry in await root.list(path) if directory.directory else []:
            count += await winst_box.drop_records(
                root, f"{path}/{entry.name}", lambda record: record.package_id == package
            )
    return count
