"""The rule for names and lines (`despoolr_core.rules.text`) as the type of a field in a body that is read from outside.

The law: a body with such a field is refused as it is decoded, with the path of the field, before anybody sees it.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from despoolr_core.rules.text import FIT, LINE_SIZE_MAX, NAME_SIZE_MAX, why_unfit

NameText = Annotated[str, Meta(max_length=NAME_SIZE_MAX, pattern=FIT)]
LineText = Annotated[str, Meta(max_length=LINE_SIZE_MAX, pattern=FIT)]


def why_unfit_fields(body: Struct, size_max: int = LINE_SIZE_MAX) -> str:
    """Why a struct has a text that is no line, in a field or deeper: the field and a clause; `""` for one that has none."""
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
