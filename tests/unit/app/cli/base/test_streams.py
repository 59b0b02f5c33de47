"""Standard streams that are closed, full, or read by nobody."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import pytest

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
