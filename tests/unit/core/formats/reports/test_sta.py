"""Package status records: written, read back, refused."""

from __future__ import annotations

import pytest

from despoolr_core.formats.reports.site_mif import PackageReport
from despoolr_core.formats.reports.sta import FILE_SIZE_MAX, StaError, parse_sta, render_sta

REPORT = PackageReport("r", "100Z0006", "CHD", "Success", 2, "10000003", 805_806_000.0)


def test_a_record_reads_back_as_it_was_written_and_a_person_can_read_it() -> None:
    data = render_sta(REPORT)
    assert parse_sta(data) == REPORT
    assert b'"package_id": "100Z0006"' in data


@pytest.mark.parametrize(
    "data", [b"", b"garbage", b"{}", render_sta(REPORT).replace(b"Success", b"Maybe"), b"[" * 2000]
)
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(StaError):
        parse_sta(data)


def test_a_record_has_a_size_it_cannot_exceed() -> None:
    padded = render_sta(REPORT).ljust(FILE_SIZE_MAX)
    assert parse_sta(padded) == REPORT
    with pytest.raises(StaError, match="65,537 bytes are more than 65,536"):
        parse_sta(padded + b" ")
