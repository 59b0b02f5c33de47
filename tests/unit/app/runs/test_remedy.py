"""What a what-if left beside a run is quoted, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from despoolr_app.runs.remedy import kept_remedy
from despoolr_core.records.whatif.ladder import FILE, FIXES, Ladder, LadderRow, told

ROW = LadderRow("copying aside", "setting", FIXES, worlds=3, held=3)


def test_the_ladders_sentence_is_the_remedy(tmp_path: Path) -> None:
    ladder = Ladder("runs/x", "through", "not through", (ROW,))
    ladder = msgspec.structs.replace(ladder, sentence=told(ladder))
    (tmp_path / FILE).write_bytes(msgspec.json.encode(ladder))
    assert kept_remedy(tmp_path) == ladder.sentence
    assert kept_remedy(tmp_path).startswith("Copying aside would have")


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"sentence": 1}', "{}"])
def test_what_is_no_ladder_is_no_remedy(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / FILE).write_text(text)
    assert kept_remedy(tmp_path) == ""
