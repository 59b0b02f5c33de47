"""What a child has said: whether it is up, and what is told of it when it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from despoolr_app.process.children.output import LINE_SIZE_MAX, Output, ProcessDied


def test_what_was_never_started_has_said_nothing(tmp_path: Path) -> None:
    output = Output("SITE1", tmp_path / "log")
    assert (output.text(), output.last_line()) == ("", "")
    assert not output.has("ready", None)
    with pytest.raises(ProcessDied, match="SITE1 ended by itself with code 1: it said nothing"):
        output.has("ready", 1)


def test_who_said_that_it_is_up_was_up_though_it_has_ended_since(tmp_path: Path) -> None:
    output = Output("SITE1", tmp_path / "log")
    output.path.write_text("ready\n")
    assert output.has("ready", -9)


def test_the_last_line_is_told_and_no_more_of_it_than_a_person_reads(tmp_path: Path) -> None:
    output = Output("SITE1", tmp_path / "log")
    output.path.write_bytes(b"one\n" + b"x" * 1000 + b"\xff\n\n")
    assert output.last_line() == "x" * LINE_SIZE_MAX
    died = output.died(-9)
    assert (died.name, died.code) == ("SITE1", -9)
