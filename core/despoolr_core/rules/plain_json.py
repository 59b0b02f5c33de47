"""JSON of a file that anybody may have written: whatever is none is one kind of error.

The law: too deep, and text that is not UTF-8, are no JSON like any other. msgspec has errors of
their own for these two, of which nobody thinks who reads a file.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

T = TypeVar("T")


def read_json(data: bytes, kind: type[T]) -> T:
    """JSON as a `kind` (`object`: as it comes). Raises `msgspec.DecodeError`."""
    try:
        return msgspec.json.decode(data, type=kind)
    except RecursionError:
        raise msgspec.DecodeError("it is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(str(error)) from None
