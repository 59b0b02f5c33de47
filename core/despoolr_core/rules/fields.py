"""The rule for names and lines (`despoolr_core.rules.text`) as the type of a field in a body that
is read from outside.

The law: a body with such a field is refused as it is decoded (`decode`), with the path of the
field, before anybody sees it. The pattern stands in the schema and is not left to the decoder,
which calls a regular expression for each field: 9.3 us for the body of an open in the place of 0.6.
A body in plain ASCII without an escape can hold nothing that is unfit, and only others are looked
at field by field.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

from despoolr_core.rules.text import FIT, LINE_SIZE_MAX, NAME_SIZE_MAX, why_unfit

T = TypeVar("T")

_NAME = Meta(max_length=NAME_SIZE_MAX, extra_json_schema={"pattern": FIT})
_LINE = Meta(max_length=LINE_SIZE_MAX, extra_json_schema={"pattern": FIT})
NameText = Annotated[str, _NAME]
LineText = Annotated[str, _LINE]


def decode(body: bytes, kind: type[T]) -> T:
    """JSON as a `kind`. Raises what `msgspec.json.decode` raises, `ValidationError` for a text that
    is unfit as well.
    """
    return _fit(body, msgspec.json.decode(body, type=kind))


def decoder_of(kind: type[T]) -> Callable[[bytes], T]:
    """`decode` for one kind, whose decoder is made once."""
    read = msgspec.json.Decoder(kind).decode
    return lambda body: _fit(body, read(body))


def _fit(body: bytes, value: T) -> T:
    if (not body.isascii() or b"\\" in body or b"\x7f" in body) and (
        reason := _why_unfit(value, "$")
    ):
        raise msgspec.ValidationError(reason)
    return value


def why_unfit_fields(body: Struct, size_max: int = LINE_SIZE_MAX) -> str:
    """Why a struct has a text that is no line, in a field or deeper: the field and a clause; `""`
    for one that has none.
    """
    for field in body.__struct_fields__:
        value = getattr(body, field)
        for one in value if isinstance(value, tuple | list) else (value,):
            if isinstance(one, Struct):
                reason = why_unfit_fields(one, size_max)
                if reason:
                    return f"{field}: {reason}"
            elif isinstance(one, str) and (reason := why_unfit(one, size_max)):
                return f"{field} {reason}"
    return ""


def _why_unfit(value: object, where: str) -> str:
    """Why a `NameText` or `LineText` in a body or deeper is unfit: a clause with the path of the
    field.
    """
    if isinstance(value, list | tuple):
        found = (_why_unfit(one, f"{where}[{number}]") for number, one in enumerate(value))
        return next(filter(None, found), "")
    if not isinstance(value, Struct):
        return ""
    texts = _texts_of(type(value))
    for field in value.__struct_fields__:
        one = getattr(value, field)
        if isinstance(one, str):
            reason = why_unfit(one, LINE_SIZE_MAX) if field in texts else ""
            if reason:
                return f"The text {reason} - at `{where}.{field}`"
        elif reason := _why_unfit(one, f"{where}.{field}"):
            return reason
    return ""


@cache
def _texts_of(kind: type[Struct]) -> frozenset[str]:
    """The fields of a struct that are a `NameText` or a `LineText`, or may be."""
    hints = get_type_hints(kind, include_extras=True)
    return frozenset(name for name, hint in hints.items() if _is_text(hint))


def _is_text(hint: object) -> bool:
    if getattr(hint, "__metadata__", None) in ((_NAME,), (_LINE,)):
        return True
    return any(map(_is_text, get_args(hint)))
