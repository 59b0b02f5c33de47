"""PCMDUMP: what each version of the tool prints for a client's instruction file.

Stored files have true months and two-digit years. The tool of 1.0 and 1.1 prints months from 0 to
11 (Q153369; the sample `11/31/94` of Q123499 means 31 December 1994), and every tool of the archive
prints 2000 as `100` (Q249578; the article is from the days of 1.2, and no later tool is known). So
a dump *labelled* 1.0 or 1.1 prints month minus one, and one labelled 1.2 true months. Without a
tool the file is printed as it is stored. Only the printed text has quirks, never a file in a box.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from despoolr_core.formats.dates import DateQuirk, render_long_date
from despoolr_core.formats.instructions.winst import (
    OperatingSystem,
    WinstFile,
    WorkstationInstruction,
)
from despoolr_core.formats.instructions.winst_text import STORED, Layout, render_text

TOOLS: Final[dict[str, Layout]] = {
    "1.0": Layout("1.0", DateQuirk(month_from_zero=True, year_since_1900=True)),
    "1.1": Layout("1.1", DateQuirk(month_from_zero=True, year_since_1900=True)),
    "1.2": Layout("1.2", DateQuirk(year_since_1900=True)),
}
"""What each tool prints. Only the heading `v1.0` is in the archive (Q123499); the other two numbers
are ours.
"""


def dump(file: WinstFile, tool: str | None = None) -> str:
    """The text that PCMDUMP of that SMS version (`"1.0"`, `"1.1"`, `"1.2"`) prints; None: as
    stored, with true dates.

    Raises `KeyError` for another version, `WinstError` for dates that it cannot print.
    """
    return render_text(file, STORED if tool is None else TOOLS[tool])


def summary(file: WinstFile) -> str:
    """One line for a box listing: file name, number of records, their RequestIDs."""
    count = len(file.records)
    requests = " ".join(record.request_id for record in file.records)
    return (
        f"{file.file_name:<12}  {count:>3} record{' ' if count == 1 else 's'}  {requests}".rstrip()
    )


def to_json(file: WinstFile) -> dict[str, Any]:
    """The file for `--json`: every field under its name, dates in site seconds and, with `_text`,
    for people. Raises `DateError`.
    """
    return {"file_name": file.file_name, "records": [_record(record) for record in file.records]}


def _record(record: WorkstationInstruction) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(record)
    for name in ("install_by_date", "display_date", "expiration_date"):
        at = getattr(record, name)
        values[f"{name}_text"] = None if at is None else render_long_date(at)
    values["reserved"] = record.reserved.hex(" ").upper()
    values["operating_systems"] = [
        name for name, bit in OperatingSystem.__members__.items() if record.operating_system & bit
    ]
    values["background"] = record.background
    values["synchronous_exit"] = record.synchronous_exit
    return values
