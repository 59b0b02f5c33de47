"""docs/limits.md: every row names a test that exists."""

from __future__ import annotations

import re

from worlds.support import REPOSITORY

ROW = re.compile(
    r"^\| (?!Limit |---)(?P<limit>.+?) \| (?P<value>.+?) \| (?P<past>.+?) \| (?P<tests>.+?) \|$"
)


def rows() -> list[dict[str, str]]:
    text = (REPOSITORY / "docs/limits.md").read_text(encoding="utf-8")
    return [found.groupdict() for line in text.splitlines() if (found := ROW.match(line))]


def test_every_limit_names_a_test_that_exists() -> None:
    wrong = []
    for row in rows():
        named = re.findall(r"`(tests/[^`]+)`", row["tests"])
        for test in named or ["(none named)"]:
            path, _, name = test.partition("::")
            file = REPOSITORY / path
            if not file.is_file() or f"def {name}(" not in file.read_text(encoding="utf-8"):
                wrong.append(f"{row['limit']}: {test}")
    assert wrong == []
