"""A log that is followed by its name, over rotations."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from despoolr_lab.imports.live.tail import LogTail
from despoolr_lab.imports.traces.source import ImportFailed


def add(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


@pytest.fixture
def tail(log: Path) -> Iterator[LogTail]:
    with closing(LogTail(log)) as followed:
        yield followed


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "audit.log"
    path.write_text("before\n")
    return path


def test_what_stood_there_before_is_not_read_and_a_line_counts_with_its_end(
    log: Path, tail: LogTail
) -> None:
    assert tail.lines() == []
    add(log, "one\ntw")
    assert tail.lines() == ["one"]
    add(log, "o\n")
    assert tail.lines() == ["two"]


def test_a_log_that_was_renamed_is_read_to_its_end_and_then_the_next(
    log: Path, tail: LogTail
) -> None:
    add(log, "one\n")
    log.rename(log.with_suffix(".1"))
    assert tail.lines() == ["one"], "there is no other log yet"
    add(log.with_suffix(".1"), "two\n")
    add(log, "three\n")
    assert tail.lines() == ["two", "three"]
    assert (tail.rotation_count, tail.cut_count) == (1, 0)


def test_a_log_that_was_cut_is_read_from_its_beginning_and_counted(
    log: Path, tail: LogTail
) -> None:
    add(log, "a long line\n")
    assert tail.lines() == ["a long line"]
    log.write_text("new\n")
    assert tail.lines() == ["new"]
    assert (tail.rotation_count, tail.cut_count) == (0, 1)


def test_a_line_without_an_end_is_remembered_up_to_its_bound(
    log: Path, tail: LogTail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("despoolr_lab.imports.live.tail.LINE_SIZE_MAX", 4)
    add(log, "0123456789")
    assert tail.lines() == []
    add(log, "\n")
    assert tail.lines() == ["6789"]


def test_a_look_reads_so_much_and_the_next_one_goes_on(
    log: Path, tail: LogTail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("despoolr_lab.imports.live.tail.READ_MAX", 6)
    add(log, "one\ntwo\nthree\nfour\nfive\n")
    assert tail.lines() == ["one"]
    log.rename(log.with_suffix(".1"))
    add(log, "six\n")
    found = [line for _ in range(4) for line in tail.lines()]
    assert found == ["two", "three", "four", "five", "six"], "the old one to its end first"


@pytest.mark.parametrize("kind", ["pipe", "unreadable"])
def test_what_is_no_log_in_its_place_is_waited_out_and_never_for(
    log: Path, tail: LogTail, kind: str
) -> None:
    log.rename(log.with_suffix(".1"))
    if kind == "pipe":
        os.mkfifo(log)
    else:
        log.symlink_to("/proc/self/mem")  # a file, and reading its beginning fails
    assert tail.lines() == tail.lines() == []
    log.unlink()
    add(log, "one\n")
    assert tail.lines() == ["one"]


def test_a_log_that_is_a_pipe_is_said_to_be_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.log")
    with pytest.raises(ImportFailed, match=r"cannot read .*pipe\.log: it is a pipe, not a file"):
        LogTail(tmp_path / "pipe.log")


def test_a_log_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match=r"cannot read .*gone\.log: No such file"):
        LogTail(tmp_path / "gone.log")
