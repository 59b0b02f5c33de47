"""A table as wide as the terminal: which columns give way, and what of a name is cut."""

from __future__ import annotations

from despoolr_app.top.table import TopCell, TopColumn, table, texts


def test_columns_give_way_in_their_order_and_then_names_are_cut() -> None:
    columns = (TopColumn("A"), TopColumn("B", 2), TopColumn("C", 1), TopColumn("N", is_number=True))
    rows = [((TopCell("a" * 20), TopCell("b" * 10), TopCell("c" * 10), TopCell("7")), None)]
    assert texts(table(columns, rows, 47))[1] == f"{'a' * 20}  {'b' * 10}  {'c' * 10}  7"
    assert texts(table(columns, rows, 40))[1] == f"{'a' * 20}  {'b' * 10}  7"
    assert texts(table(columns, rows, 30))[1] == f"{'a' * 20}  7"
    assert texts(table(columns, rows, 15))[1] == f"{'a' * 11}…  7"
