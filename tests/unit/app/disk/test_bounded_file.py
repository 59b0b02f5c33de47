"""How much of a file is read."""

from __future__ import annotations

from pathlib import Path

from despoolr_app.disk.bounded_file import read_bounded


def test_a_file_at_the_bound_is_whole_and_of_a_longer_one_one_byte_more_is_read(
    tmp_path: Path,
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 10)
    assert read_bounded(file, 10) == b"x" * 10
    assert len(read_bounded(file, 9)) == 10
    assert len(read_bounded(Path("/dev/zero"), 1_000)) == 1_001
