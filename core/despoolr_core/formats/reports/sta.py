"""Package status records (`*.STA`): what 2.0's Despooler makes of a package-status MIF for
Distribution Manager (Q235805).

The layout is UNKNOWN; ours is indented JSON, so that a person can read what waits in the inbox.
"""

from __future__ import annotations

from typing import Final

import msgspec

from despoolr_core.errors import FormatError
from despoolr_core.formats.reports.site_mif import PACKAGE_RESULTS, PackageReport
from despoolr_core.rules.plain_json import read_json

FILE_SIZE_MAX: Final = 64 * 1024


class StaError(FormatError):
    """A file that is no package status record."""


def render_sta(report: PackageReport) -> bytes:
    """The record as a file."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def parse_sta(data: bytes) -> PackageReport:
    """The inverse of `render_sta`. Raises `StaError`."""
    if len(data) > FILE_SIZE_MAX:
        raise StaError(f"{len(data):,} bytes are more than {FILE_SIZE_MAX:,}")
    try:
        report = read_json(data, PackageReport)
    except msgspec.MsgspecError as error:
        raise StaError(f"not a package status record: {error}") from None
    if report.result not in PACKAGE_RESULTS:
        raise StaError(f"result is {report.result!r}, not one of {', '.join(PACKAGE_RESULTS)}")
    return report
