"""Several things at one time, and none forgotten: what a service does for many files of a box at
once.

The law: all end before this returns, whatever becomes of one; then the first failure is raised.
Their order of starting is the order they are given in, so that a simulation repeats itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def gather_all(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results, in order. Raises the first failure once all have ended."""
    results = await asyncio.gather(*work, return_exceptions=True)
    done: list[T] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        done.append(result)
    return done
