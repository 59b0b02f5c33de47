"""How a site asks its database: statements are SQL texts, what they find are plain rows.

The law: one text for SQLite and PostgreSQL. Names stand in double quotes, because PostgreSQL folds
those that do not; a value is `:name`, and where it is a list the text says `IN :name`. Nothing from
outside is ever part of a text.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

T = TypeVar("T")
Values = Mapping[str, Any]
_TEXTS_MAX: Final = 512
"""Texts, and kinds of rows, that are remembered."""


class Row(tuple[Any, ...]):
    """What a statement found: a tuple, its columns are attributes too. Not to be confused with a
    row of a MIF's table.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class Connection(Protocol):
    """A connection inside a transaction. Each call is one statement. Not to be confused with one
    that a caller of ours has.
    """

    def all(self, text: str, values: Values | None = None) -> list[Row]:
        """Every row that a query finds."""
        values = values or {}
        lists = [name for name, value in values.items() if type(value) is list]
        if lists:
            text, values = _expanded(text, values, lists)
        columns, rows = self._found(text, values)
        kind = _row_kind(columns)
        return [kind(row) for row in rows]

    def first(self, text: str, values: Values | None = None) -> Row | None:
        """The first row, or None; the text sees to it that there are not many."""
        rows = self.all(text, values)
        return rows[0] if rows else None

    def value(self, text: str, values: Values | None = None) -> Any:
        """The first column of the first row, or None."""
        _, rows = self._found(text, values or {})
        return rows[0][0] if rows else None

    def change(self, text: str, values: Values | None = None) -> int:
        """Execute what changes rows. Returns how many."""
        values = values or {}
        lists = [name for name, value in values.items() if type(value) is list]
        if lists:
            text, values = _expanded(text, values, lists)
        return self._changed(text, values)

    @abstractmethod
    def change_each(self, text: str, rows: Sequence[Values]) -> None:
        """Execute a change once for each of the rows, in their order."""

    @abstractmethod
    def _found(self, text: str, values: Values) -> tuple[tuple[str, ...], Sequence[Any]]:
        """The names of the columns, and the rows."""

    @abstractmethod
    def _changed(self, text: str, values: Values) -> int:
        """How many rows were changed."""


class DatabaseLost(Exception):
    """There is no connection to the database any more. Who must act: whoever started the process;
    it must start anew.

    Nothing is tried again here: what the process believes about the database may no longer be so,
    and another may have it.
    """


CLOSED: Final = "the site database is closed"
"""What is lost of a database that its own process has let go of."""


class Database(Protocol):
    """Where the site keeps its rows."""

    @property
    def failures(self) -> type[Exception]:
        """What `run` raises where a statement fails, or its commit."""

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do `work(connection)` in a transaction and return its result once that is committed.
        Raises what `work` raises, `failures`, and `DatabaseLost`: at once, if it is closed.
        """

    async def close(self) -> None:
        """Finish what is queued and let go of the file."""


@lru_cache(maxsize=_TEXTS_MAX)
def insert_into(table: str, *columns: str) -> str:
    """The statement that makes a row; each value is called as its column."""
    names = ", ".join(f'"{column}"' for column in columns)
    return f'INSERT INTO "{table}" ({names}) VALUES ({", ".join(f":{c}" for c in columns)})'


@lru_cache(maxsize=_TEXTS_MAX)
def set_where(table: str, where: str, *columns: str) -> str:
    """The statement that changes columns of the rows of which `where` holds; each value is called
    as its column.
    """
    changes = ", ".join(f'"{column}" = :{column}' for column in columns)
    return f'UPDATE "{table}" SET {changes} WHERE {where}'


@lru_cache(maxsize=_TEXTS_MAX)
def _row_kind(columns: tuple[str, ...]) -> type[Row]:
    parts: dict[str, Any] = {"__slots__": ()}
    for number, column in enumerate(columns):
        parts[column] = property(itemgetter(number))
    return type("Row", (Row,), parts)


def _expanded(text: str, values: Values, lists: Iterable[str]) -> tuple[str, Values]:
    """The same with a value for each item of each list."""
    single = dict(values)
    for name in lists:
        items = single.pop(name)
        text = _with_list(text, name, len(items))
        single |= {f"{name}_{number}": item for number, item in enumerate(items)}
    return text, single


@lru_cache(maxsize=_TEXTS_MAX)
def _with_list(text: str, name: str, count: int) -> str:
    items = ", ".join(f":{name}_{number}" for number in range(count)) or "NULL"
    return re.sub(rf"\bIN :{name}\b", f"IN ({items})", text)
