"""Facts of records for tests that are about a few of their fields."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

from despoolr_core.records.kinds.fact import Fact

F = TypeVar("F", bound=Fact)

_EMPTY: Final[dict[str, Any]] = {
    "str": "",
    "int": 0,
    "float": 0.0,
    "bool": False,
    "str | None": None,
    "tuple[str, ...]": (),
    "tuple[Blocker, ...]": (),
    "dict[str, Any]": {},
    "Any": None,
}


def sample(kind: type[F], **facts: Any) -> F:
    """A fact of a kind; what is not given is empty."""
    empty = {
        field.name: _EMPTY[kind.__annotations__[field.name]]
        for field in msgspec.structs.fields(kind)
        if field.required
    }
    return kind(**(empty | facts))
