"""What a what-if left beside a run is quoted, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from despoolr_lab.report.remedy import FILE, kept_remedy


def test_the_sentence_beside_the_run_is_the_remedy(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps({"sentence": "Copy aside.", "rows": []}))
    assert kept_remedy(tmp_path) == "Copy aside."


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"sentence": 1}', "{}"])
def test_what_is_no_answer_is_no_remedy(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / FILE).write_text(text)
    assert kept_remedy(tmp_path) == ""
