"""Whatever is done to a trace, an import of it ends: very many damaged files of every format."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.lab.imports.test_mutations import CAPTURES, FILES, check_captures, check_texts

TEXTS = 10_000
"""Damaged files of each format."""
PACKETS = 200


@pytest.mark.parametrize("name", [*FILES, "access-log"])
@pytest.mark.parametrize("part", range(10))
def test_ten_thousand_damaged_texts_end_in_runs_or_lines(
    name: str, part: int, tmp_path: Path
) -> None:
    seeds = range(1000 + part * TEXTS // 10, 1000 + (part + 1) * TEXTS // 10)
    check_texts(name, seeds, tmp_path / "trace")


@pytest.mark.parametrize("name", CAPTURES)
def test_two_hundred_damaged_captures_end_in_runs_or_lines(name: str, tmp_path: Path) -> None:
    check_captures(name, range(100, 100 + PACKETS // len(CAPTURES)), tmp_path / "trace.pcapng")
