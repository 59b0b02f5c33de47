"""docs/recordings.md: what an import finds in each recording of `tests/data/traces`, in each
format, beside what really happened, and what that format cannot tell.

The law: every number is counted by an import that is made for the page; a test makes it anew.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from despoolr_lab.docs.semantics import table
from despoolr_lab.imports.importer import Import, ImportOptions
from despoolr_lab.imports.traces.source import TraceFile

YEAR: Final = 2026
CONTENTION: Final = (
    "STATUS_SHARING_VIOLATION",
    "STATUS_DELETE_PENDING",
    "STATUS_LOCK_NOT_GRANTED",
    "STATUS_FILE_LOCK_CONFLICT",
)
FILES: Final = (
    "capture.pcapng",
    "capture.pcap",
    "tshark-fields.tsv",
    "tshark-fields-without-keys.tsv",
    "smbd.log",
    "audit.log",
    "smbstatus.jsonl",
    "smbstatus-L.txt",
)
_SAMPLED: Final = "refusals; what was open between two samples; exact ends"
LACKS: Final = {
    ("capture", "A"): "what was open before it began",
    ("tshark-fields", "A"): "what was open before it began",
    ("smbd-log", "A"): "which range was locked",
    ("smbd-log", "B"): "share modes, folders; at level 2 refusals as well",
    ("full-audit", "B"): "share modes, statuses, refused renames",
    ("smbstatus-json", "C"): _SAMPLED + "; who is gone (durable)",
    ("smbstatus", "C"): _SAMPLED + "; whether DELETE is shared",
}
"""What a format cannot tell, with its grade."""


def page(root: Path) -> str:
    """The page, of the recordings below a directory. Raises `ImportFailed` where tshark is not
    installed.
    """
    rows = [row for place in recordings(root) for row in _rows(place)]
    header = ["Recording", "File", "Grade", "Opens", "Refusals", "Waits", "Cannot be known"]
    return f"""\
# What imports find in the recordings

Made by `make recordings` from `tests/data/traces`: a Samba server and real SMB clients, with the
truth beside each recording. "8 of 9" is what was found, and what there was while it was recorded;
how opens and refusals must agree one by one is in `tests/unit/lab/imports/test_recordings.py`. A
sample shows only what is open when it is taken, and a text of `smbstatus -L` is one sample.

{table(header, rows)}
Encrypted frames say nothing without the keys, a capture that begins late has an open without a
name, and a log of level 2 counts refused opens as opens. The Windows formats are tested on an
invented story (`tests/data/traces/synthetic`).
"""


def recordings(root: Path) -> list[Path]:
    """The recordings that have a truth of their own, in the order of their numbers."""
    found = [place for place in root.iterdir() if place.name[:1].isdigit()]
    return sorted(found, key=lambda place: int(place.name.partition("-")[0]))


def _rows(place: Path) -> Iterator[list[str]]:
    truth = json.loads((place / "truth.json").read_text("utf-8"))
    refused = sum(_is_contention(event) for event in truth["events"])
    for file in FILES:
        if not (place / file).is_file():
            continue
        imported, found = _found(place / file, truth)
        grade, kind = imported.grade, imported.tracks[0].kind.name
        has_refusals = grade in ("A", "B")
        lacks = LACKS[kind, grade]
        if not found["opens"]:
            lacks = "everything after the logon: it is encrypted"
        yield [
            place.name,
            f"`{file}`",
            grade,
            f"{found['opens']} of {len(truth['opens'])}",
            f"{found['refusals']} of {refused}" if has_refusals else "-",
            f"{found['waits']} of {len(truth['episodes'])}" if has_refusals else "-",
            lacks,
        ]


def _found(path: Path, truth: dict[str, Any]) -> tuple[Import, dict[str, int]]:
    server = truth["server"]
    wishes = ImportOptions(
        zone=ZoneInfo(server["timezone_of_logs"]), year=YEAR, server=server.get("name", "")
    )
    imported = Import([TraceFile(path)], wishes)
    recorder = imported.run([])
    return imported, {
        "opens": recorder.counts["opens"],
        "refusals": recorder.counts["refusals"],
        "waits": len(recorder.ledger.rows(recorder.last_at)),
    }


def _is_contention(event: dict[str, Any]) -> bool:
    status = event.get("status")
    return status in CONTENTION or (event["op"], status) == ("rename", "STATUS_ACCESS_DENIED")


if __name__ == "__main__":
    sys.stdout.write(page(Path(sys.argv[1])))
