"""`Get-SmbOpenFile` as JSON (`ConvertTo-Json`) or CSV (`Export-Csv`): a sample of a Windows server.

The law: one open file is an object, several are an array, and none is an empty file. `Permissions`
is the access mask that was granted. Neither share mode nor time is in it; its time is the file's.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Final

import msgspec

from despoolr_lab.imports.traces.samples import OpenSample, SampledOpen
from despoolr_lab.imports.traces.seen import UNKNOWN, Who
from despoolr_lab.imports.traces.source import TraceFile, name, path_below, user_of
from despoolr_lab.imports.windows.paths import place_of

SAMPLE_SIZE_MAX: Final = 64 * 1024 * 1024
ROWS_MAX: Final = 100_000
GAP: Final = (
    "Get-SmbOpenFile has no share modes and no times of its own: those of the samples are the "
    "files' names or dates"
)


class _Open(msgspec.Struct):
    ClientComputerName: str | None = ""
    ClientUserName: str | None = ""
    FileId: int | str | None = 0
    Path: str | None = ""
    Permissions: int | str | None = -1
    ShareRelativePath: str | None = None
    value: list[_Open] | None = None
    """What Windows PowerShell 5 puts around several, beside their `Count`."""


_DECODER: Final = msgspec.json.Decoder(list[_Open] | _Open)


def sniff(head: str) -> bool:
    """Whether a text is Get-SmbOpenFile's."""
    columns = ("ShareRelativePath", "FileId", '"Path"')  # Get-SmbSession has none of them
    return "ClientComputerName" in head and any(one in head for one in columns)


def read(source: TraceFile) -> Iterator[OpenSample]:
    """The one sample of a file."""
    data = source.whole(SAMPLE_SIZE_MAX)
    is_json = data.lstrip()[:1] in (b"{", b"[")
    opens = _of_json(source, data) if is_json else _of_csv(source, data)
    rows = [row for row in map(_row, opens[:ROWS_MAX]) if row is not None]
    yield OpenSample(source.sampled_at, rows)


def _of_json(source: TraceFile, data: bytes) -> list[_Open]:
    try:
        found = _DECODER.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        source.damaged(str(error)[:100])
        return []
    if isinstance(found, list):
        return found
    return [found] if found.value is None else found.value


def _of_csv(source: TraceFile, data: bytes) -> list[_Open]:
    lines = [
        line
        for line in data.decode("utf-8", "replace").splitlines()
        if line and not line.startswith("#TYPE")
    ]
    opens = []
    try:
        divider = ";" if lines and lines[0].count(";") > lines[0].count(",") else ","
        for row in csv.DictReader(lines, restkey="more", restval="", delimiter=divider):
            opens.append(
                _Open(
                    row.get("ClientComputerName") or "",
                    row.get("ClientUserName") or "",
                    row.get("FileId") or "",
                    row.get("Path") or "",
                    row.get("Permissions") or "",
                    row.get("ShareRelativePath"),
                )
            )
    except csv.Error as error:
        source.damaged(f"a row is damaged ({error})")
    return opens


def _row(one: _Open) -> SampledOpen | None:
    try:
        access = int(one.Permissions if one.Permissions is not None else UNKNOWN)
    except ValueError:
        access = UNKNOWN
    machine = name(one.ClientComputerName or "").strip("[]\\")
    whole = one.Path or ""
    place = place_of(whole)
    share, path = place.share, place.path
    if one.ShareRelativePath is not None:
        path = path_below(one.ShareRelativePath)
        share = _share_of(whole, one.ShareRelativePath) or share
    return SampledOpen(
        key=str(one.FileId)[:40],
        who=Who(machine, machine, user_of(one.ClientUserName or "")),
        share=share,
        path=path,
        access=access if access >= 0 else UNKNOWN,
        share_mode=UNKNOWN,
        known=0,
    )


def _share_of(path: str, relative: str) -> str:
    """The share's directory is what stands before the relative path; its last part stands for the
    share's name, which is in no column.
    """
    whole, below = path.replace("/", "\\").rstrip("\\"), relative.replace("/", "\\").strip("\\")
    if not below or not whole.endswith("\\" + below):
        return ""
    return name(whole[: -len(below) - 1].rpartition("\\")[2].rstrip(":"))
