"""Whatever is done to a trace, an import of it ends: with a run, or with one line that says why
not.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from despoolr_lab.imports.traces.source import ImportFailed
from worlds.traces import TRACES, imported

FILES = {
    "tshark-fields": "1-one-holder-blocks/tshark-fields.tsv",
    "tshark-json": "1-one-holder-blocks/tshark.json",
    "smbd-log": "1-one-holder-blocks/smbd.log",
    "full-audit": "1-one-holder-blocks/audit.log",
    "smbstatus-json": "1-one-holder-blocks/smbstatus.jsonl",
    "smbstatus": "7-byte-range/smbstatus-B.txt",
    "procmon": "synthetic/procmon-default-columns.csv",
    "windows-security": "synthetic/security-events.xml",
    "openfiles": "synthetic/openfiles-v_2026-10-05_091000Z.csv",
    "smb-open-file": "synthetic/Get-SmbOpenFile_2026-10-05_091000Z.json",
}
COUNT = 8


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, a piece left out, a piece twice, or the end cut off."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 20)):
        if len(changed) < 2:
            break
        at = chance.randrange(len(changed))
        what = chance.randrange(4)
        if what == 0:
            changed[at] = chance.randrange(256)
        elif what == 1:
            del changed[at : at + chance.randint(1, 200)]
        elif what == 2:
            changed[at:at] = changed[at : at + chance.randint(1, 200)]
        else:
            changed[at:at] = bytes([chance.choice(b'\x00\n\t",|{}[]<>0x-9')])
    return bytes(changed[: chance.randint(0, len(changed))] if chance.random() < 0.1 else changed)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_trace_ends_in_a_run_or_in_one_line(name: str, tmp_path: Path) -> None:
    data = (TRACES / FILES[name]).read_bytes()[:30_000]
    path = tmp_path / "trace"
    for seed in range(COUNT):
        path.write_bytes(mutated(data, random.Random(f"{name}/{seed}")))
        try:
            imported([path], wanted=name)
        except ImportFailed:
            continue
