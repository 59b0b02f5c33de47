"""Round trips and second opinions on generated MIFs.

render_verbatim(parse(x)) == x; parse(render(m)) means m; the short way agrees with the parser;
parse refuses exactly what check calls an error; a grammar written in another notation (lark)
accepts and refuses the same texts.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lark import Lark
from lark.exceptions import LarkError

from despoolr_core.formats.mif import fast
from despoolr_core.formats.mif.build import build_attribute, build_group, build_mif
from despoolr_core.formats.mif.codec import check, parse, read
from despoolr_core.formats.mif.language.findings import MifError, Mode, Severity
from despoolr_core.formats.mif.language.model import Attribute, Block, Mif, Special, Type, Value
from despoolr_core.formats.mif.parser import Parser
from despoolr_core.formats.mif.render import render, render_verbatim
from worlds.mif_samples import build_enum, build_table, plain
from worlds.support import THEIR_MIFS, data

STRINGS = st.text(st.characters(max_codepoint=255), max_size=30)
WIDE_STRINGS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = st.text(st.characters(max_codepoint=255), min_size=1, max_size=20)
INTEGERS = st.integers(-(2**31), 2**31 - 1)
KINDS = st.sampled_from(["INTEGER", "COUNTER64", "STRING", "OCTETSTRING", "DATE", "ENUM"])


@st.composite
def attributes(draw: st.DrawFn, number: int, strings: st.SearchStrategy[str]) -> Attribute:
    kind = draw(KINDS)
    value: Value
    if kind == "INTEGER":
        type_, value = Type(kind), draw(INTEGERS | st.sampled_from(list(Special)[:2]))
    elif kind == "COUNTER64":
        type_, value = Type(kind), draw(st.integers(0, 2**64 - 1))
    elif kind == "DATE":
        type_, value = (
            Type(kind),
            draw(st.sampled_from(["", "19950715110000.500000+000", "****0715110000.******-060"])),
        )
    elif kind == "ENUM":
        if draw(st.booleans()):
            type_ = Type(kind, name="E")
        else:
            type_ = Type(kind, enum=build_enum("inline", {1: draw(strings), -2: "two"}))
        value = draw(INTEGERS)
    else:
        value = text = draw(strings)
        type_ = Type(kind, 4 * len(text) + 1)
    return build_attribute(draw(NAMES), number, value, kind=type_, description=draw(strings))


@st.composite
def trees(draw: st.DrawFn, strings: st.SearchStrategy[str] = STRINGS) -> Mif:
    blocks: list[Block] = [build_enum("E", {0: "nought", 5: draw(strings)})]
    ids = draw(st.lists(st.integers(1, 2**32 - 1), min_size=1, max_size=3, unique=True))
    for number in ids:
        members = [draw(attributes(n, strings)) for n in range(1, draw(st.integers(1, 3)) + 1)]
        key = draw(st.sampled_from([(), (1,)]))
        blocks.append(build_group(draw(NAMES), number, f"a|b|{number}", members, key=key))
    if draw(st.booleans()):
        blocks.append(
            build_group(
                "T",
                None,
                "a|b|t",
                [build_attribute("k", 2, 0), build_attribute("v", 1, "", size=90)],
                key=(2,),
            )
        )
        rows = draw(
            st.lists(
                st.tuples(strings, INTEGERS), min_size=1, max_size=3, unique_by=lambda row: row[1]
            )
        )
        blocks.append(build_table("R", next(n for n in range(1, 9) if n not in ids), "a|b|t", rows))
    headers = draw(st.lists(st.sampled_from(["UniqueID<1>", ' a "remark" \\', "/"]), max_size=2))
    return build_mif(draw(NAMES), blocks, headers=headers)


@given(trees())
@settings(deadline=None, max_examples=150)
def test_a_built_tree_survives_the_writer_and_the_strict_reader(tree: Mif) -> None:
    data = render(tree)
    assert data.isascii()
    again = parse(data)
    assert plain(again) == plain(tree)
    assert render(again) == data and render_verbatim(again) == data


@given(trees(WIDE_STRINGS))
@settings(deadline=None, max_examples=60)
def test_unicode_trees_survive_too(tree: Mif) -> None:
    data = render(tree)
    again = read(data, Mode.STRICT)
    assert plain(again) == plain(tree) and render_verbatim(again) == data


# Texts made of the format's own pieces, in spellings no writer of ours would choose.

BLANKS = st.sampled_from(
    [" ", "\n", "\r\n", "\t", "  \n ", " // c\n", '//"\\\n', "\f ", "//\x80\n", "// \x01 c\n"]
)
PIECES = st.sampled_from(
    [
        "START",
        "END",
        "Start",
        "end",
        "COMPONENT",
        "GROUP",
        "ATTRIBUTE",
        "ENUM",
        "TABLE",
        "PATH",
        "PATHS",
        "NAME",
        "ID",
        "CLASS",
        "TYPE",
        "VALUE",
        "KEY",
        "ACCESS",
        "STORAGE",
        "DESCRIPTION",
        "PRAGMA",
        "LANGUAGE",
        "INT",
        "STRING(4)",
        "DATE",
        "COUNTER",
        "READ-ONLY",
        "SPECIFIC",
        "=",
        "=",
        "=",
        ",",
        "(",
        ")",
        "{",
        "}",
        "*",
        "-",
        "0",
        "1",
        "2",
        "08",
        "0x1F",
        "4294967296",
        '""',
        '"a"',
        '"1"',
        '"a|b|c"',
        '"\\x41B"',
        '"\\q"',
        '"\t"',
        '"',
        "/",
        ";",
        "\x1a",
        "\x85",
        "UNKNOWN",
        "FOO",
        "OS2",
        '{1,"a"}',
        "{,}",
        '1="a"',
    ]
)


@st.composite
def soup(draw: st.DrawFn) -> bytes:
    pieces = draw(st.lists(st.tuples(PIECES, BLANKS), max_size=30))
    return "".join(piece + blank for piece, blank in pieces).encode("latin-1")


SEED = [
    "LANGUAGE",
    "=",
    '"en|US|x"',
    "START",
    "COMPONENT",
    "NAME",
    "=",
    '"c"',
    "//",
    "one\n",
    "START",
    "ENUM",
    "NAME",
    "=",
    '"e"',
    "1",
    "=",
    '"a"',
    "END",
    "ENUM",
    "START",
    "PATH",
    "NAME",
    "=",
    '"p"',
    "OS2",
    "=",
    '"x"',
    "END",
    "PATH",
    "START",
    "GROUP",
    "NAME",
    "=",
    '"g"',
    "ID",
    "=",
    "1",
    "CLASS",
    "=",
    '"a|b|c"',
    "KEY",
    "=",
    "1",
    ",",
    "2",
    "START",
    "ATTRIBUTE",
    "NAME",
    "=",
    '"n"',
    "ID",
    "=",
    "1",
    "TYPE",
    "=",
    "STRING",
    "(",
    "4",
    ")",
    "VALUE",
    "=",
    '"v"',
    '"w"',
    "END",
    "ATTRIBUTE",
    "START",
    "ATTRIBUTE",
    "NAME",
    "=",
    '"m"',
    "ID",
    "=",
    "2",
    "ACCESS",
    "=",
    "READ-ONLY",
    "STORAGE",
    "=",
    "COMMON",
    "TYPE",
    "=",
    '"e"',
    "VALUE",
    "=",
    '"a"',
    "END",
    "ATTRIBUTE",
    "END",
    "GROUP",
    "START",
    "TABLE",
    "NAME",
    "=",
    '"t"',
    "ID",
    "=",
    "2",
    "CLASS",
    "=",
    '"a|b|c"',
    "{",
    '"x"',
    ",",
    "1",
    "}",
    "{",
    ",",
    "}",
    "END",
    "TABLE",
    "END",
    "COMPONENT",
]
PLAIN_SEED = [
    "START",
    "COMPONENT",
    "NAME",
    "=",
    '"c"',
    "START",
    "GROUP",
    "NAME",
    "=",
    '"g"',
    "ID",
    "=",
    "1",
    "CLASS",
    "=",
    '"DMTF|ComponentID|1.0"',
    "START",
    "ATTRIBUTE",
    "NAME",
    "=",
    '"n"',
    "ID",
    "=",
    "1",
    "TYPE",
    "=",
    "STRING(9)",
    "VALUE",
    "=",
    '"v"',
    "END",
    "ATTRIBUTE",
    "START",
    "ATTRIBUTE",
    "NAME",
    "=",
    '"m"',
    "ID",
    "=",
    "2",
    "TYPE",
    "=",
    "INT",
    "VALUE",
    "=",
    "0x1F",
    "END",
    "ATTRIBUTE",
    "END",
    "GROUP",
    "END",
    "COMPONENT",
]


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    words = list(draw(st.sampled_from([SEED, PLAIN_SEED, PLAIN_SEED])))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(words) - 1))
        change = draw(st.sampled_from(["drop", "swap", "put", "twice"]))
        if change == "drop" and len(words) > 1:
            del words[at]
        elif change == "swap":
            words[at] = draw(PIECES)
        elif change == "put":
            words.insert(at, draw(PIECES))
        else:
            words.insert(at, words[at])
    blanks = draw(st.lists(BLANKS, min_size=4, max_size=4))
    return "".join(word + blanks[n % 4] for n, word in enumerate(words)).encode("latin-1")


@pytest.mark.parametrize("mode", list(Mode))
@given(data=mutants() | soup())
@settings(deadline=None, max_examples=300)
def test_what_is_accepted_is_written_back_byte_for_byte_and_refusals_agree_with_check(
    mode: Mode, data: bytes
) -> None:
    found = check(data, mode)
    errors = [f for f in found if f.severity >= Severity.ERROR and not f.rule.startswith("kind-")]
    try:
        tree = parse(data, mode)
    except MifError as refusal:
        assert refusal.rule and refusal.source
        assert refusal.line >= 1 and refusal.line <= data.count(b"\n") + 1
        assert refusal.rule in {f.rule for f in found}
        assert errors
    else:
        assert errors == []
        assert render_verbatim(tree) == data
        assert plain(read(render(tree), Mode.STRICT)) == plain(tree)


@given(data=mutants() | soup())
@settings(deadline=None, max_examples=400)
def test_the_short_way_is_never_of_another_opinion(data: bytes) -> None:
    text = data.decode("latin-1")
    short = fast.read(text)
    if short is None:
        return
    parser = Parser(text, Mode.STRICT)
    assert parser.file() == short
    assert parser.findings == []


def ours_and_theirs(ours: list[str], theirs: list[str]) -> pytest.MarkDecorator:
    """A test of files of ours, and of others' where they are found."""
    files = [pytest.param(data("mif", name), id=name) for name in ours]
    files += [pytest.param(THEIR_MIFS / name, id=name, marks=pytest.mark.theirs) for name in theirs]
    return pytest.mark.parametrize("file", files)


@ours_and_theirs(
    ["status_success.mif", "status_two_numbers.mif", "noidmif_printer.mif"],
    [
        "kb-q166833__status.mif",
        "rendered__portswitch-success-two-ports.mif",
        "kb-q170440__network-noidmif.mif",
    ],
)
def test_the_short_way_is_taken_by_ordinary_files(file: Path) -> None:
    assert fast.read(file.read_bytes().decode("latin-1")) is not None


# A second opinion in another notation.

GRAMMAR = r"""
    file: language? component "\x1a"?
    language: "LANGUAGE"i "=" literal
    component: "START"i "COMPONENT"i (named | path | enum | group | table)* "END"i "COMPONENT"i
    ?named: statement
    path: "START"i ("PATH"i | "PATHS"i) statement* "END"i ("PATH"i | "PATHS"i)
    enum: "START"i _enum (statement | member)* "END"i _enum
    _enum: "ENUM"i | "ENUMERATION"i
    member: signed "=" literal
    group: "START"i "GROUP"i (statement | attribute)* "END"i "GROUP"i
    attribute: "START"i "ATTRIBUTE"i statement* "END"i "ATTRIBUTE"i
    table: "START"i "TABLE"i (statement | row)* "END"i "TABLE"i
    row: "{" value? ("," value?)* "}"
    statement: ("NAME"i | "DESCRIPTION"i | "CLASS"i | "PRAGMA"i | "LANGUAGE"i) "=" literal
             | "ID"i "=" INTEGER
             | "KEY"i "=" INTEGER ("," INTEGER)*
             | "TYPE"i "=" (type | literal | enum)
             | "ACCESS"i "=" ("READ-ONLY"i | "READ-WRITE"i | "WRITE-ONLY"i)
             | "STORAGE"i "=" ("COMMON"i | "SPECIFIC"i)
             | "VALUE"i "=" value
             | ("OS2"i | "DOS"i | "UNIX"i) "=" (literal | "DIRECT-INTERFACE"i)
    type: "INTEGER"i | "INT"i | "COUNTER"i | "GAUGE"i | "DATE"i
        | ("STRING"i | "DISPLAYSTRING"i | "OCTETSTRING"i) ["(" INTEGER ")"]
    value: literal | signed | "*" literal | "UNSUPPORTED"i | "UNKNOWN"i
    signed: "-"? INTEGER
    literal: LITERAL+
    LITERAL: /"([^"\\\x00-\x1f\x7f-\x9f]|\\([abfnrtv"'?\\]|x[0-9A-Fa-f]{1,2}|[0-3]?[0-7]{1,2}))*"/i
    INTEGER: /0x[0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*/i
    %ignore /([ \t\r\n\f\v]|\/\/[^\n\x1a]*)+/
"""
SECOND_OPINION = Lark(GRAMMAR, start="file", parser="lalr")


def grammar_accepts(text: str) -> bool:
    try:
        SECOND_OPINION.parse(text)
    except LarkError:
        return False
    return True


def we_read(data: bytes) -> bool:
    """Whether the grammar alone accepts: placement is a check of its own, as in the other
    grammar.
    """
    try:
        read(data, Mode.STRICT)
    except MifError:
        return False
    return True


@given(data=mutants())
@settings(deadline=None, max_examples=300)
def test_another_grammar_accepts_and_refuses_the_same_texts(data: bytes) -> None:
    assert we_read(data) == grammar_accepts(data.decode("latin-1"))


@ours_and_theirs(
    ["component_paths.mif", "component_table.mif", "idmif_vehicle.mif"],
    ["os2tk45__names.mif", "os2tk45__probe.mif", "techshelps__bores-s3d7f-employee-idmif.mif"],
)
def test_another_grammar_reads_whole_files(file: Path) -> None:
    assert grammar_accepts(file.read_bytes().decode("latin-1"))
