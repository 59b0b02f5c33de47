"""Statements are texts, rows are tuples with names, and a list is a list."""

from __future__ import annotations

from despoolr_server.database.memory import MemoryDatabase
from despoolr_server.database.protocol import insert_into, set_where
from worlds.statements import Watched

ADD = insert_into("Counters", "Name", "Value")
ROWS = [{"Name": name, "Value": number} for number, name in enumerate("abc")]


async def test_a_row_is_a_tuple_and_has_its_columns() -> None:
    database = MemoryDatabase()
    await database.run(lambda db: db.change_each(ADD, ROWS))
    rows = await database.run(lambda db: db.all('SELECT * FROM "Counters" ORDER BY "Name"'))
    assert rows == [("a", 0), ("b", 1), ("c", 2)]
    assert [(row.Value, row.Name) for row in rows] == [(0, "a"), (1, "b"), (2, "c")]
    await database.close()


async def test_a_list_is_as_many_values_and_an_empty_one_is_none() -> None:
    database = MemoryDatabase()
    await database.run(lambda db: db.change_each(ADD, ROWS))
    text = 'SELECT "Name" FROM "Counters" WHERE "Name" IN :names AND "Value" < :below'

    def named(*names: str) -> list[tuple[str]]:
        return database._connection.all(text, {"names": list(names), "below": 2})  # type: ignore[return-value]

    assert named("a", "c", "x") == [("a",)]
    assert named("a", "b", "x'; --") == [("a",), ("b",)]
    assert named() == []
    await database.close()


async def test_a_change_says_how_many_rows_it_changed() -> None:
    database = MemoryDatabase()
    db = Watched(database._connection)
    db.change_each(ADD, ROWS)
    assert db.change(set_where("Counters", '"Name" = :Name', "Value"), ROWS[1]) == 1
    assert db.change('DELETE FROM "Counters" WHERE "Name" IN :names', {"names": ["a", "x"]}) == 1
    assert db.change('DELETE FROM "Counters" WHERE "Name" = :name', {"name": "x"}) == 0
    assert db.first('SELECT * FROM "Counters" WHERE "Name" = :name', {"name": "x"}) is None
    assert db.value('SELECT max("Value") FROM "Counters"') == 2
    assert [text.split()[0] for text in db.texts][:3] == ["INSERT", "UPDATE", "DELETE"]
    await database.close()
