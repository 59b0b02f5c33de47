"""PCMHIST.REG reads back as it was written, and a broken one names its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_client.pcm.history import HistoryError, HistoryState, parse_history, render_history

REQUESTS = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=7, max_size=7)


@given(st.dictionaries(REQUESTS, st.sampled_from(HistoryState), max_size=20))
def test_a_history_reads_back_as_it_was_written(history: dict[str, HistoryState]) -> None:
    read = parse_history(render_history(history))
    assert read == history
    assert list(read) == list(history)


def test_the_file_has_the_fields_words() -> None:
    text = render_history({"YAO000R": HistoryState.NEW, "YAO000S": HistoryState.EXECUTED})
    assert '"YAO000R"="New"' in text
    assert '"YAO000S"="Executed"' in text


@pytest.mark.parametrize(
    ("text", "line"), [("", 1), ("hello", 1), ('REGEDIT4\r\n\r\n"YAO000R"="Maybe"', 3)]
)
def test_a_broken_history_names_its_line(text: str, line: int) -> None:
    with pytest.raises(HistoryError) as caught:
        parse_history(text)
    assert caught.value.line == line
