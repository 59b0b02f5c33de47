"""The writer and the builder."""

from __future__ import annotations

import msgspec
import pytest

from despoolr_core.formats.mif.build import DATE, build_attribute, build_group, build_mif
from despoolr_core.formats.mif.codec import check, parse
from despoolr_core.formats.mif.language.findings import MifError, Mode, Severity
from despoolr_core.formats.mif.language.model import Encoding, PathReference, Special, Type
from despoolr_core.formats.mif.render import render, render_verbatim
from worlds.mif_samples import attribute, build_enum, build_table, group, mif, plain


def built() -> bytes:
    template = build_group(
        "T",
        None,
        "a|b|t",
        [
            build_attribute("key", 1, 0),
            build_attribute("text", 2, "", size=9),
            build_attribute("how", 3, 1, kind=Type("ENUM", name="E")),
        ],
        key=(1,),
        description="a template",
    )
    identity = build_group(
        "ComponentID",
        1,
        "DMTF|ComponentID|1.0",
        [
            build_attribute("Manufacturer", 1, 'a "quoted" \\ text', size=64),
            build_attribute("Installation", 5, "19950715110000.500000+000", kind=DATE),
            build_attribute("None", 7, Special.UNKNOWN, size=3),
        ],
    )
    table = build_table("Rows", 2, "a|b|t", [(1, "x", 1), (2, None, "two"), (-3, "", None)])
    return render(
        build_mif(
            "C",
            [build_enum("E", {1: "one", 2: "two"}), template, table, identity],
            headers=["UniqueID<7>"],
        )
    )


def test_a_built_mif_is_accepted_by_the_strict_rules_and_written_in_style() -> None:
    data = built()
    assert [f for f in check(data) if f.severity >= Severity.WARNING] == []
    assert data.isascii() and data.count(b"\n") == data.count(b"\r\n")
    assert data.startswith(b'//UniqueID<7>\r\nSTART COMPONENT\r\n  NAME = "C"\r\n  START ENUM\r\n')
    assert (
        b"  START TABLE\r\n" in data
        and b'    {2, , "two"}\r\n' in data
        and b"    KEY = 1\r\n" in data
    )
    assert b'VALUE = "a \\"quoted\\" \\\\ text"\r\n' in data
    tree = parse(data)
    assert tree.delta_headers == {"UniqueID": ("7",)}
    assert render(tree) == data and render_verbatim(tree) == data


def test_values_are_found_by_class_name_and_id() -> None:
    component = parse(built()).component
    identity = component.group("dmtf|componentid|1.0")
    assert (
        identity is not None
        and identity is component.group("ComponentID")
        and identity is component.group(1)
    )
    assert identity.value("Manufacturer") == identity.value(1) == 'a "quoted" \\ text'
    assert (
        identity.value("None") is None
        and identity.value("no such") is None
        and component.group("nothing") is None
    )
    assert component.table_rows(component.tables[0])[1] == {"key": 2, "text": "", "how": "two"}


def test_long_strings_become_adjacent_literals() -> None:
    text = "".join(chr(33 + n % 90) for n in range(1_700)) + '\\"é'
    data = render(build_mif("C", [build_group("g", 1, "a|b|c", [build_attribute("x", 1, text)])]))
    assert (
        max(len(line) for line in data.splitlines()) < 2_100 and data.count(b'\r\n        "') == 3
    )
    assert parse(data).component.groups[0].value("x") == text


def test_a_hex_escape_before_a_hex_digit_is_padded() -> None:
    data = render(
        build_mif("C", [build_group("g", 1, "a|b|c", [build_attribute("x", 1, "\x01B\xe9F\0")])])
    )
    assert rb'"\x01B\xe9F\x00"' in data
    assert parse(data).component.groups[0].value("x") == "\x01B\xe9F\0"


def test_a_character_beyond_iso_8859_1_makes_a_unicode_file() -> None:
    group_ = build_group("g", 1, "a|b|c", [build_attribute("x", 1, "\u20ac\U0001f600", size=9)])
    data = render(build_mif("C", [group_]))
    tree = parse(data)
    assert data[:2] == b"\xfe\xff" and tree.encoding is Encoding.UTF_16_BE
    assert tree.component.groups[0].value("x") == "\u20ac\U0001f600"
    narrow = parse(mif())
    grown = msgspec.structs.replace(
        narrow,
        component=msgspec.structs.replace(
            narrow.component, items=(*narrow.component.items, group_)
        ),
    )
    with pytest.raises(MifError, match="8859-1"):
        render_verbatim(grown)


def test_a_node_put_into_a_read_file_leaves_the_rest_untouched() -> None:
    data = mif(before="// mine\n") + b"\x1a"
    tree = parse(data)
    added = build_group("h", 2, "a|b|d", [build_attribute("x", 1, PathReference("p"), size=3)])
    grown = render_verbatim(
        msgspec.structs.replace(
            tree,
            component=msgspec.structs.replace(tree.component, items=(*tree.component.items, added)),
        )
    )
    head, _, tail = grown.partition(b'\r\n  START GROUP\r\n    NAME = "h"\r\n')
    assert data.startswith(head) and head.endswith(b"END GROUP")
    assert tail.endswith(b"  END GROUP\nEND COMPONENT\n\x1a")


def test_the_writer_keeps_every_comment_before_its_statement() -> None:
    data = mif(group(attribute(extra="// in the middle\n")), before="// top\n", after=" // end")
    again = render(parse(data))
    assert [c.text for c in parse(again).comments] == [" top", " in the middle", " end"]
    lines = again.splitlines()
    assert lines[lines.index(b"      // in the middle") + 1].startswith(b"      TYPE")


def test_inline_enumerations_and_skipped_junk() -> None:
    data = mif(
        group(attribute(type_='START ENUM // why\n 0x01="a" END ENUM', value='"a" junk junk\n'))
    )
    tree = parse(data, Mode.LENIENT)
    again = render(tree)
    assert plain(parse(again)) == plain(tree)
    assert again.count(b"// why") == 1 and b"junk" not in again and b'        1 = "a"\r\n' in again
