"""Grammar (`mif.md` section 2): what is a MIF, what is refused where, what a lenient reader steps
over.
"""

from __future__ import annotations

import pytest

from despoolr_core.formats.mif.codec import check, examine, parse
from despoolr_core.formats.mif.language.findings import MifError, MifTooLarge, Mode, Severity
from despoolr_core.formats.mif.language.model import PathReference, Skipped, Special, Type
from despoolr_core.formats.mif.parser import FINDINGS_MAX
from despoolr_core.formats.mif.render import render_verbatim
from worlds.mif_samples import attribute, group, mif


def refusal(data: bytes, mode: Mode = Mode.STRICT) -> tuple[str, int]:
    with pytest.raises(MifError) as caught:
        parse(data, mode)
    return caught.value.rule, caught.value.line


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("INT", Type("INTEGER")),
        ("integer64", Type("INTEGER64")),
        ("Int64", Type("INTEGER64")),
        ("COUNTER", Type("COUNTER")),
        ("COUNTER64", Type("COUNTER64")),
        ("GAUGE", Type("GAUGE")),
    ],
)
def test_integer_types_and_their_aliases(text: str, kind: Type) -> None:
    assert (
        parse(mif(group(attribute(type_=text, value="1")))).component.groups[0].attributes[0].type
        == kind
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("DisplayString (8)", Type("STRING", 8)),
        ("OCTETSTRING( 0x8 )", Type("OCTETSTRING", 8)),
        ("STRING", Type("STRING")),
    ],
)
def test_string_types_and_their_lengths(text: str, kind: Type) -> None:
    assert parse(mif(group(attribute(type_=text)))).component.groups[0].attributes[0].type == kind


def test_a_quoted_keyword_is_a_reference_to_an_enum_of_that_name() -> None:
    assert parse(mif(group(attribute(type_="Counter", value="1")))).component.groups[0].attributes[
        0
    ].type == Type("COUNTER")
    assert refusal(mif(group(attribute(type_='"Counter"', value="1")))) == ("undefined-enum", 3)


@pytest.mark.parametrize("kind", ["OPAQUE", "STRING(", "STRING()", "STRING(-1)", "INTEGER(4)", "5"])
def test_no_such_type(kind: str) -> None:
    assert refusal(mif(group(attribute(type_=kind, value="1"))))[1] == 3


@pytest.mark.parametrize(
    ("text", "value"),
    [("UNSUPPORTED", Special.UNSUPPORTED), ("unknown", Special.UNKNOWN), ("- 0x10", -16)],
)
def test_values_that_are_no_literals(text: str, value: object) -> None:
    assert (
        parse(mif(group(attribute(type_="INTEGER", value=text))))
        .component.groups[0]
        .attributes[0]
        .raw_value
        == value
    )


def test_a_path_reference_needs_no_blank_after_its_star() -> None:
    path = 'START PATH NAME="p" OS2=DIRECT-INTERFACE WIN32="x" END PATH\n'
    for text in ('*"p"', '* "p"'):
        component = parse(mif(path, group(attribute(value=text)))).component
        assert component.groups[0].attributes[0].raw_value == PathReference("p")
        assert component.groups[0].attributes[0].value is None
        assert component.paths[0].programs == {"OS2": Special.DIRECT_INTERFACE, "WIN32": "x"}


@pytest.mark.parametrize(
    ("data", "rule", "line"),
    [
        (b"", "no-component", 1),
        (b"// only a comment\n", "no-component", 2),
        (b"\x1a", "no-component", 1),
        (b'NAME="x"', "unknown-statement", 1),
        (mif(after="\nextra"), "trailing-text", 6),
        (mif() + mif(), "trailing-text", 6),
        (mif()[:-14], "unclosed-component", 5),
        (b'START COMPONENT NAME="c"\nSTART GROUP\nNAME="g"', "unclosed", 3),
        (mif().replace(b"END GROUP", b"END ATTRIBUTE"), "end-mismatch", 4),
        (mif().replace(b"END GROUP", b"GroupEnd"), "unknown-statement", 4),
        (mif(group(attribute(extra="FOO=1"))), "unknown-statement", 3),
        (mif(group(attribute(extra='NAME "x"'))), "syntax", 3),
        (mif(group(attribute(extra="ACCESS=READ"))), "syntax", 3),
        (mif(group(attribute(extra="STORAGE=\n"))), "syntax", 4),
        (mif(group(head='ID=1 CLASS="a|b|c" KEY=1,')), "syntax", 3),
        (mif(attribute()), "misplaced", 2),
        (mif(group(group())), "misplaced", 3),
        (mif(before='LANGUAGE="en|US|x"\nLANGUAGE="en|US|x"\n'), "duplicate-statement", 2),
        (mif(before='LANGUAGE="en"\n'), "language-form", 1),
        (mif(after='\nLANGUAGE="en|US|x"'), "trailing-text", 6),
        (mif('LANGUAGE="en|US|x"\n', group()), "misplaced", 2),
    ],
)
def test_refused_at_the_right_line(data: bytes, rule: str, line: int) -> None:
    assert refusal(data) == (rule, line)
    found = check(data)
    assert (rule, line) in [(f.rule, f.line) for f in found if f.severity >= Severity.ERROR]


def test_the_language_stands_before_the_component() -> None:
    assert parse(mif(before='LANGUAGE = "de|DE|iso8859-1"\n')).language == "de|DE|iso8859-1"
    assert parse(mif()).language == "en|US|iso8859-1"


# rows


TEMPLATE = group(
    attribute("2", type_="INTEGER", value="20", name='"two"'),
    attribute("1", type_="STRING(9)", value='"one"', name='"first"'),
    head='CLASS="a|b|t" KEY=1',
)


def table(rows: str, number: int = 2) -> str:
    return f'START TABLE NAME="t" ID={number} CLASS="a|b|t" {rows} END TABLE\n'


def test_row_values_stand_in_the_order_of_ids_not_of_the_file() -> None:
    component = parse(mif(TEMPLATE, table('{"x", 7}'))).component
    assert component.table_rows(component.tables[0]) == [{"first": "x", "two": 7}]
    assert refusal(mif(TEMPLATE, table('{7, "x"}')))[0] == "value-type"


def test_empty_fields_take_the_templates_defaults() -> None:
    component = parse(mif(TEMPLATE, table('{,} // a\n {"b",} { "c", -3 // c\n }'))).component
    assert [row.values for row in component.tables[0].rows] == [
        (None, None),
        ("b", None),
        ("c", -3),
    ]
    assert component.table_rows(component.tables[0])[0] == {"first": "one", "two": 20}


def test_nine_commas_are_ten_fields_and_braces_alone_are_tolerated() -> None:
    many = group(
        *(attribute(str(n), type_="INTEGER", value="0") for n in range(1, 11)),
        head='CLASS="a|b|t" KEY=1',
    )
    component = parse(mif(many, table("{7,,,,,,,,,}"))).component
    assert component.tables[0].rows[0].values == (7, *[None] * 9)
    assert [f.rule for f in check(mif(many, table("{}"))) if f.severity >= Severity.ERROR] == []


@pytest.mark.parametrize("rows", ["{1,", "{1 2}", "{,;}", "{FOO}", "{NAME}"])
def test_malformed_rows(rows: str) -> None:
    assert refusal(mif(TEMPLATE, table(rows)))[1] > 1


def test_comments_stand_anywhere_white_space_may() -> None:
    enum = 'START ENUM NAME="e" 1="a" // one\n // two\n 2="b" END ENUM\n'
    template = TEMPLATE.replace("KEY=1", "KEY=1 // why\n")
    rows = '{"x", // after a comma\n 7 // after a value\n} // after a row\n'
    data = mif(enum, template, table(rows))
    tree = parse(data)
    assert [c.text.strip() for c in tree.comments] == [
        "one",
        "two",
        "why",
        "after a comma",
        "after a value",
        "after a row",
    ]
    assert [(c.line, c.column) for c in tree.comments][:2] == [(2, 27), (3, 2)]
    assert render_verbatim(tree) == data


# leniency


def test_unquoted_class_is_taken_to_the_end_of_its_line() -> None:
    data = mif(group(head="ID=1 CLASS = SYMANTEC|JOBSTATUS|1.0 // NAV\n"))
    assert refusal(data) == ("unquoted", 2)
    tree = parse(data, Mode.LENIENT)
    assert tree.component.groups[0].class_name == "SYMANTEC|JOBSTATUS|1.0"
    assert ("unquoted", 2) in [
        (f.rule, f.line) for f in tree.findings if f.severity is Severity.WARNING
    ]
    assert render_verbatim(tree) == data and tree.comments[0].text == " NAV"


def test_navs_doubly_malformed_value_is_read_up_to_the_junk() -> None:
    data = mif(group(attribute(value='"user" at "company"\n')))
    tree = parse(data, Mode.LENIENT)
    assert tree.component.groups[0].attributes[0].value == "user"
    assert [
        i.text for i in tree.component.groups[0].attributes[0].items if isinstance(i, Skipped)
    ] == ['at "company"']
    assert "unknown-statement" in [f.rule for f in tree.findings]
    assert render_verbatim(tree) == data
    assert refusal(data) == ("unknown-statement", 3)


def test_vb_setup_kits_unquoted_description() -> None:
    data = mif(group(attribute(value="It didn't work\n", type_="STRING(255)")))
    assert parse(data, Mode.LENIENT).component.groups[0].attributes[0].value == "It didn't work"


def test_an_empty_value_does_not_swallow_the_next_statement() -> None:
    assert refusal(mif(group(attribute(value="\n"))), Mode.LENIENT) == ("syntax", 4)


def test_a_truncated_file_is_refused_even_leniently_unless_only_the_last_line_is_lost() -> None:
    data = mif()
    assert parse(data[: data.index(b"END COMPONENT")], Mode.LENIENT).component.groups
    assert refusal(data[: data.index(b"END GROUP")], Mode.LENIENT)[0] == "unclosed"


# collecting


def test_check_goes_on_after_a_mistake() -> None:
    data = mif(
        group(
            attribute("0"),
            attribute("0", extra="FOO=1\n"),
            attribute("3", type_="OPAQUE\n"),
            attribute("4"),
        )
    )
    rules = [f.rule for f in check(data) if f.severity >= Severity.ERROR]
    assert rules == [
        "id-zero",
        "id-zero",
        "id-duplicate",
        "unknown-statement",
        "type-missing",
        "syntax",
    ]
    tree, _ = examine(data)
    assert tree is not None and tree.component.groups[0].attribute(4) is not None


def test_check_pairs_an_end_with_the_block_it_means() -> None:
    data = mif(group(attribute().replace("END ATTRIBUTE", "")), group(head='ID=2 CLASS="a|b|c"'))
    tree, findings = examine(data)
    assert tree is not None and [g.id for g in tree.component.groups] == [1, 2]
    assert [f.rule for f in findings if f.severity >= Severity.ERROR] == ["end-mismatch"]


def test_findings_are_bounded() -> None:
    data = mif(group(*[attribute("0", name='""')] * FINDINGS_MAX))
    assert len(check(data)) <= FINDINGS_MAX
    junk = b"? " * 5_000
    assert len(check(junk)) <= FINDINGS_MAX + 1


def test_a_hostile_file_neither_recurses_nor_crawls() -> None:
    nested = b"START COMPONENT START ATTRIBUTE TYPE = " + b"START ENUM TYPE = " * 5_000
    for mode in Mode:
        assert check(nested, mode)
        assert check(b"START COMPONENT " + b"START GROUP " * 5_000, mode)
    assert check(b"/" * 100_000)
    assert check(b"START COMPONENT NAME = " + b'"a" ' * 20_000)


def test_a_file_over_the_size_limit_is_not_looked_at() -> None:
    data = mif()
    assert parse(data, size_max=len(data))
    with pytest.raises(MifTooLarge) as caught:
        parse(data, size_max=len(data) - 1)
    assert (caught.value.size, caught.value.size_max) == (len(data), len(data) - 1)
    assert [f.rule for f in check(data, size_max=1)] == ["size"]
