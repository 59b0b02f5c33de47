"""The one door into the records."""

from __future__ import annotations

import msgspec

from despoolr_core.records.kinds.client import CommandChanged, Polled
from despoolr_core.records.kinds.fact import UnknownFact
from despoolr_core.records.stream import Record, Recorder, decode, encode, encode_all


def test_listeners_hear_of_the_kinds_that_are_wanted_and_every_fact_has_a_number() -> None:
    heard: list[Record] = []
    recorder = Recorder(lambda: 7.0, [heard.append], wanted=frozenset((Polled,)))
    changed = CommandChanged(request="BPC0001", package="BPC00001", state="New")
    polled = Polled(result="changed", server="LOGON1", reason="")
    assert [recorder.record("PC1", fact) for fact in (changed, polled, changed)] == [1, 2, 3]
    assert heard == [Record(2, 7.0, "PC1", polled)]
    assert recorder.count == 3


def test_records_have_the_same_lines_together_as_alone() -> None:
    unknown = UnknownFact(kind="moon.rose", raw=msgspec.Raw(b'{"x":[1,2]}'))
    polled = Polled(result="changed", server="LOGON1", reason="a\nb")
    records = [Record(1, 7.0, "PC1", polled), Record(2, 7.5, "PC1", unknown, 1)]
    lines = encode_all(records)
    assert lines == b"".join(encode(record) + b"\n" for record in records)
    assert [decode(line).kind for line in lines.splitlines()] == ["pcm.polled", "moon.rose"]
    assert encode_all([]) == b""


def test_of_many_records_only_the_one_with_half_a_character_has_no_line() -> None:
    records = [
        Record(number, 7.0, "PC1", Polled(result="changed", server="LOGON1", reason=reason))
        for number, reason in enumerate(("a", "b\udc80", "c"), 1)
    ]
    lost: list[int] = []
    lines = encode_all(records, lambda record, _: lost.append(record.seq))
    assert [decode(line).seq for line in lines.splitlines()] == [1, 3]
    assert lost == [2]
    assert encode_all(records) == lines
