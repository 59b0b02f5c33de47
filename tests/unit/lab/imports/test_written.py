"""A text is the same story in any encoding, with any line ends, packed in any way; one that is
damaged is told, and what stands before the damage is read.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from despoolr_lab.imports.traces.source import ImportFailed, TraceFile
from unit.lab.imports.test_variants import AUDIT, FIELDS, JSON, PROCMON, SAMPLES, SECURITY, story
from worlds.traces import TRACES, imported

LOG = "1-one-holder-blocks/smbd.log"
TEXTS = [LOG, AUDIT, FIELDS, JSON, SAMPLES, PROCMON, SECURITY]
FORMS: dict[str, Callable[[str], bytes]] = {
    "UTF-16 of PowerShell": lambda text: text.replace("\n", "\r\n").encode("utf-16"),
    "UTF-16, the other way": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-le"),
    "UTF-8 with its mark and CRLF": lambda text: (
        b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
    ),
    "CR": lambda text: text.replace("\n", "\r").encode(),
    "gzip": lambda text: gzip.compress(text.encode()),
    "bzip2": lambda text: bz2.compress(text.encode()),
    "xz": lambda text: lzma.compress(text.encode()),
    "xz of UTF-16": lambda text: lzma.compress(text.encode("utf-16")),
}
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("file", TEXTS, ids=str)
def test_a_text_of_any_form_is_the_same_story(file: str, form: str, tmp_path: Path) -> None:
    whole = (TRACES / file).read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    written = tmp_path / Path(file).name
    written.write_bytes(FORMS[form](whole))
    found = imported([written])
    assert found.view.holdings and story(found) == story(imported([TRACES / file]))
    assert not any(source.damages for track in found.imported.tracks for source in track.sources)


@pytest.mark.parametrize("packer", PACKERS)
def test_a_packed_text_that_is_damaged_anywhere_is_told(packer: str, tmp_path: Path) -> None:
    text = (TRACES / "9-open-read-close-loop/smbd.log").read_bytes()
    packed = PACKERS[packer](text)
    log = tmp_path / "smbd.log"
    told = 0
    for place in range(0, len(packed), max(len(packed) // 40, 1)):
        for data in (
            packed[:place],
            packed[:place] + bytes([packed[place] ^ 0x55]) + packed[place + 1 :],
        ):
            log.write_bytes(data)
            source = TraceFile(log)
            try:
                list(source.lines())
            except ImportFailed:
                told += 1
            told += bool(source.damage_count)
    assert told > 40
    log.write_bytes(packed[: len(packed) - 8])
    found = imported([log])
    assert found.view.holdings and "cut off or damaged" in found.notes


def test_a_capture_that_tshark_does_not_unpack_is_refused_in_one_sentence(tmp_path: Path) -> None:
    whole = (TRACES / "1-one-holder-blocks/capture.pcapng").read_bytes()
    packed = tmp_path / "capture.pcapng"
    packed.write_bytes(lzma.compress(whole))
    with pytest.raises(ImportFailed, match="tshark does not unpack xz: unpack it first"):
        imported([packed])
    packed.write_bytes(gzip.compress(whole))
    assert len(imported([packed]).view.holdings) == 8


def test_a_line_of_utf_16_past_the_bound_is_cut_and_told(tmp_path: Path) -> None:
    log = tmp_path / "long.log"
    log.write_bytes(("x" * 50 + "\nnext\n").encode("utf-16"))
    source = TraceFile(log)
    assert [len(line) for line in source.raw_lines(20)] == [20, 4]
    assert source.damages == ["line 1 is too long"]
