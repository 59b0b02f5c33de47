"""MIFs made by programs: nodes with meaning and no text, which the writer spells.

mif = build_mif("WORKSTATION", [build_group("InstallStatus", 1, "MICROSOFT|JOBSTATUS|1.0", [
    build_attribute("Status", 1, "Success", size=32)])])
render(mif)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from despoolr_core.formats.mif.language.model import (
    Attribute,
    Block,
    Component,
    Encoding,
    Group,
    Item,
    Mif,
    Statement,
    Type,
    Value,
)

DATE: Type = Type("DATE")
INTEGER: Type = Type("INTEGER")


def build_attribute(
    name: str,
    number: int,
    value: Value | None = None,
    *,
    kind: Type | None = None,
    size: int | None = None,
    description: str = "",
) -> Attribute:
    """One attribute. Without `kind` a number is an INTEGER and a literal a STRING of `size` bytes,
    or as many as it has.
    """
    if kind is None:
        kind = (
            INTEGER
            if isinstance(value, int)
            else Type("STRING", max(size or 0, len(value) if isinstance(value, str) else 0, 1))
        )
    items = [Statement("NAME", name), Statement("ID", number)]
    if description:
        items.append(Statement("DESCRIPTION", description))
    items += [
        Statement("ACCESS", "READ-ONLY"),
        Statement("STORAGE", "SPECIFIC"),
        Statement("TYPE", kind),
    ]
    if value is not None:
        items.append(Statement("VALUE", value))
    return Attribute(tuple(items))


def in_8_bits(text: str) -> str:
    """The text as programs of SMS's time write it: `?` for each character beyond ISO 8859-1, since
    SMS refuses a Unicode file.
    """
    return text if text.isascii() else text.encode("latin-1", "replace").decode("latin-1")


def build_group(
    name: str,
    number: int | None,
    class_name: str,
    attributes: Iterable[Attribute],
    *,
    key: Sequence[int] = (),
    description: str = "",
) -> Group:
    """One group; `number` None makes it a template, which needs a key."""
    items: list[Item] = [Statement("NAME", name)]
    if number is not None:
        items.append(Statement("ID", number))
    items.append(Statement("CLASS", class_name))
    if description:
        items.append(Statement("DESCRIPTION", description))
    if key:
        items.append(Statement("KEY", tuple(key)))
    return Group((*items, *attributes))


def build_mif(name: str, blocks: Iterable[Block], *, headers: Iterable[str] = ()) -> Mif:
    """A whole file. `headers` are comments at its top, without the strokes: `UniqueID<...>`.

    A string with characters beyond ISO 8859-1 makes it a Unicode file when it is written, which SMS
    refuses.
    """
    lead = "".join(f"//{line}\r\n" for line in headers)
    return Mif(Component((Statement("NAME", name), *blocks), lead), encoding=Encoding.LATIN_1)
