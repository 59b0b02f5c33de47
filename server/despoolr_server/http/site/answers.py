"""What a service of the site found, as the struct that describes the answer
(`despoolr_core.share.site_api`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from despoolr_server.loop.pace import batches, breathe

T = TypeVar("T")


def shaped(answer: Any, kind: type[T]) -> T:
    """An answer as the struct that describes it. Raises `msgspec.ValidationError`, a bug, where it
    does not fit.
    """
    return msgspec.convert(answer, kind, from_attributes=True)


async def shaped_rows(rows: Iterable[Any], kind: type[T]) -> list[T]:
    """The same of the rows of a long list, in batches."""
    found: list[T] = []
    for batch in batches(rows):
        found += [shaped(row, kind) for row in batch]
        await breathe(len(batch))
    return found
