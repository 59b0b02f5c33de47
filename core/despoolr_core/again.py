"""What can be gone through again and again and is kept nowhere: each time, it is made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Again(Generic[T]):
    """The values that a function gives; true where there is one."""

    def __init__(self, each: Callable[[], Iterable[T]]) -> None:
        self._each = each

    def __iter__(self) -> Iterator[T]:
        return iter(self._each())

    def __bool__(self) -> bool:
        return any(True for _ in self)
