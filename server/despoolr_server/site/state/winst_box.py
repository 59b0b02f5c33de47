r"""Master WINST files in `MAINCFG.BOX\PCMDOM.BOX`: one `<SMSID>.INS` per client, a record per
request (Q126644).

A record stays until the request is cancelled or the package removed; the client's own history keeps
it from running twice (`domain.md` (c) weighs the sources). Writing a record that is there replaces
it, so a repeated instruction changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from despoolr_core.formats.winst import WinstFile, WorkstationInstruction
from despoolr_core.formats.winst_text import add_record, parse_winst, render_winst
from despoolr_core.share.contract import Share, ShareError
from despoolr_server.site.state import boxes


async def read_instructions(share: Share, path: str, name: str) -> WinstFile:
    """The WINST file at `path`, or an empty one called `name`. Raises `WinstError` for what is no
    such file, `ShareError`.
    """
    try:
        return parse_winst(await share.read(path))
    except ShareError as error:
        if error.is_missing:
            return WinstFile(name, ())
        raise


async def put_record(
    share: Share, domain: str, sms_id: str, record: WorkstationInstruction
) -> None:
    """Add or replace a client's record of one request. Raises `WinstError` for one that no file
    can have, `ShareError`.
    """
    path = f"{boxes.domain_directory(domain)}/{sms_id}.INS"
    try:
        data = await share.read(path)
    except ShareError as error:
        if not error.is_missing:
            raise
        data = render_winst(WinstFile(f"{sms_id.lower()}.ins", ()))
    changed = add_record(data, record)
    if changed != data:
        await _write(share, path, changed)


async def _write(share: Share, path: str, data: bytes) -> None:
    try:
        await share.write(path, data)
    except ShareError as error:
        if not error.is_missing:
            raise
        await share.make_directory(path.rpartition("/")[0])
        await share.write(path, data)


async def drop_records(
    share: Share, path: str, is_meant: Callable[[WorkstationInstruction], bool]
) -> bool:
    """Take the records that are meant out of one file; whether there was one. Raises
    `WinstError`, `ShareError`.
    """
    file = await read_instructions(share, path, path.rpartition("/")[2].lower())
    kept = tuple(record for record in file.records if not is_meant(record))
    if len(kept) == len(file.records):
        return False
    await _write(share, path, render_winst(WinstFile(file.file_name, kept)))
    return True


async def point_elsewhere(share: Share, package: str, before: str, after: str) -> int:
    """Replace one server's directory of a package in every master WINST file. Returns how many
    files changed. Raises `WinstError`, `ShareError`.
    """
    count = 0
    for directory in await share.list(boxes.PCM_DOMAINS):
        box = f"{boxes.PCM_DOMAINS}/{directory.name}"
        for entry in await share.list(box) if directory.directory else []:
            path = f"{box}/{entry.name}"
            file = await read_instructions(share, path, entry.name.lower())
            records = tuple(_pointed(record, package, before, after) for record in file.records)
            if records != file.records:
                await _write(share, path, render_winst(WinstFile(file.file_name, records)))
                count += 1
    return count


def _pointed(
    record: WorkstationInstruction, package: str, before: str, after: str
) -> WorkstationInstruction:
    if record.package_id != package:
        return record
    servers = tuple(
        msgspec.structs.replace(s, unc=after) if s.unc == before else s for s in record.servers
    )
    return msgspec.structs.replace(record, servers=servers)
