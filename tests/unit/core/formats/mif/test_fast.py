"""The short way: what it takes, what it leaves to the parser. (That they agree:
tests/property/test_mif_round_trip.py.)
"""

from __future__ import annotations

import pytest

from despoolr_core.formats.mif import fast
from worlds.mif_samples import attribute, group, mif


@pytest.mark.parametrize(
    "data",
    [
        mif(),
        mif(after="\x1a"),
        mif(before="// a comment\n"),
        mif(group(attribute(value=r'"C:\\TEMP\\\"x\""', type_="STRING(20)"))),
        mif(group(attribute(type_="DATE", value='""'), head='ID=1 CLASS="a|b|c" KEY=1 , 2')),
        mif(group(attribute(value="UNKNOWN", extra="ACCESS=READ-ONLY STORAGE=COMMON"))),
    ],
)
def test_plain_files_are_taken(data: bytes) -> None:
    assert fast.read(data.decode("latin-1")) is not None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        mif(before='LANGUAGE="en|US|x"\n'),
        mif(group(attribute(value='"a" "b"'))),
        mif(group(attribute(value='"' + "a" * 600 + '"', type_="STRING(600)"))),
        mif(group(attribute(value='"\t"'))),
        mif(group(attribute(value=r'"\q"'))),
        mif(group(attribute(value=r'"\101"'))),
        mif(group(attribute(value="-1", type_="INTEGER"))),
        mif('START ENUM NAME="e" 1="x" END ENUM\n', group()),
        mif(attribute()),
        mif(group(group())),
        mif(after=" x"),
        mif() + mif(),
        mif()[:-16],
        mif(before="//\x80\n"),
        mif(after="//\x80"),
        mif().replace(b"END COMPONENT", b"//\x80\nEND COMPONENT"),
        mif(after="\x1a x"),
        mif().replace(b"END GROUP", b"END ATTRIBUTE"),
        mif(group(attribute(type_="INTEGER(4)", value="1"))),
        mif(group(attribute("1,2"))),
    ],
)
def test_all_else_is_the_parsers_business(data: bytes) -> None:
    assert fast.read(data.decode("latin-1")) is None


def test_equal_statements_share_one_node() -> None:
    text = mif(group(attribute(name='"n"'), attribute(name='"n"'))).decode()
    tree = fast.read(text)
    assert tree is not None
    first, second = tree.component.groups[0].attributes
    assert first.items[0] is second.items[0]
