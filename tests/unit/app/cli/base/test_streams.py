"""Standard streams that are closed, full, or read by nobody."""

from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path

import pytest

from despoolr_app.cli.base import streams
from despoolr_app.cli.base.streams import OutputLost, RawOutput
from worlds.support import leave_out


def full() -> int:
    if not Path("/dev/full").exists():
        leave_out("there is no /dev/full on this system")
    return os.open("/dev/full", os.O_WRONLY)


def test_what_is_needed_and_does_not_fit_is_lost_aloud() -> None:
    raw = RawOutput(full(), is_needed=True)
    with pytest.raises(
        OutputLost, match="cannot write to standard output: No space left on device"
    ) as found:
        raw.write(b"text")
    assert raw.lost is found.value and not found.value.is_quiet
    os.close(raw.fileno())


def test_what_is_a_courtesy_is_dropped_in_silence() -> None:
    raw = RawOutput(full(), is_needed=False)
    stream = io.TextIOWrapper(io.BufferedWriter(raw), line_buffering=True)  # type: ignore[type-var]
    print("text", file=stream)
    print("more", file=stream)
    assert raw.lost is not None
    stream.detach()
    os.close(raw.fileno())


def test_a_reader_who_has_gone_is_no_fault() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(OutputLost) as found:
        RawOutput(writing, is_needed=True).write(b"text")
    assert found.value.is_quiet
    os.close(writing)


def test_an_output_that_is_open_for_reading_only_counts_as_closed() -> None:
    nowhere = os.open(os.devnull, os.O_RDONLY)
    with pytest.raises(OutputLost, match=r"^standard output is closed$"):
        RawOutput(nowhere, is_needed=True).write(b"text")
    os.close(nowhere)


def test_a_pipe_that_does_not_block_is_waited_for() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    read = bytearray()

    def reader() -> None:
        while part := os.read(reading, 65536):
            read.extend(part)

    thread = threading.Thread(target=reader)
    thread.start()
    data = bytes(range(256)) * 4096
    assert RawOutput(writing, is_needed=True).write(data) == len(data)
    os.close(writing)
    thread.join()
    assert bytes(read) == data
    os.close(reading)


def test_what_is_lost_at_the_end_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    place = full()
    monkeypatch.setattr(streams, "STDOUT", place)
    raw = RawOutput(place, is_needed=True)
    output = io.TextIOWrapper(io.BufferedWriter(raw))  # type: ignore[type-var]
    monkeypatch.setattr(sys, "stdout", output)
    print("text")
    lost = streams.finish(raw)
    assert lost is not None and lost is raw.lost and "No space left" in str(lost)
    print("more", flush=True)  # the interpreter has nothing to say of its own
    output.detach()
    assert streams.finish(raw) is lost, "closed by the command"
    os.close(place)


def test_streams_that_are_closed_are_held_by_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [os.open(os.devnull, os.O_RDONLY) for _ in range(3)]
    for name, number in zip(("STDERR", "STDOUT", "STDIN"), numbers, strict=True):
        monkeypatch.setattr(streams, name, number)
        os.close(number)
    streams.hold_descriptors()
    error, output, given = numbers
    assert os.read(given, 1) == b"" and os.write(error, b"x") == 1
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(output, b"x")
    for number in numbers:
        os.close(number)
