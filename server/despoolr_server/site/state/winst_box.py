r"""Master WINST files in `MAINCFG.BOX\PCMDOM.BOX`: one `<SMSID>.INS` per client, a record per
request (Q126644).

A record stays until the request is cancelled or the package removed; the client's own history keeps
it from running twice (`domain.md` (c) weighs the sources). Writing a record that is there replaces
it, so a repeated instruction changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from despoolr_core.formats.instructions.winst import WinstError, WinstFile, WorkstationInstruction
from despoolr_core.formats.instructions.winst_text import RecordAdder, parse_winst, render_winst
from despoolr_core.share.chain import CALLS_MAX
from despoolr_core.share.contract import Share, ShareError
from despoolr_server.loop.pace import FILES_A_TURN, batches, breathe
from despoolr_server.site.state import boxes

Change = Callable[[WorkstationInstruction], WorkstationInstruction | None]
"""What becomes of a record; None: it goes."""


def check_record(record: WorkstationInstruction) -> None:
    """Raises `WinstError` for a record that no file can have."""
    render_winst(WinstFile("", (record,)))


async def put_records(
    share: Share, clients: Iterable[tuple[str, str]], *records: WorkstationInstruction
) -> None:
    """Add or replace the records of requests of the same clients, each by domain and SMSID. What
    fails of one keeps none of the others; then one of the failures is raised: a `ShareError`, or
    else `WinstError` for what is no such file. Raises `WinstError` at once for a record that no
    file can have.
    """
    for record in records:
        check_record(record)
    failures: list[ShareError | WinstError] = []
    adder = RecordAdder(records)
    for some in batches(clients):
        await _put_some(share, some, adder, failures)
    _raise_one_of(failures)


async def _put_some(
    share: Share,
    clients: Sequence[tuple[str, str]],
    adder: RecordAdder,
    failures: list[ShareError | WinstError],
) -> None:
    """Put the records of these clients, whose files share the waits for the disk. What fails is
    added to `failures`.
    """
    paths = [f"{boxes.domain_directory(domain)}/{sms_id}.INS" for domain, sms_id in clients]
    found = zip(paths, clients, await share.read_all(paths), strict=True)
    changed: list[tuple[str, bytes]] = []
    for batch in batches(found, FILES_A_TURN):
        for path, (_, sms_id), data in batch:
            before = None if isinstance(data, ShareError) else data
            if isinstance(data, ShareError) and not data.is_missing:
                failures.append(data)
                continue
            try:
                after = adder.added(f"{sms_id.lower()}.ins", before)
            except WinstError as error:
                failures.append(error)
                continue
            if after != before:
                changed.append((path, after))
        await breathe(len(batch), FILES_A_TURN)
    failures += await _write_all(share, changed)


async def _write_all(share: Share, files: Sequence[tuple[str, bytes]]) -> list[ShareError]:
    """Write files, making the directories that are missing; what failed."""
    made = list(zip(files, await share.write_all(files), strict=True))
    nowhere = [file for file, error in made if error is not None and error.is_missing]
    failures = [error for _, error in made if error is not None and not error.is_missing]
    if nowhere:
        for directory in dict.fromkeys(path.rpartition("/")[0] for path, _ in nowhere):
            try:
                await share.make_directory(directory)
            except ShareError as error:
                failures.append(error)
        failures += [error for error in await share.write_all(nowhere) if error is not None]
    return failures


async def change_records(share: Share, change: Change) -> int:
    """Change records in every master WINST file. Returns how many files changed. What fails of one
    keeps none of the others; then one of the failures is raised: a `ShareError`, or else
    `WinstError`.
    """
    count = 0
    failures: list[ShareError | WinstError] = []
    for directory in await share.list(boxes.PCM_DOMAINS):
        box = f"{boxes.PCM_DOMAINS}/{directory.name}"
        for some in batches(await share.list(box) if directory.directory else (), CALLS_MAX):
            paths = [f"{box}/{entry.name}" for entry in some]
            count += await _change_some(share, paths, change, failures)
    _raise_one_of(failures)
    return count


def _raise_one_of(failures: Sequence[ShareError | WinstError]) -> None:
    """First what a share refused: whoever hears of that tries again, and of the rest not."""
    if failures:
        raise next((one for one in failures if isinstance(one, ShareError)), failures[0])


async def _change_some(
    share: Share, paths: Sequence[str], change: Change, failures: list[ShareError | WinstError]
) -> int:
    """Change records in these files; how many changed. What fails is added to `failures`."""
    found = zip(paths, await share.read_all(paths), strict=True)
    changed: list[tuple[str, bytes]] = []
    for batch in batches(found, FILES_A_TURN):
        for path, data in batch:
            if isinstance(data, ShareError):
                failures += () if data.is_missing else (data,)
                continue
            try:
                file = parse_winst(data)
                records = tuple(filter(None, map(change, file.records)))
                if records != file.records:
                    changed.append((path, render_winst(WinstFile(file.file_name, records))))
            except WinstError as error:
                failures.append(error)
        await breathe(len(batch), FILES_A_TURN)
    refused = [error for error in await share.write_all(changed) if error is not None]
    failures += refused
    return len(changed) - len(refused)


async def drop_records(share: Share, is_meant: Callable[[WorkstationInstruction], bool]) -> int:
    """Take the records that are meant out of every master WINST file, as `change_records` does."""
    return await change_records(share, lambda record: None if is_meant(record) else record)


async def point_elsewhere(share: Share, package: str, before: str, after: str) -> int:
    """Replace one server's directory of a package in every master WINST file, as `change_records`
    does.
    """
    return await change_records(share, lambda record: _pointed(record, package, before, after))


def _pointed(
    record: WorkstationInstruction, package: str, before: str, after: str
) -> WorkstationInstruction:
    if record.package_id != package:
        return record
    servers = tuple(
        msgspec.structs.replace(s, unc=after) if s.unc == before else s for s in record.servers
    )
    return msgspec.structs.replace(record, servers=servers)
