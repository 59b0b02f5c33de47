"""What is worked out once and remembered: within a bound of bytes, whoever sends what.

The law: whatever is kept under a text from outside has two bounds, how many and how large, so that
their product is a number of bytes. A text that is too large to be kept is worked out each time, or
refused before it comes here. A house test knows every memory of the product, and its bound.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import lru_cache, wraps
from typing import Any, Generic, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")
_V = TypeVar("_V")


def size_of(value: object) -> int:
    """Characters or bytes of a text, of all texts in a tuple; anything else has a size of its own
    kind, which counts as none.
    """
    if isinstance(value, str | bytes):
        return len(value)
    return sum(map(size_of, value)) if isinstance(value, tuple) else 0


def text_size(text: str) -> int:
    """Bytes of memory that the characters of a text take, at most."""
    return len(text) if text.isascii() else 4 * len(text)


def remembered(
    count_max: int, size_max: int, size: Callable[[Any], int] = size_of
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Let a function of hashable values remember its last `count_max` results, of arguments of
    `size_max` characters at most.

    `size` `len` is for functions that take nothing but texts, by their places; it costs the least.
    What it keeps is below `count_max * size_max * 4` bytes (a character has four at worst), and as
    much again for what it returns.
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        again: Any = lru_cache(maxsize=count_max)(function)

        @wraps(function)
        def bounded(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            result: _R = (
                again(*args, **kwargs)
                if sum(map(size, args)) <= size_max
                else function(*args, **kwargs)
            )
            return result

        @wraps(function)
        def bounded_by_texts(*texts: Any) -> _R:
            result: _R = again(*texts) if sum(map(len, texts)) <= size_max else function(*texts)  # type: ignore[call-arg]
            return result

        @wraps(function)
        def bounded_by_one(text: Any) -> _R:
            result: _R = again(text) if len(text) <= size_max else function(text)  # type: ignore[call-arg]
            return result

        chosen: Any = bounded
        if size is len:
            chosen = bounded_by_one if function.__code__.co_argcount == 1 else bounded_by_texts
        chosen.cache_info, chosen.bounds = again.cache_info, (count_max, size_max)
        return chosen  # type: ignore[no-any-return]

    return decorate


class Bounded(Generic[_V]):
    """A table under texts from outside; what came first leaves first once it holds `count_max`, or
    `size_max` characters.
    """

    __slots__ = ("_size", "_table", "count_max", "get", "size_max")

    def __init__(self, count_max: int, size_max: int) -> None:
        self.count_max = count_max
        self.size_max = size_max
        self._size = 0
        self._table: OrderedDict[Hashable, _V] = OrderedDict()
        self.get = self._table.get

    def __len__(self) -> int:
        return len(self._table)

    @property
    def size(self) -> int:
        """Characters of all the keys."""
        return self._size

    def keep(self, key: str | bytes | tuple[str, ...] | None, value: _V) -> None:
        """Remember a value, unless its key alone is more than this may hold."""
        size = size_of(key)
        if size > self.size_max:
            return
        if key in self._table:
            self._table[key] = value
            return
        while self._table and (
            len(self._table) >= self.count_max or self._size + size > self.size_max
        ):
            oldest, _ = self._table.popitem(last=False)
            self._size -= size_of(oldest)
        self._table[key] = value
        self._size += size
