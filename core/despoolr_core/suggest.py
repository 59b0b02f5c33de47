"""What a mistyped word was meant to be: one answer for file keys, options, names and versions.

The law: a word is suggested only where it is near (`CUTOFF`), whatever the case; where none is,
those that there are get listed (`NAMED_MAX`), and nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from despoolr_core.rules.fold import fold

CUTOFF: Final = 0.6
"""The least likeness, of 0 to 1 as `difflib` counts it."""
NAMED_MAX: Final = 16
"""Words that are named where none is near."""


def nearest(word: str, words: Iterable[str], cutoff: float = CUTOFF) -> str | None:
    """The one of `words` that `word` was probably meant to be; None where none is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - nearly every word is known

    by_fold = {fold(one): one for one in words}
    near = get_close_matches(fold(word), by_fold, 1, cutoff)
    return by_fold[near[0]] if near else None


def hint(near: str | None, otherwise: str = "") -> str:
    """The end of a refusal: `; did you mean 'locks'?`, or where nothing is near, `otherwise`."""
    return otherwise if near is None else f"; did you mean {near!r}?"


def suggestion(word: str, words: Iterable[str], *, named_max: int = NAMED_MAX) -> str:
    """The end of a refusal: `; did you mean 'locks'?`, or the first `named_max` of all there are in
    the order given; empty where there are none.
    """
    known = list(words)
    near = nearest(word, known)
    if near is not None or not known:
        return hint(near)
    more = " ..." if len(known) > named_max else ""
    return f"; there are {', '.join(known[:named_max])}{more}"


def one_of(word: str, words: Iterable[str], what: str) -> None:
    """Raises `ValueError` for a word that is not in `words`, with the nearest of them."""
    known = [str(one) for one in words]
    if word not in known:
        raise ValueError(f"there is no {what} {word!r}{suggestion(word, known)}")
