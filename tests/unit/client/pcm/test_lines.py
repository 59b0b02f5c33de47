"""The words of the log stand in the archive; these are its lines, letter for letter (`domain.md`
b.9).
"""

from __future__ import annotations

import pytest

from despoolr_client.pcm import lines

ATTESTED = [
    (lines.POLLING, "Polling ....."),
    (
        lines.looking_for("MACGREGOR", "BP004000"),
        r"Looking for instruction file: \\MACGREGOR\SMS_SHR\pcmins.box\BP004000.INS",
    ),
    (lines.before_filter(1), "Packages before filter: 1"),
    (lines.after_filter(6), "Packages after filter: 6"),
    (
        lines.service_only("BP0000Y"),
        "Package (Request ID) BP0000Y is marked for service-only execution, skipping it.",
    ),
    (
        lines.need_to_report(r"C:\WINNT\ins_note.mif"),
        r"Need to report with DMTF MIF: C:\WINNT\ins_note.mif",
    ),
    (
        lines.writing_status(r"\\MANGO\SMS_SHR\despoolr.box"),
        r"Writing status information to \\MANGO\SMS_SHR\despoolr.box",
    ),
    (lines.execution_error(20), "Execution error #20 detected."),
    (
        lines.executing(r"F:\C1200008\nothing.EXE /S"),
        r"Executing command line: F:\C1200008\nothing.EXE /S",
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), ATTESTED)
def test_a_line_is_the_archives(ours: str, theirs: str) -> None:
    assert ours == theirs
