"""The fidelity ledger is true: every behaviour, value, scenario and test it names is there, and
none is left out.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, NamedTuple

import pytest

from despoolr_core.articles import ARTICLES
from despoolr_core.profile import FIELDS, PROFILES
from worlds.support import REPOSITORY, oracle

LEDGER = REPOSITORY / "docs" / "fidelity.md"
STATUSES = ("emulated", "simplified", "unknown")
NOT_YET = "not yet used"
SCENARIOS = sorted(
    str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "scenarios").rglob("*.toml")
)


class Row(NamedTuple):
    """One row of a table, by its column heads."""

    line: int
    cells: dict[str, str]

    @property
    def shown_by(self) -> list[str]:
        return re.findall(r"`([^`]+)`", self.cells["Shown by"])


@cache
def rows() -> list[Row]:
    found: list[Row] = []
    heads: list[str] = []
    for number, line in enumerate(LEDGER.read_text("utf-8").splitlines(), 1):
        if not line.startswith("|"):
            heads = []
            continue
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not heads:
            heads = cells
        elif set(line) - set("|- "):
            assert len(cells) == len(heads), (
                f"line {number} has {len(cells)} cells, not {len(heads)}"
            )
            found.append(Row(number, dict(zip(heads, cells, strict=True))))
    return found


def field_rows() -> dict[str, Row]:
    return {
        row.cells["Profile field"].strip("`"): row for row in rows() if "Profile field" in row.cells
    }


def values(name: str) -> str:
    """From which version on a field has which value, as the ledger writes it."""
    parts: list[str] = []
    last: Any = object()
    for version, profile in PROFILES.items():
        value = getattr(profile, name)
        if value != last:
            parts.append(f"{version}: {_word(value)}")
            last = value
    return "; ".join(parts)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"


@cache
def source() -> str:
    roots = ("server/despoolr_server", "client/despoolr_client", "lab/despoolr_lab")
    return "\n".join(
        path.read_text("utf-8")
        for root in roots
        for path in sorted((REPOSITORY / root).rglob("*.py"))
    )


def is_read(name: str) -> bool:
    """Whether some code asks a profile for this field."""
    return re.search(rf"\bprofile\.{name}\b", source()) is not None


def test_every_behaviour_is_in_the_ledger_once_and_nothing_else_is() -> None:
    named = [
        row.cells["Profile field"].strip("`") for row in rows() if "Profile field" in row.cells
    ]
    assert sorted(named) == sorted(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_a_behaviours_source_and_values_are_those_of_the_profiles(name: str) -> None:
    cells = field_rows()[name].cells
    assert cells["Source"] == FIELDS[name]["source"]
    assert cells["Values"] == values(name)


@pytest.mark.parametrize("name", FIELDS)
def test_a_behaviour_no_code_asks_for_is_marked_and_no_other(name: str) -> None:
    assert (NOT_YET in field_rows()[name].cells["Status"]) is not is_read(name)


def test_every_status_is_one_of_the_three() -> None:
    for row in rows():
        word, _, rest = row.cells["Status"].partition(", ")
        assert word in STATUSES, row
        assert rest in ("", NOT_YET), row


def test_whoever_claims_to_emulate_shows_it() -> None:
    for row in rows():
        if row.cells["Status"] in ("emulated", "simplified"):
            assert row.shown_by, f"line {row.line}: {row.cells['Behaviour']}"


def test_what_is_simplified_says_how() -> None:
    for row in rows():
        if row.cells["Status"].startswith("simplified"):
            assert row.cells["Note"] not in ("", "-"), f"line {row.line}"


def test_every_test_and_scenario_it_names_exists() -> None:
    for row in rows():
        for place in row.shown_by:
            name, _, test = place.partition("::")
            path = REPOSITORY / name
            assert path.is_file(), f"line {row.line}: no file {name}"
            if name.startswith("tests/"):
                assert test, f"line {row.line}: {name} without a test"
                if test != "*":
                    assert re.search(
                        rf"^(async )?def {test}\(", path.read_text("utf-8"), re.MULTILINE
                    ), f"line {row.line}: {place}"


def test_every_scenario_and_article_of_the_gallery_is_in_it() -> None:
    named = {place for row in rows() for place in row.shown_by}
    assert set(SCENARIOS) <= named
    sources = " ".join(row.cells["Source"] for row in rows())
    for kb in ARTICLES:
        assert kb in sources


def test_the_ledger_is_read_as_it_stands() -> None:
    assert len(rows()) > len(FIELDS) + 10
    assert is_read("copy_strategy")
    assert not is_read("no_such_behaviour")


def test_every_deviation_of_the_oracle_is_named() -> None:
    named = [pattern for row in rows() for pattern in re.split(r", ", row.cells["Source"])]
    for deviation in oracle("deviations")["deviations"]:
        assert any(fnmatchcase(deviation["case"], pattern) for pattern in named), deviation["case"]
