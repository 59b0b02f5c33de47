"""Where directories lie: a mark on ext4, and nothing at all where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from despoolr_server.files.system import placement


def test_a_directory_that_cannot_be_marked_is_left_as_it_is(tmp_path: Path) -> None:
    placement.spread_directories(str(tmp_path / "none"))
    (tmp_path / "file").write_bytes(b"x")
    placement.spread_directories(str(tmp_path / "file"))
    placement.spread_directories("/proc")
    assert (tmp_path / "file").read_bytes() == b"x"


def test_marks_that_were_there_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[int, bytes]] = []

    class Marks:
        @staticmethod
        def ioctl(_descriptor: int, call: int, marks: bytes) -> bytes:
            said.append((call, marks))
            return (0x80).to_bytes(8, "little")

    monkeypatch.setattr(placement, "fcntl", Marks)
    placement.spread_directories(str(tmp_path))
    assert said == [
        (0x8008_6601, bytes(8)),
        (0x4008_6602, 0x2_0080.to_bytes(8, "little")),
    ]


def test_a_system_without_marks_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "fcntl", None)
    placement.spread_directories(str(tmp_path))
