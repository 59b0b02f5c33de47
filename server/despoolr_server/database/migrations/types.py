"""The column types that migrations write down. They never change: a migration says for ever what it
said.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, String, Text
from sqlalchemy.types import TypeEngine


def words(size: int) -> TypeEngine[str]:
    """Text; SQLite shows the size the field's table had and enforces none, PostgreSQL gets no
    size.
    """
    return String(size).with_variant(Text(), "postgresql")


def number() -> TypeEngine[int]:
    """A whole number of up to 64 bits in either database."""
    return Integer().with_variant(BigInteger(), "postgresql")
