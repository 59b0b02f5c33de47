"""Captures that other people published, some of them malformed on purpose: an import takes what is
there, and says what is not.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from worlds.support import THEIR_TRACES
from worlds.traces import imported

pytestmark = pytest.mark.theirs(THEIR_TRACES)

OPENS = {
    "SMBGhost.pcap": 0,
    "fragment-state-exhaustion.pcap": 0,
    "raw_ntlm_in_smb.pcap": 0,
    "smb1.pcap": 7,
    "smb2-multiple-pdus.pcap": 1,
    "smb2-zero-byte-error-ioctl.pcapng": 6,
    "smb2.delete-on-close-perms-delete-existing.pcap": 6,
    "smb2_100_small_files.pcap": 132,
    "smb2readwrite.pcap": 5,
    "smb3.pcap": 0,
    "smb311.pcap": 0,
    "smb_many_open_files_500.pcap.gz": 40,
    "smb_v2_only_non_zero_reserved1.pcap": 11,
}
"""How many opens each has, as tshark 4.0 reads it."""


@pytest.mark.slow
@pytest.mark.parametrize("name", OPENS)
def test_a_published_capture_goes_through(name: str) -> None:
    found = imported([THEIR_TRACES / name])
    assert len(found.view.holdings) == OPENS[name]
    assert found.refusals == []


def test_every_published_capture_is_asked() -> None:
    there = {path.name for path in THEIR_TRACES.iterdir() if ".pcap" in path.name}
    assert there == set(OPENS)


def test_a_published_csv_of_procmon_goes_through(tmp_path: Path) -> None:
    packed = THEIR_TRACES / "procmon-CompressedLogFileUTC32FilesystemCSV"
    path = tmp_path / "procmon.csv"
    path.write_bytes(zlib.decompress(packed.read_bytes()))
    found = imported([path])
    assert found.imported.tracks[0].kind.name == "procmon"
    assert found.view.holdings == [] and found.refusals == []  # no CreateFile is in it
    assert "Procmon shows one machine" in found.notes
