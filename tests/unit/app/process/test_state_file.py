"""The state of a data directory: read back as it was written, and never guessed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from despoolr_app.clocks.time_source import Anchor
from despoolr_app.process.state_file import (
    MOMENT_MAX,
    NOTE_SIZE,
    DamagedState,
    State,
    note_state,
    read_state,
    write_state,
)

WRITTEN = State(starts=3, scale=60.0, wall=1.7e9, site=8.3e8, stopped=8.4e8, version="1.2")


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write_state(tmp_path / "state.json", WRITTEN)
    assert read_state(tmp_path / "state.json") == WRITTEN
    assert read_state(tmp_path / "none.json") == State()


def test_a_note_is_one_write_in_place_that_waits_for_no_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "state.json"
    write_state(file, WRITTEN)
    before = file.stat()
    monkeypatch.setattr(os, "fsync", lambda _file: pytest.fail("it waits for the disk"))
    later = replace(WRITTEN, site=8.3e8 + 0.123456789, anchor=Anchor(1.7e9, 12345.678901, "b" * 36))
    note_state(file, later)
    assert read_state(file) == later
    assert file.stat().st_ino == before.st_ino and file.stat().st_size == NOTE_SIZE == 512


@pytest.mark.parametrize("found", ["nothing", "a file of the version before", "a link", "a pipe"])
def test_a_note_with_no_file_to_write_over_is_a_new_file(tmp_path: Path, found: str) -> None:
    file, other = tmp_path / "state.json", tmp_path / "other"
    other.write_bytes(b"x" * NOTE_SIZE)
    if found == "a link":
        file.symlink_to(other)
    elif found == "a pipe":
        os.mkfifo(file)
    elif found != "nothing":
        file.write_text('{"starts":2,"scale":1.0,"wall":1.7e9,"site":1.7e9}')
    note_state(file, WRITTEN)
    assert read_state(file) == WRITTEN and not file.is_symlink()
    assert other.read_bytes() == b"x" * NOTE_SIZE


def test_a_file_of_the_version_before_has_no_checksum(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text(
        '{"starts":2,"scale":1.0,"wall":1.7e9,"site":1.7e9,"stopped":null,"version":""}'
    )
    assert read_state(file).starts == 2
    file.write_text(json.dumps({"starts": 1, "site": MOMENT_MAX}))
    assert read_state(file).site == MOMENT_MAX


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "{}",
        "[]",
        '{"starts":0}',
        '{"starts":-1}',
        '{"starts":1,"scale":0}',
        '{"starts":1,"scale":-2}',
        '{"starts":1,"site":1e300}',
        f'{{"starts":1,"wall":{MOMENT_MAX + 1}}}',
        '{"starts":1,"stopped":-5}',
        '{"starts":"1"}',
        '{"starts":1,"version":7}',
        '{"starts":1,"version":"\ud800"}',
    ],
)
def test_what_no_server_wrote_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "state.json"
    file.write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(DamagedState):
        read_state(file)


def test_a_link_to_what_is_not_there_is_no_directory_that_was_never_served(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.symlink_to(tmp_path / "a disk that is not there" / "state.json")
    with pytest.raises(DamagedState, match="a link that leads nowhere"):
        read_state(file)


@pytest.mark.parametrize(
    "edit", [{"starts": 1}, {"scale": 2.0}, {"site": 1.0}, {"stopped": None}, {"version": "1.1"}]
)
def test_a_value_edited_by_hand_is_noticed(tmp_path: Path, edit: dict[str, object]) -> None:
    file = tmp_path / "state.json"
    write_state(file, WRITTEN)
    file.write_text(json.dumps(json.loads(file.read_text()) | edit))
    with pytest.raises(DamagedState, match="checksum"):
        read_state(file)
