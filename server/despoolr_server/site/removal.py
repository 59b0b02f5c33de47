"""Removing a package (Remove Package From Server): its directory on each server, its commands in clients' instruction files.

A file in use cannot be deleted: the server is tried again later, like an update (event 106). Commands go from all WINST
records of the package, the only way besides cancelling that they do.
"""

from __future__ import annotations

from despoolr_core.formats.instruction import Install
from despoolr_core.share import Share, ShareError, ShareUnreachable
from despoolr_server.site import boxes, winst_box
from despoolr_server.site.copying import CopyResult, present_files


async def remove_package(share: Share, install: Install, purpose: str) -> CopyResult:
    """Delete the package's directory on one server; the files that could not go are `failed`."""
    failed: list[tuple[str, ShareError | ShareUnreachable]] = []
    files = await present_files(share, install.package_id)
    for name in files:
        try:
            await share.delete(f"{install.package_id}/{name}", purpose=purpose)
        except ShareError as error:
            if not error.is_missing:
                failed.append((name, error))
    if not failed:
        directories = {name.rpartition("/")[0] for name in files if "/" in name}
        for directory in [*sorted(directories, key=len, reverse=True), ""]:
            try:
                await share.delete(f"{install.package_id}/{directory}".rstrip("/"), purpose=purpose)
            except ShareError as error:
                if not error.is_missing:
                    failed.append((directory, error))
    return CopyResult((), tuple(failed), install.package_id)


async def remove_commands(root: Share, package: str) -> int:
    """Take the package's records out of every master WINST file; how many files changed."""
    count = 0
    for directory in await root.list(boxes.PCM_DOMAINS):
        path = f"{boxes.PCM_DOMAINS}/{directory.name}"
        for entry in await root.list(path) if directory.directory else []:
            count += await winst_box.drop_package(root, f"{path}/{entry.name}", package)
    return count
