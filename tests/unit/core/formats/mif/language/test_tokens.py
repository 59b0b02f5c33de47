"""Lexical rules (`mif.md` section 1) and the lexical traps of its section 12."""

from __future__ import annotations

import pytest

from despoolr_core.formats.mif.codec import check, parse
from despoolr_core.formats.mif.language.findings import MifError, Mode
from despoolr_core.formats.mif.language.model import Encoding
from despoolr_core.formats.mif.language.tokens import (
    byte_count,
    has_escaped_quote,
    parse_integer,
    quote,
)
from despoolr_core.formats.mif.render import render_verbatim
from worlds.mif_samples import attribute, group, mif, with_value


def value_of(data: bytes, mode: Mode = Mode.STRICT) -> str | int | None:
    return parse(data, mode).component.groups[0].attributes[0].value


def refusal(data: bytes, mode: Mode = Mode.STRICT) -> MifError:
    with pytest.raises(MifError) as caught:
        parse(data, mode)
    return caught.value


@pytest.mark.parametrize(
    ("literal", "meaning"),
    [
        ('"a" // x\n "b"', "ab"),
        ('"a"\n\n\t"b""c"', "abc"),
        (r'"\x41B"', "AB"),
        (r'"\x4G"', "\x04G"),
        (r'"\101\060\0"', "A0\0"),
        (r'"\0"', "\0"),
        (r'"\a\b\f\n\r\t\v\\\"\'\?"', "\a\b\f\n\r\t\v\\\"'?"),
        (r'"\N\T\X41"', "\n\tA"),
        ('"a|b <c> // no comment"', "a|b <c> // no comment"),
        ('"\xe9\xa0"', "\xe9\xa0"),
        ('""', ""),
    ],
)
def test_a_literal_means(literal: str, meaning: str) -> None:
    data = with_value(literal)
    assert value_of(data) == meaning
    assert render_verbatim(parse(data)) == data


@pytest.mark.parametrize(
    ("literal", "rule"),
    [
        (r'"\q"', "escape"),
        (r'"\777"', "escape"),
        (r'"\xg"', "escape"),
        ('"\t"', "literal-octet"),
        ('"\x00"', "literal-octet"),
        ('"\x1a"', "literal-octet"),
        ('"\x85"', "literal-octet"),
        ('"\x7f"', "literal-octet"),
        ('"a\nb"', "literal-newline"),
        ('"a\r\nb"', "literal-newline"),
    ],
)
def test_a_literal_is_refused_but_read_leniently_and_reported(literal: str, rule: str) -> None:
    data = with_value(literal)
    assert refusal(data).rule == rule
    lenient = parse(data, Mode.LENIENT)
    assert rule in [f.rule for f in lenient.findings]
    assert render_verbatim(lenient) == data


def test_octal_without_leading_zero_is_noted() -> None:
    assert [f.rule for f in parse(with_value(r'"\101"')).findings] == ["octal"]


@pytest.mark.parametrize("literal", ['"abc', r'"\"', '"a\\'])
def test_end_of_file_inside_a_literal_is_fatal_at_its_quote(literal: str) -> None:
    data = f"START COMPONENT\nNAME={literal}".encode()
    for mode in Mode:
        error = refusal(data, mode)
        assert (error.rule, error.line, error.column) == ("literal-unterminated", 2, 6)


def test_a_literal_over_508_bytes_is_a_warning() -> None:
    assert parse(with_value('"' + "a" * 508 + '"')).findings == ()
    assert [
        f.rule for f in parse(with_value('"' + "a" * 300 + '" "' + "b" * 209 + '"')).findings
    ] == ["literal-length"]


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("10", 10), ("010", 8), ("0x1F", 31), ("0X1f", 31), ("-017", -15)],
)
def test_integers_are_decimal_octal_or_hexadecimal(text: str, number: int) -> None:
    assert parse_integer(text) == number
    assert value_of(with_value(text, "INTEGER")) == number


@pytest.mark.parametrize("number", ["08", "0x", "+1", "1.5", "--1"])
def test_a_number_ends_where_its_radix_ends(number: str) -> None:
    data = with_value(number, "INTEGER")
    assert refusal(data).line == 3


@pytest.mark.parametrize("number", ["-1", "0", "4294967296", "08", "0x"])
def test_an_id_is_an_unsigned_32_bit_number_but_zero(number: str) -> None:
    assert refusal(mif(group(attribute(number)))).line == 3


def test_the_greatest_id_is_accepted() -> None:
    assert parse(mif(group(attribute("4294967295")))).component.groups[0].attribute(4294967295)


def test_keywords_ignore_case_and_literals_do_not() -> None:
    data = (
        b'sTART cOMPONENT nAME="c" start enum name="E" 1="x" end ENUM '
        + group(attribute(type_='"E"', value='"x"')).lower().replace('"e"', '"E"').encode()
        + b"end component"
    )
    assert value_of(data) == "x"
    assert refusal(data.replace(b'type="E"', b'type="e"')).rule == "undefined-enum"


@pytest.mark.parametrize(
    "data",
    [
        mif(before=" \t\r\n\f\v"),
        mif(after="\x1a"),
        mif(after=" \n\x1a"),
        mif()[:-1],
        mif().replace(b"\n", b"\r\n"),
        mif().replace(b"=", b" \n=// c\n "),
        mif().replace(b"START ", b"START\n//between\n"),
        mif(before='// "quotes" and \\ backslashes / in a comment\n'),
    ],
)
def test_white_space_and_comments_only_separate(data: bytes) -> None:
    assert render_verbatim(parse(data)) == data


@pytest.mark.parametrize("stray", ["/", ";", "#", "'", "\x00", "\x80"])
def test_an_illegal_character_is_refused_at_its_place(stray: str) -> None:
    for mode in Mode:
        error = refusal(mif(before=f"\n  {stray}\n"), mode)
        assert (error.rule, error.line, error.column) == ("illegal-character", 2, 3)


def test_a_bad_byte_in_a_comment_is_only_a_warning() -> None:
    assert [
        (f.rule, f.severity.name, f.line, f.column) for f in parse(mif(before="// \x07\n")).findings
    ] == [("comment-octet", "WARNING", 1, 4)]


# 0x1A


def test_0x1a_ends_the_file_in_a_comment_too() -> None:
    data = mif() + b'// done \x1a junk { " of any kind'
    tree = parse(data)
    assert render_verbatim(tree) == data and tree.comments[-1].text == " done "
    assert [f.rule for f in tree.findings] == ["after-end-of-file"]


def test_0x1a_in_the_middle_of_a_block_is_an_early_end() -> None:
    data = mif().replace(b"END GROUP", b"\x1aEND GROUP")
    error = refusal(data)
    assert (error.rule, error.line) == ("unclosed", 4)
    assert refusal(data, Mode.LENIENT).rule == "unclosed"


# encodings


def test_big_endian_unicode_is_read_and_written_back() -> None:
    text = (
        mif(group(attribute(value='"\x80\\x20ac"')))
        .decode("latin-1")
        .replace('"c"', '"\x80"')
        .replace("\x80", "\u20ac")
    )
    data = b"\xfe\xff" + text.encode("utf-16-be")
    tree = parse(data)
    assert tree.encoding is Encoding.UTF_16_BE and tree.component.name == "\u20ac"
    assert value_of(data) == "\u20ac\u20ac" and render_verbatim(tree) == data
    assert refusal(data, Mode.SMS).rule == "unicode"


def test_a_unicode_character_fills_two_bytes_of_a_string() -> None:
    text = mif(group(attribute(type_="STRING(3)", value='"ab"'))).decode()
    assert refusal(b"\xfe\xff" + text.encode("utf-16-be")).rule == "overlong"
    assert byte_count("a\U0001f600", wide=True) == 6


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"\xff\xfe" + mif().decode().encode("utf-16-le"), Encoding.UTF_16_LE),
        (b"\xef\xbb\xbf" + mif(before="// \u00e9\n").decode("latin-1").encode(), Encoding.UTF_8),
    ],
)
def test_other_byte_order_marks_have_no_legal_meaning(data: bytes, encoding: Encoding) -> None:
    for mode in (Mode.STRICT, Mode.SMS):
        error = refusal(data, mode)
        assert (error.rule, error.line, error.column) == ("encoding", 1, 1)
    tree = parse(data, Mode.LENIENT)
    assert tree.encoding is encoding and render_verbatim(tree) == data
    assert [f.rule for f in tree.findings] == ["encoding"]


@pytest.mark.parametrize("data", [b"\xfe\xff\x00", b"\xff\xfeA", b"\xef\xbb\xbf\xff"])
def test_bytes_that_are_no_characters_are_fatal(data: bytes) -> None:
    for mode in Mode:
        assert refusal(data, mode).rule == "undecodable"
        assert [f.rule for f in check(data, mode)] == ["undecodable"]


def test_quote_writes_ascii_with_padded_escapes() -> None:
    assert quote('a"\\\n\x01\xe9F') == r'"a\"\\\n\x01\xe9F"'
    assert quote("\u20acF\x01", wide=True) == r'"\x20acF\x0001"'


@pytest.mark.parametrize(
    ("text", "has"),
    [
        (r'"a \"b\""', True),
        (r'"\\\""', True),
        (r'"" "\""', True),
        (r'"C:\\"', False),
        (r'"C:\\\\" "x"', False),
        ('"a" // \\" "b"\n "c"', False),
        (r'"\x22\042"', False),
        ('"a"\x1a"\\""', False),
    ],
)
def test_an_escaped_quote_is_one_that_stands_in_a_literal(text: str, has: bool) -> None:
    assert has_escaped_quote(with_value(text)) is has
