"""docs/share-semantics.md is what the engine's tables say."""

from __future__ import annotations

from despoolr_lab.docs.semantics import page, table
from worlds.support import REPOSITORY


def test_the_page_of_the_shares_rules_is_up_to_date() -> None:
    written = (REPOSITORY / "docs" / "share-semantics.md").read_text("utf-8")
    assert written == page(), "say: make semantics"


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert table(["a"], [["x|y"]]) == "| a |\n| --- |\n| x\\|y |\n"
