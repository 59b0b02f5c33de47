"""A connection that remembers what it was asked, before it asks another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from despoolr_server.database.protocol import Connection, Values


class Watched(Connection):
    """Hands everything on; `texts` are the statements, in their order."""

    def __init__(self, asked: Connection) -> None:
        self._asked = asked
        self.texts: list[str] = []

    def change_each(self, text: str, rows: Sequence[Values]) -> None:
        self.texts.append(text.strip())
        self._asked.change_each(text, rows)

    def _found(self, text: str, values: Values) -> tuple[tuple[str, ...], Sequence[Any]]:
        self.texts.append(text.strip())
        return self._asked._found(text, values)

    def _changed(self, text: str, values: Values) -> int:
        self.texts.append(text.strip())
        return self._asked._changed(text, values)
