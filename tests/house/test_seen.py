"""What `make coverage` calls too little (the run itself is part of `make nightly`)."""

from __future__ import annotations

from typing import Any

from seen.check import PERCENT_MIN, too_few


def seen(percent: float, statements: int = 100) -> dict[str, Any]:
    summary = {"num_statements": statements, "percent_covered": percent}
    return {"summary": summary, "missing_lines": [7, 8]}


def test_a_module_of_which_too_little_is_seen_is_named_with_its_lines() -> None:
    files = {
        "core/a.py": seen(PERCENT_MIN),
        "core/b.py": seen(PERCENT_MIN - 1),
        "lab/never.py": seen(0.0),
    }
    assert too_few(files) == [
        " 84.0 %  core/b.py: lines 7, 8",
        "  0.0 %  lab/never.py: lines 7, 8",
    ]


def test_a_few_names_and_measurements_of_peers_are_left_out() -> None:
    files = {
        "core/names.py": seen(0.0, statements=3),
        "lab/despoolr_lab/bench/dav.py": seen(0.0),
    }
    assert too_few(files) == []
