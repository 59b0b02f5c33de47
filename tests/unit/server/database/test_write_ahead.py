"""SQLite's log: whole, cut by a crash, or damaged in what was committed."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from despoolr_server.database import write_ahead
from despoolr_server.database.write_ahead import why_log_broken

PAGE, FRAME, HEADER = 4096, 24, 32


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The log of five transactions that a killed process left."""
    with closing(sqlite3.connect(tmp_path / "live.db")) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE t (n INTEGER)")
        for number in range(5):
            db.execute("INSERT INTO t VALUES (?)", (number,))
            db.commit()
        shutil.copy(tmp_path / "live.db", tmp_path / "BPC.db")
        return Path(shutil.copy(tmp_path / "live.db-wal", tmp_path / "BPC.db-wal"))


def frame_count(log: Path) -> int:
    return (log.stat().st_size - HEADER) // (FRAME + PAGE)


def test_a_whole_log_and_none_at_all_are_fine(log: Path, tmp_path: Path) -> None:
    assert frame_count(log) >= 6
    assert why_log_broken(log) == ""
    assert why_log_broken(tmp_path / "none") == ""
    (tmp_path / "empty").touch()
    assert why_log_broken(tmp_path / "empty") == ""


@pytest.mark.parametrize("where", [0, 4, 8, 12, 16, 20, FRAME + 100])
def test_a_byte_of_what_was_committed_before_something_else_counts(log: Path, where: int) -> None:
    data = bytearray(log.read_bytes())
    offset = HEADER + 3 * (FRAME + PAGE)
    data[offset + where] ^= 1
    log.write_bytes(data)
    assert why_log_broken(log) == f"BPC.db-wal is damaged at byte {offset}"


def test_the_header_counts(log: Path) -> None:
    data = bytearray(log.read_bytes())
    data[13] ^= 1
    log.write_bytes(data)
    assert why_log_broken(log) == "the first bytes of BPC.db-wal are damaged"


def test_what_a_crash_cut_short_at_the_end_is_ordinary(log: Path) -> None:
    whole = log.read_bytes()
    for cut in (1, PAGE, FRAME + PAGE + 5):
        log.write_bytes(whole[:-cut])
        assert why_log_broken(log) == ""


def test_the_index_tells_of_the_last_frames_that_a_kill_left(log: Path, tmp_path: Path) -> None:
    """A killed process leaves it as it was; what is in it was committed, and synced."""
    whole, index = log.read_bytes(), log.with_name("BPC.db-shm")
    with closing(sqlite3.connect(tmp_path / "other.db")) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE t (n INTEGER)")
        for number in range(5):
            db.execute("INSERT INTO t VALUES (?)", (number,))
            db.commit()
        shutil.copy(tmp_path / "other.db-wal", log)
        shutil.copy(tmp_path / "other.db-shm", index)
    ours, told = log.read_bytes(), index.read_bytes()
    assert why_log_broken(log) == ""
    count = frame_count(log)
    for damaged in (ours[:-1], ours[: -(FRAME + PAGE)], ours[:-1] + bytes([ours[-1] ^ 1])):
        log.write_bytes(damaged)
        assert why_log_broken(log) == f"BPC.db-wal is damaged or cut after frame {count - 1}"
    for emptied in (b"", ours[:20], bytes(5000)):
        log.write_bytes(emptied)
        assert why_log_broken(log) == "BPC.db-wal was emptied"
    for other in (told[:20], told[:60] + b"\xff" + told[61:], bytes(len(told))):
        index.write_bytes(other)  # what a power cut leaves of it
        for cut in (ours[:-1], b""):
            log.write_bytes(cut)
            assert why_log_broken(log) == ""
    index.write_bytes(told)
    log.write_bytes(whole[:-1])  # another log's
    assert why_log_broken(log) == ""


def test_a_log_past_the_bound_is_not_looked_at(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytearray(log.read_bytes())
    data[13] ^= 1
    log.write_bytes(data)
    monkeypatch.setattr(write_ahead, "CHECKED_MAX", len(data) - 1)
    assert why_log_broken(log) == ""
    monkeypatch.setattr(write_ahead, "CHECKED_MAX", len(data))
    assert why_log_broken(log) != ""
