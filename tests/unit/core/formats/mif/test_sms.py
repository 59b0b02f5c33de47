"""What SMS makes of a MIF (`mif.md` sections 7 to 9)."""

from __future__ import annotations

import pytest

from despoolr_core.formats.mif.codec import check, parse, read
from despoolr_core.formats.mif.language.findings import MifError, Mode, Severity
from despoolr_core.formats.mif.language.rules import RULES
from despoolr_core.formats.mif.sms import STATUS_MIF_SIZE_MAX, MifKind, kind_of, stored_value
from worlds.mif_samples import attribute, group, mif, would_sms_take

IDENTIFICATION = group(attribute(name='"Name"'), head='ID=2 CLASS="MICROSOFT|IDENTIFICATION|1.0"')


def architecture(name: str = "Thing", number: int = 3) -> str:
    a = attribute(name='"ArchitectureName"', value=f'"{name}"', type_="STRING(40)")
    return group(a, head=f'ID={number} CLASS="MICROSOFT|ARCHITECTURE|1.0"')


def status(value: str = '"Success"', description: str = '"fine"') -> str:
    return group(
        attribute(name='"Status"', value=value),
        attribute("2", name='"Description"', value=description, type_="STRING(255)"),
        head='ID=2 CLASS="Microsoft|JobStatus|1.0"',
    )


def one(**changes: str | None) -> bytes:
    return mif(group(attribute(**changes)))  # type: ignore[arg-type]


BROKEN: list[tuple[str, bytes]] = [
    ("sms-version", one(extra='PRAGMA="a:b"')),
    ("sms-version", mif('PRAGMA="a:b"\n', group())),
    ("sms-alias", mif('START PATHS NAME="p" OS2="x" END PATHS\n', group())),
    ("sms-alias", mif('START ENUMERATION NAME="e" 1="x" END ENUMERATION\n', group())),
    ("sms-ignored", mif('START PATH NAME="p" OS2="x" END PATH\n', group())),
    ("sms-ignored", mif(before='LANGUAGE="en|US|x"\n')),
    ("sms-ignored", one(value='*"p"')),
    ("sms-cut", one(type_="STRING(300)", value='"' + "a" * 256 + '"')),
    ("sms-nul", one(value=r'"a\0b"')),
    ("sms-quote", one(value=r'"a\"b"')),
    ("sms-quote", one(name=r'"a\"b"')),
    ("sms-quote-status", mif(status(description=r'"a\"b"'))),
    ("sms-name-blank", one(name='"a "')),
    ("sms-name-apostrophe", one(name='"it\'s"')),
    ("sms-year", one(type_="DATE", value='"20311011051024.000000+000"')),
    ("sms-year", one(type_="DATE", value='"19791011051024.000000+000"')),
    (
        "sms-initialiser",
        mif(
            group(attribute(type_="STRING"), head='CLASS="a|b|t" KEY=1'),
            'START TABLE NAME="t" ID=1 CLASS="A|B|T" {"longer"} END TABLE\n',
        ),
    ),
    (
        "sms-initialiser-declared",
        mif(
            group(head='CLASS="a|b|t" KEY=1'),
            'START TABLE NAME="t" ID=1 CLASS="a|b|t" {"longer"} END TABLE\n',
        ),
    ),
    ("sms-pragma", mif(group(head='ID=1 CLASS="a|b|c" PRAGMA="sms:add"'))),
    ("sms-pragma", mif(group(head='ID=1 CLASS="a|b|c" PRAGMA="sms:lookup"'))),
    ("kind-groups", mif(IDENTIFICATION)),
    ("kind-groups", mif(architecture())),
    ("kind-groups", mif(IDENTIFICATION, architecture(), architecture(number=4))),
    ("kind-architecture", mif(IDENTIFICATION, architecture("Personal Computer"))),
    ("kind-architecture", mif(IDENTIFICATION, architecture("system"))),
    (
        "kind-architecture",
        mif(group(head='ID=1 CLASS="System"'), before="//Architecture<System>\n//UniqueID<1>\n"),
    ),
    ("kind-header", mif(group(head='ID=1 CLASS="Office"'), before="//Architecture<Office>\n")),
    (
        "kind-header",
        mif(group(head='ID=1 CLASS="Other"'), before="//Architecture<Office>\n//UniqueID<1>\n"),
    ),
    (
        "kind-header-spelling",
        mif(group(head='ID=1 CLASS="Office"'), before="//Architecture <Office>\n//UniqueID<1>\n"),
    ),
    ("kind-identification", mif(IDENTIFICATION, architecture())),
    ("kind-status", mif(status('"Maybe"'))),
    ("kind-status", mif(status("UNKNOWN"))),
    ("kind-description", mif(status(description='""'))),
    ("kind-size", mif(status(), after=" " * STATUS_MIF_SIZE_MAX)),
    ("kind-size", mif(after=" " * 256_000)),
    ("kind-size-warning", mif(after=" " * 252_000)),
    ("kind-size-warning", mif(after=" " * 110_000)),
    ("unicode", b"\xfe\xff" + mif().decode().encode("utf-16-be")),
    ("encoding", b"\xef\xbb\xbf" + mif()),
    ("value-type", one(type_="Date", value="07")),
]


@pytest.mark.parametrize(
    ("rule", "data"), BROKEN, ids=[f"{n}-{rule}" for n, (rule, _) in enumerate(BROKEN)]
)
def test_sms_says_so_and_cites_its_source(rule: str, data: bytes) -> None:
    found = [f for f in check(data, Mode.SMS) if f.rule == rule]
    assert found and found[0].severity == RULES[rule].sms and found[0].source == RULES[rule].source
    assert would_sms_take(data).taken is (
        max(f.severity for f in check(data, Mode.SMS)) < Severity.ERROR
    )


def test_every_rule_that_is_only_smss_has_its_file() -> None:
    assert {rule for rule, row in RULES.items() if row.strict is None} <= {
        rule for rule, _ in BROKEN
    }


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (mif(status()), MifKind.STATUS),
        (mif(), MifKind.NOIDMIF),
        (mif(IDENTIFICATION, architecture()), MifKind.IDMIF),
        (
            mif(
                group(head='ID=1 CLASS="Office"'),
                before="\n//Architecture<Office>\n//UniqueID<7>\n",
            ),
            MifKind.IDMIF,
        ),
        (mif(before="//UniqueID<GUID:1>\n//KeyAttribute<NetBIOS Name><COMPUTER>\n"), MifKind.DELTA),
    ],
)
def test_the_kinds_and_that_sms_takes_them(data: bytes, kind: MifKind) -> None:
    assert kind_of(parse(data, Mode.SMS)) is kind
    verdict = would_sms_take(data)
    assert (verdict.taken, verdict.kind, verdict.reason) == (True, kind, None)


def test_delta_headers_keep_both_texts() -> None:
    tree = read(mif(before="//KeyAttribute<NetBIOS Name><COMPUTER>\n// <no> header\n"))
    assert tree.delta_headers == {"KeyAttribute": ("NetBIOS Name", "COMPUTER")}


def test_an_unquoted_date_is_refused_and_a_quoted_one_of_another_form_is_not() -> None:
    assert (
        parse(one(type_="DATE", value='"07/01/98 10:30:30"'), Mode.SMS).findings[0].rule
        == "date-form"
    )
    with pytest.raises(MifError, match="Time has incorrect format or illegal values"):
        parse(one(type_="DATE", value="07"), Mode.SMS)


@pytest.mark.parametrize("year", [1980, 2030])
def test_the_years_at_the_edge_are_fine(year: int) -> None:
    assert parse(one(type_="DATE", value=f'"{year}1011051024.000000+000"'), Mode.SMS).findings == ()


def test_numbers_over_31_bits_are_a_warning() -> None:
    assert [f.rule for f in parse(one(type_="COUNTER", value="4294967295"), Mode.SMS).findings] == [
        "value-range"
    ]


@pytest.mark.parametrize(("size", "taken"), [(65_536, True), (65_537, False)])
def test_a_status_mif_has_64_kb_at_most(size: int, taken: bool) -> None:
    data = mif(status())
    assert would_sms_take(data + b" " * (size - len(data))).taken is taken


@pytest.mark.parametrize(("size", "taken"), [(250_000, True), (256_000, True), (256_001, False)])
def test_the_250_kb_limit_is_judged_loosely(size: int, taken: bool) -> None:
    data = mif()
    assert would_sms_take(data + b" " * (size - len(data))).taken is taken


@pytest.mark.parametrize(
    ("changes", "stored"),
    [
        ({"value": '"123456789"'}, "12345678"),
        ({"value": '"' + "a" * 300 + '"', "type_": "STRING(400)"}, "a" * 255),
        ({"value": '"' + "a" * 300 + '"', "type_": "STRING"}, "a" * 255),
        ({"value": r'"ab\0c"'}, "ab"),
        ({"value": "2", "type_": 'START ENUM 2="two" END ENUM'}, "two"),
        ({"value": "3", "type_": 'START ENUM 2="two" END ENUM'}, 3),
        ({"value": "7", "type_": "INTEGER"}, 7),
        ({"value": "UNSUPPORTED"}, None),
    ],
)
def test_what_sms_keeps_of_a_value(changes: dict[str, str], stored: str | int | None) -> None:
    component = read(one(**changes)).component
    assert stored_value(component, component.groups[0].attributes[0]) == stored
