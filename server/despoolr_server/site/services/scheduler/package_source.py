r"""Reading a package's source directory and compressing it into `SENDER.BOX\TOSEND`: the
Scheduler's part that packs.

A source that is not there, is empty (Q139590) or nested too deep fails the job with an event; a box
that cannot be written puts it off. What the package's row is to say afterwards is returned: it
counts only with the job.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.share.contract import Share, ShareError, ShareUnreachable
from despoolr_server.database.protocol import Row
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import SiteContext
from despoolr_server.site.state.packages import Files, compress

COMPONENT: Final = "SMS_SCHEDULER"
SOURCE_DEPTH_MAX: Final = 32
EVENT_SOURCE_MISSING: Final = 313
EVENT_SOURCE_BAD: Final = 331
EVENT_COMPRESS: Final = 330


class SourceFailure(Exception):
    """The source cannot be sent: `event` says why, for good."""

    def __init__(self, event: int) -> None:
        super().__init__(f"event {event}")
        self.event = event


class NoRoom(Exception):
    """The compressed package could not be written: the job is put off."""


class Packing:
    """What compresses one site's packages for sending."""

    def __init__(self, site: SiteContext) -> None:
        self._site = site

    async def pack(self, job: str, package: Row, version: int) -> dict[str, int]:
        """Compress the source as this version. Raises `SourceFailure` or `NoRoom`."""
        site = self._site
        files = await self._source(package.SourcePath)
        data = compress(files)
        target = f"{boxes.TOSEND}/{package.PkgID}.P00"
        root = site.share(site.server, boxes.ROOT_SHARE, COMPONENT)
        self._log(
            "Creating package file "
            f"'\\\\{site.server}\\{boxes.ROOT_SHARE}\\{target.replace('/', chr(92))}'.~"
        )
        try:
            await root.write(target, data)
        except ShareError as error:
            self._log(f"~Cannot compress the package file, return code = {error.win32}")
            await site.report_event(COMPONENT, EVENT_COMPRESS, package.PkgID, job=job)
            raise NoRoom from None
        size = sum(len(content) for content in files.values())
        return {"StoredVersion": version, "SourceSize": size, "SourceCompSize": len(data)}

    async def is_packed(self, package: str) -> bool:
        """Whether the compressed package of an earlier job is there to be sent again."""
        root = self._site.share(self._site.server, boxes.ROOT_SHARE, COMPONENT)
        return await root.stat(f"{boxes.TOSEND}/{package}.P00") is not None

    async def _source(self, source: str) -> Files:
        server, share_name, path = split_unc(source)
        share = self._site.share(server, share_name, COMPONENT)
        files: Files = {}
        try:
            await self._read_tree(share, path, files)
        except (ShareError, ShareUnreachable) as error:
            self._log(
                f"~Package source {source} doesn't exist or we failed to access it, Win32 Error = "
                f"{error.win32}"
            )
            raise SourceFailure(EVENT_SOURCE_MISSING) from None
        if not files:
            raise SourceFailure(EVENT_SOURCE_MISSING)  # a package has at least one file (Q139590)
        return files

    async def _read_tree(self, share: Share, top: str, files: Files) -> None:
        """Every file below a directory, as a directory tree is walked: what is in a directory where
        that stands.
        """
        ahead = [("", iter(await share.list(top)))]
        while ahead:
            below, entries = ahead[-1]
            entry = next(entries, None)
            if entry is None:
                ahead.pop()
                continue
            name = f"{below}{entry.name}"
            if not entry.directory:
                files[name] = await share.read(f"{top}/{name}")
                continue
            if len(ahead) > SOURCE_DEPTH_MAX:
                self._log(
                    f"~Cannot compress the package source {top}/{name}: directories nested deeper "
                    f"than {SOURCE_DEPTH_MAX}"
                )
                raise SourceFailure(EVENT_SOURCE_BAD)
            ahead.append((f"{name}/", iter(await share.list(f"{top}/{name}"))))

    def _log(self, text: str) -> None:
        self._site.log(COMPONENT, text)


def split_unc(unc: str) -> tuple[str, str, str]:
    r"""`\\SERVER\SHARE\some\dir` as server, share and path with `/`. Raises `ValueError`."""
    parts = unc.replace("/", "\\").strip("\\").split("\\")
    if len(parts) < 2 or not all(parts):
        raise ValueError(f"{unc!r} is not \\\\SERVER\\SHARE\\DIRECTORY")
    return parts[0], parts[1], "/".join(parts[2:])
