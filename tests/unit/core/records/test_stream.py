"""The one door into the records."""

from __future__ import annotations

from despoolr_core.records.kinds.client import CommandChanged, Polled
from despoolr_core.records.stream import Record, Recorder


def test_listeners_hear_of_the_kinds_that_are_wanted_and_every_fact_has_a_number() -> None:
    heard: list[Record] = []
    recorder = Recorder(lambda: 7.0, [heard.append], wanted=frozenset((Polled,)))
    changed = CommandChanged(request="BPC0001", package="BPC00001", state="New")
    polled = Polled(result="changed", server="LOGON1", reason="")
    assert [recorder.record("PC1", fact) for fact in (changed, polled, changed)] == [1, 2, 3]
    assert heard == [Record(2, 7.0, "PC1", polled)]
    assert recorder.count == 3
