"""`--watch` shows an answer again, says only what changed into a pipe, and outlasts a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from despoolr_app.cli.base.output import Failure, fail, put
from despoolr_app.cli.base.watch import show
from despoolr_app.runs.directory import RunDirectory, load_run
from despoolr_app.site_client.client import ServerAddress
from despoolr_app.site_client.live import LiveSource
from despoolr_app.site_client.queries import RunSource, Source
from worlds.report import blocked_update

LIVE = LiveSource([ServerAddress("SITE1", "http://127.0.0.1:1", "")])


class Enough(Exception):
    """The person pressed Ctrl-C."""


def looks(answers: list[str]) -> Iterator[str]:
    yield from answers


def watched(answers: list[str]) -> None:
    """Look once for each answer (`!` begins a failure), then end."""
    left = looks(answers)
    rest = list(answers)

    def look(_: Source) -> None:
        text = next(left)
        rest.pop(0)
        if text.startswith("!"):
            fail(text[1:])
        put(text)

    def wait(_: float) -> None:
        if not rest:
            raise Enough

    with pytest.raises(Enough):
        show(LIVE, look, is_watched=True, as_json=False, wait=wait)


def test_an_answer_that_did_not_change_is_not_told_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    watched(["one", "one", "two", "one"])
    assert capsys.readouterr().out == "one\n\ntwo\n\none\n\n"


def test_a_server_that_is_away_is_a_line_and_is_asked_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    watched(["one", "!SITE1 does not answer", "one"])
    assert capsys.readouterr().out == "one\n\nno answer: SITE1 does not answer\n\none\n\n"


def test_each_look_begins_without_the_notes_of_the_one_before() -> None:
    seen: list[Source] = []

    def look(source: Source) -> None:
        assert source.notes == []
        source.notes.append("cut")
        seen.append(source)

    def wait(_: float) -> None:
        if len(seen) == 2:
            raise Enough

    with pytest.raises(Enough):
        show(LIVE, look, is_watched=True, as_json=False, wait=wait)


def test_a_finished_run_and_json_are_shown_once(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path, "19960603T080000Z", "story", 1) as run:
        for record in blocked_update():
            run.listener(record)
    source = RunSource(load_run(run.path))
    told: list[Source] = []
    show(source, told.append, is_watched=False, as_json=False)
    assert told == [source]
    with pytest.raises(Failure, match="a finished run does not change"):
        show(source, told.append, is_watched=True, as_json=False)
    with pytest.raises(Failure, match="one object"):
        show(LIVE, told.append, is_watched=True, as_json=True)
