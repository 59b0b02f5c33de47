"""Whatever is done to a trace, an import of it ends: with a run, or with one line that says why
not.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from despoolr_lab.imports.formats.table import FORMATS
from despoolr_lab.imports.traces.source import ImportFailed
from worlds.traces import TRACES, imported

FILES = {
    "tshark-fields": "1-one-holder-blocks/tshark-fields.tsv",
    "tshark-json": "1-one-holder-blocks/tshark.json",
    "tshark-ek": "1-one-holder-blocks/tshark-ek.ndjson",
    "smbd-log": "1-one-holder-blocks/smbd.log",
    "full-audit": "1-one-holder-blocks/audit.log",
    "smbstatus-json": "1-one-holder-blocks/smbstatus.jsonl",
    "smbstatus": "7-byte-range/smbstatus-B.txt",
    "procmon": "synthetic/procmon-default-columns.csv",
    "windows-security": "synthetic/security-events.xml",
    "openfiles": "synthetic/openfiles-v_2026-10-05_091000Z.csv",
    "smb-open-file": "synthetic/Get-SmbOpenFile_2026-10-05_091000Z.json",
    "smb-open-file as CSV": "synthetic/Get-SmbOpenFile_2026-10-05_091000Z.csv",
    "smbd-log of level 10": "5-delete-pending/smbd.log",
    "full-audit of many": "11-forty-clients/audit.log",
    "tshark-fields of many": "11-forty-clients/tshark-fields.tsv",
}
"""What is damaged: a format, and if need be which file of it."""
ACCESS_LOG = "".join(
    f'10.0.0.{n % 3} - user{n} [05/Oct/2026:09:{n:02}:00 +0200] "PUT /f{n % 4} HTTP/1.1" {s} 0\n'
    for n, s in enumerate([423, 423, 204, 201, 423, 409, 204, 423] * 6)
).encode()
SIZE_MAX = 6_000
COUNT = 8
CAPTURES = ["1-one-holder-blocks", "5-delete-pending", "7-byte-range", "9-open-read-close-loop"]
CAPTURE_COUNT = 2


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


def check_texts(name: str, seeds: Iterable[int], path: Path) -> None:
    """Import a format's file, damaged in so many ways. Raises what an import raises that fails."""
    data = ACCESS_LOG if name == "access-log" else (TRACES / FILES[name]).read_bytes()
    for seed in seeds:
        chance = random.Random(f"{name}/{seed}")
        at = chance.randrange(max(1, len(data) - SIZE_MAX)) if chance.random() < 0.5 else 0
        path.write_bytes(mutated(data[at : at + SIZE_MAX], chance))
        try:
            imported([path], wanted=name.partition(" ")[0])
        except ImportFailed:
            continue
        except Exception as error:
            raise AssertionError(f"{name}, seed {seed}") from error


def check_captures(name: str, seeds: Iterable[int], path: Path) -> None:
    """The same with packets, which tshark reads first."""
    data = (TRACES / name / "capture.pcapng").read_bytes()
    for seed in seeds:
        path.write_bytes(mutated(data, random.Random(f"{name}/{seed}")))
        try:
            imported([path], wanted="capture")
        except ImportFailed:
            continue
        except Exception as error:
            raise AssertionError(f"{name}, seed {seed}") from error


@pytest.mark.parametrize("name", [*FILES, "access-log"])
def test_a_damaged_trace_ends_in_a_run_or_in_one_line(name: str, tmp_path: Path) -> None:
    check_texts(name, range(COUNT), tmp_path / "trace")


@pytest.mark.slow
@pytest.mark.parametrize("name", CAPTURES)
def test_a_damaged_capture_ends_in_a_run_or_in_one_line(name: str, tmp_path: Path) -> None:
    check_captures(name, range(CAPTURE_COUNT), tmp_path / "trace.pcapng")


def test_two_functions_in_one_line_of_a_log_are_damage(tmp_path: Path) -> None:
    text = (TRACES / FILES["smbd-log"]).read_text("utf-8")
    first = re.search(r"^\[.*open\.c:\d+\(open_file\)$", text, re.M)
    assert first is not None
    path = tmp_path / "smbd.log"
    path.write_text(text.replace(first[0], first[0].replace("(", "(other) x.c:1(", 1), 1))
    assert "1 damaged" in imported([path], wanted="smbd-log").notes


@pytest.mark.parametrize("at", ["1795892828000.5", "nan", "-1", "inf"])
def test_a_frame_of_a_time_in_no_calendar_is_damage(at: str, tmp_path: Path) -> None:
    lines = (TRACES / FILES["tshark-fields"]).read_text().splitlines()
    place = lines[0].split("\t").index("frame.time_epoch")
    cells = lines[-1].split("\t")
    cells[place] = at
    (tmp_path / "trace").write_text("\n".join([*lines, "\t".join(cells)]) + "\n")
    found = imported([tmp_path / "trace"])
    assert found.imported.tracks[0].sources[0].damage_count == 1 and found.refusals


def test_every_text_format_is_damaged() -> None:
    texts = {one.name for one in FORMATS if one.name != "capture"}
    assert {name.partition(" ")[0] for name in (*FILES, "access-log")} == texts
