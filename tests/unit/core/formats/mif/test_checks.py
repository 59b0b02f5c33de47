"""Rules and severities (`mif.md` sections 3 to 5): each rule broken once, in all three modes, as
the table says.
"""

from __future__ import annotations

import pytest

from despoolr_core.formats.mif.codec import check, parse
from despoolr_core.formats.mif.language.findings import MifError, Mode, Severity
from despoolr_core.formats.mif.language.rules import RULES
from worlds.mif_samples import attribute, group, mif

ENUM = 'START ENUM NAME="e" 1="one" -2="two" END ENUM\n'
PATH = 'START PATH NAME="p" OS2="x" END PATH\n'
TEMPLATE = group(
    attribute("2", type_="INTEGER", value="20", name='"two"'),
    attribute("1", name='"one"'),
    head='CLASS="a|b|t" KEY=1',
)


def table(rows: str = '{"x",1}', number: str = "ID=2", class_name: str = '"a|b|t"') -> str:
    return f'START TABLE NAME="t" {number} CLASS={class_name} {rows} END TABLE\n'


def one(**changes: str | None) -> bytes:
    return mif(group(attribute(**changes)))  # type: ignore[arg-type]


def enum(body: str, head: str = 'NAME="e"') -> bytes:
    return mif(f"START ENUM {head} {body} END ENUM\n", group())


BROKEN: list[tuple[str, bytes]] = [
    ("misplaced", mif(f'START PATH NAME="p" DESCRIPTION="d" OS2="x" END PATH\n{group()}')),
    ("misplaced", mif('START ENUM NAME="e" ID=1 1="x" END ENUM\n', group())),
    ("misplaced", mif("ID=1\n", group())),
    ("misplaced", mif(group(head='ID=1 CLASS="a|b|c" VALUE=1'))),
    ("duplicate-statement", one(extra='DESCRIPTION="x" DESCRIPTION="y"')),
    ("duplicate-statement", one(extra="ACCESS=READ-ONLY ACCESS=READ-ONLY")),
    ("duplicate-statement", mif(group(head='ID=1 CLASS="a|b|c" KEY=1 KEY=1'))),
    ("duplicate-statement", mif('START PATH NAME="p" OS2="x" OS2="y" END PATH\n', group())),
    ("order", one().replace(b"ID=1  TYPE=STRING(8)", b"TYPE=STRING(8) ID=1")),
    ("order", one(value=None, extra='VALUE="x"')),
    ("name-missing", mif(group().replace('NAME="g"', ""))),
    ("name-missing", enum('1="x"', head="")),
    ("name-length", one(name='""')),
    ("name-length", one(name='"' + "n" * 257 + '"')),
    ("name-duplicate", mif(ENUM, ENUM, group())),
    ("name-duplicate", mif(PATH, PATH, group())),
    ("id-missing", mif(group(attribute().replace("ID=1", "")))),
    ("id-missing", mif(TEMPLATE, table(number=""))),
    ("id-zero", one(number="0")),
    ("id-range", one(number="4294967296")),
    ("id-duplicate", mif(group(attribute(), attribute()))),
    ("id-duplicate", mif(group(), group())),
    ("id-duplicate", mif(group(head='ID=2 CLASS="a|b|c"'), TEMPLATE, table())),
    ("component-empty", mif(ENUM)),
    ("component-id", mif(group(head='ID=1 CLASS="a|b|c"'))),
    ("group-empty", mif('START GROUP NAME="g" ID=1 CLASS="a|b|c" END GROUP\n')),
    ("group-kind", mif(group(head='CLASS="a|b|c"'))),
    ("class-missing", mif(group(head="ID=1"))),
    ("class-form", mif(group(head='ID=1 CLASS="abc"'))),
    ("class-template", mif(TEMPLATE, TEMPLATE)),
    (
        "class-definition",
        mif(group(head='ID=1 CLASS="a|b|c"'), group(attribute("2"), head='ID=2 CLASS="a|b|c"')),
    ),
    ("key-unknown", mif(group(head='ID=1 CLASS="a|b|c" KEY=2'))),
    ("key-duplicate", mif(group(head='ID=1 CLASS="a|b|c" KEY=1,1'))),
    ("template-unused", mif(TEMPLATE)),
    ("pragma-form", mif(group(head='ID=1 CLASS="a|b|c" PRAGMA="whatever"'))),
    ("path-empty", mif('START PATH NAME="p" END PATH\n', group())),
    ("type-missing", mif(group(attribute().replace("TYPE=STRING(8)", "")))),
    ("size-missing", one(type_="STRING", value=None)),
    ("size-missing", mif(PATH, group(attribute(type_="STRING", value='*"p"')))),
    ("overlong", one(value='"123456789"')),
    ("value-missing", one(value=None)),
    ("value-type", one(value="5")),
    ("value-type", one(type_="INTEGER", value='"5"')),
    ("value-type", one(type_="DATE", value="5")),
    ("value-range", one(type_="INTEGER", value="2147483648")),
    ("value-range", one(type_="COUNTER", value="-1")),
    ("value-range", one(type_="GAUGE", value="4294967296")),
    ("value-range", one(type_="INTEGER64", value="-9223372036854775809")),
    ("write-only-value", one(extra="ACCESS=WRITE-ONLY")),
    ("date-form", one(type_="DATE", value='"07/01/98 10:30:30"')),
    ("date-form", one(type_="DATE", value='"2001102412351*.000000-300"')),
    ("enum-empty", enum("")),
    ("enum-number", enum('1="a" 0x1="b"')),
    ("enum-number", enum('2147483648="a"')),
    ("enum-type", enum('TYPE=GAUGE 1="a"')),
    ("enum-inline-name", one(type_='START ENUM NAME="e" 1="a" END ENUM', value="1")),
    ("enum-member", mif(ENUM, group(attribute(type_='"e"', value='"One"')))),
    ("undefined-enum", mif(group(attribute(type_='"e"', value="1")), ENUM)),
    ("undefined-path", mif(group(attribute(value='*"p"')), PATH)),
    ("undefined-template", mif(table(), TEMPLATE)),
    ("undefined-template", mif(TEMPLATE, table(class_name='"A|B|T"'), group())),
    ("row-none", mif(TEMPLATE, table(""))),
    ("row-short", mif(TEMPLATE, table('{"x"}'))),
    ("row-long", mif(TEMPLATE, table('{"x",1,2}'))),
    ("row-default", mif(TEMPLATE.replace(" VALUE=20", ""), table('{"x",}'))),
    ("row-default", mif(TEMPLATE.replace(" VALUE=20", ""), table("{,}"))),
    ("row-key", mif(TEMPLATE, table('{"x",1} {"x",2}'))),
    ("row-key", mif(TEMPLATE, table('{,1} {"v",2}'))),
    ("row-mixed", mif(PATH, TEMPLATE, table('{"x",1} {"y",*"p"}'))),
    ("value-type", mif(TEMPLATE, table('{"x","1"}'))),
    ("overlong", mif(TEMPLATE, table('{"123456789",1}'))),
]


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("rule", "data"), BROKEN, ids=[f"{n}-{rule}" for n, (rule, _) in enumerate(BROKEN)]
)
def test_a_broken_rule_is_as_bad_as_the_table_says(rule: str, data: bytes, mode: Mode) -> None:
    expected = RULES[rule].severity(mode)
    if rule == "undefined-template" and b"A|B|T" in data and mode is Mode.SMS:
        expected = None  # SMS compares classes in upper case (BORES 7B)
    if b"VALUE=-1" in data and mode is Mode.SMS:
        expected = None  # every integer type is signed (BORES 7B)
    found = {f.rule: f.severity for f in check(data, mode)}
    assert found.get(rule) == expected
    if expected is not None and expected >= Severity.ERROR:
        with pytest.raises(MifError):
            parse(data, mode)


def test_every_rule_of_the_strict_profile_has_its_broken_file() -> None:
    lexical = {
        # shown in language/test_tokens.py and test_parser.py
        "encoding", "unicode", "undecodable", "illegal-character", "comment-octet",
        "after-end-of-file", "literal-unterminated", "literal-newline", "literal-octet",
        "literal-length", "escape", "octal", "unquoted", "syntax", "unknown-statement",
        "end-mismatch", "unclosed", "unclosed-component", "no-component", "trailing-text",
        "language-form",
    }  # fmt: skip
    assert {rule for rule, row in RULES.items() if row.strict is not None} == lexical | {
        rule for rule, _ in BROKEN
    }


def test_every_rule_has_a_source() -> None:
    assert all(row.source for row in RULES.values())


@pytest.mark.parametrize(
    "data",
    [
        mif(ENUM, group(attribute(type_='"e"', value='"two"'))),
        mif(ENUM, group(attribute(type_='"e"', value="77"))),
        mif(group(attribute(), attribute("2"))),
        mif(TEMPLATE, table(), table(number="ID=3")),
        mif(group(attribute(type_="STRING"))),
        mif(group(attribute(value="UNSUPPORTED", extra="ACCESS=WRITE-ONLY"))),
        mif(group(attribute(type_="DATE", value='""'))),
        mif(group(attribute(type_="DATE", value='"****1024123515.000000-***"'))),
        mif(group(attribute(extra='PRAGMA="SNMP:1.2" PRAGMA="A:b,C:d"'))),
        mif('PRAGMA="SNMP:1.2"\n', group()),
        mif(ENUM.replace('"two"', '"one"'), group(attribute(type_='"e"', value='"one"'))),
        mif(group(attribute(name='"' + "n" * 256 + '"'))),
    ],
)
def test_what_the_strict_rules_allow(data: bytes) -> None:
    assert [f for f in check(data) if f.severity >= Severity.ERROR] == []


def test_findings_stand_in_the_order_of_the_file() -> None:
    data = mif(group(attribute("0"), attribute("2", value="5"), attribute("2")))
    found = [(f.line, f.rule) for f in check(data)]
    assert found == [(3, "id-zero"), (4, "value-type"), (5, "id-duplicate")]
