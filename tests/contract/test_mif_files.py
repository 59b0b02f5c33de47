"""Every MIF of `tests/data/mif` gives the facts its README states, and is written back byte for
byte.
"""

from __future__ import annotations

import pytest

from despoolr_core.formats.mif.codec import check, examine, parse, read
from despoolr_core.formats.mif.language.findings import MifError, Mode, Severity
from despoolr_core.formats.mif.language.model import Component, Mif, PathReference, Type
from despoolr_core.formats.mif.render import render, render_verbatim
from despoolr_core.formats.mif.sms import MifKind, kind_of
from despoolr_core.formats.reports.status_mif import read_status_mif, render_status_mif
from worlds.mif_samples import HEAD, plain, would_sms_take, wrap_attribute, wrap_block
from worlds.support import data

MIFS = data("mif")
FILES = sorted(path.name for path in MIFS.glob("*.mif"))
FRAGMENTS = sorted(path.name for path in (MIFS / "fragments").glob("*.frag"))

FINE_IN_STRICT = [
    "component_paths.mif",
    "component_table.mif",
    "idmif_smallest.mif",
    "idmif_vehicle.mif",
    "noidmif_modem.mif",
    "noidmif_shared_lines.mif",
    "status_success.mif",
    "status_two_numbers.mif",
    "status_unwrapped.mif",
]

REFUSED_IN_STRICT = {
    # file: line, rule, whether SMS refuses it too
    "idmif_unclosed.mif": (38, "unclosed-component", True),
    "noidmif_printer.mif": (69, "overlong", False),
    "status_overlong.mif": (74, "overlong", False),
    "status_utf16le.mif": (1, "encoding", True),
    "status_wrapped_literal.mif": (73, "literal-newline", False),
}


def content(name: str) -> bytes:
    return (MIFS / name).read_bytes()


def fragment(name: str) -> bytes:
    return (MIFS / "fragments" / name).read_bytes()


def shape(component: Component) -> list[int]:
    return [len(group.attributes) for group in component.groups]


def test_every_file_is_spoken_of_here_and_in_the_readme() -> None:
    assert sorted([*FINE_IN_STRICT, *REFUSED_IN_STRICT]) == FILES
    assert len(FRAGMENTS) == 8
    readme = (MIFS / "README.md").read_text("utf-8")
    assert [name for name in (*FILES, *FRAGMENTS) if f"`{name}`" not in readme] == []


@pytest.mark.parametrize("name", FINE_IN_STRICT)
def test_a_complete_file_is_accepted_by_the_strict_rules(name: str) -> None:
    assert isinstance(parse(content(name)), Mif)
    assert max([f.severity for f in check(content(name))], default=Severity.INFO) < Severity.ERROR


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_read_leniently_and_written_back_byte_for_byte(name: str) -> None:
    assert render_verbatim(parse(content(name), Mode.LENIENT)) == content(name)


@pytest.mark.parametrize("name", FILES)
def test_the_writers_style_keeps_the_meaning_and_the_comments(name: str) -> None:
    tree = parse(content(name), Mode.LENIENT)
    again = read(render(tree), Mode.STRICT)
    assert plain(again) == plain(tree)
    assert [c.text for c in again.comments] == [c.text for c in tree.comments]


@pytest.mark.parametrize("name", REFUSED_IN_STRICT)
def test_a_file_that_must_be_refused_is_refused_at_the_right_line(name: str) -> None:
    line, rule, sms_refuses = REFUSED_IN_STRICT[name]
    with pytest.raises(MifError) as refusal:
        parse(content(name), Mode.STRICT)
    assert (refusal.value.line, refusal.value.rule) == (line, rule)
    assert refusal.value.source
    tolerated = parse(content(name), Mode.LENIENT).findings
    assert (line, rule) in [(f.line, f.rule) for f in tolerated], "a leniency is never silent"
    assert would_sms_take(content(name)).taken is not sms_refuses


# -- status MIFs


def test_a_status_mif_without_a_locale_says_how_an_installation_went() -> None:
    data = content("status_success.mif")
    component = parse(data).component
    assert shape(component) == [5, 2]
    assert {a.type for g in component.groups for a in g.attributes} == {Type("STRING", 45)}
    status = read_status_mif(data)
    assert (status.status, status.installation, status.description) == (
        "Success",
        "03/02/96",
        "LedgerOnDisk",
    )
    assert (status.manufacturer, status.product, status.version) == (
        "Harbour Tools",
        "Ledger",
        "4.02",
    )
    assert (status.serial_number, status.locale) == ("77-0193k", None)


@pytest.mark.parametrize("name", ["status_success.mif", "status_unwrapped.mif"])
def test_the_writer_writes_a_status_mif_token_for_token(name: str) -> None:
    assert render_status_mif(read_status_mif(content(name))).split() == content(name).split()


def test_a_literal_over_three_lines_is_kept_with_its_line_ends() -> None:
    tree = parse(content("status_wrapped_literal.mif"), Mode.LENIENT)
    assert shape(tree.component) == [6, 2]
    assert tree.component.groups[0].items[0].lead == "    ", "START GROUP and NAME share a line"
    description = tree.component.groups[1].attribute("Description")
    assert description is not None and isinstance(description.value, str)
    assert description.type == Type("STRING", 136)
    assert len(description.value) == 138 and description.value.count("\r\n") == 2
    assert [f.line for f in tree.findings if f.rule == "literal-newline"] == [73, 74]


def test_a_literal_on_one_line_has_the_length_it_declares() -> None:
    tree = parse(content("status_unwrapped.mif"))
    description = tree.component.groups[1].value("Description")
    assert isinstance(description, str) and len(description) == 136
    status = read_status_mif(content("status_unwrapped.mif"))
    assert (status.status, status.locale, status.installation) == ("Failed", "", "DateTime")


def test_a_status_mif_may_have_its_name_at_the_margin_and_numbers_in_its_text() -> None:
    data = content("status_two_numbers.mif")
    status = read_status_mif(data)
    assert shape(parse(data).component) == [6, 2]
    assert (status.status, len(status.description), status.locale) == ("Success", 75, "DEU")
    assert "4711 (day) and 4712 (night)" in status.description
    assert parse(data).component.items[0].lead == "\r\n", "NAME is not indented"


def test_an_overlong_description_is_cut_by_sms_and_kept_by_the_codec() -> None:
    data = content("status_overlong.mif")
    whole = parse(data, Mode.LENIENT).component.groups[1].value("Description")
    assert isinstance(whole, str) and len(whole) == 158 and ".  Look into the modem's" in whole
    status = read_status_mif(data)
    assert (status.status, status.description) == ("Failed", whole[:128])


def test_a_status_mif_in_utf_16_little_endian_is_unreadable_to_sms() -> None:
    data = content("status_utf16le.mif")
    tree = parse(data, Mode.LENIENT)
    assert shape(tree.component) == [6, 2] and tree.encoding == "utf-16-le"
    assert tree.component.groups[0].value("Installation") == "02/29/1996 07:30:00"
    assert [f.rule for f in tree.findings] == ["encoding"]
    with pytest.raises(MifError, match="save it as ANSI"):
        read_status_mif(data)


# -- IDMIFs and NOIDMIFs


def test_an_unclosed_component_is_named_with_the_line_it_began_in() -> None:
    data = content("idmif_unclosed.mif")
    with pytest.raises(MifError, match="START COMPONENT stands in line 5"):
        parse(data)
    tree, findings = examine(data, Mode.SMS)
    assert tree is not None and kind_of(tree) is MifKind.IDMIF
    assert tree.delta_headers == {
        "Architecture": ("System",),
        "UniqueID": ("6a1f0c22-1b7e-4f35-8a90-2f4d5c6b7a81",),
    }
    assert [c.line for c in tree.comments] == [2, 3], "the first line is empty"
    assert tree.component.groups[0].key == (1, 2, 3)
    assert shape(tree.component) == [3]
    assert [f.source for f in findings if f.rule == "kind-architecture"] == ["Q202078"]
    assert "unclosed-component" in [f.rule for f in findings]


def test_a_noidmif_with_short_words_for_types_and_values_in_brackets() -> None:
    tree = parse(content("noidmif_printer.mif"), Mode.LENIENT)
    (group,) = tree.component.groups
    assert tree.component.name == "Machine"
    assert (group.class_name, len(group.attributes)) == ("HARBOUR|PRINTER|1.0", 10)
    assert group.attribute("Printer Ready").type == Type("INTEGER")  # type: ignore[union-attr]
    assert [v for a in group.attributes if str(v := a.value).startswith("[")] == [
        "[queue name]",
        "[queue host]",
        "[paper tray]",
        "[spare paper tray]",
        "[room or floor]",
        "[who to call]",
    ]
    assert kind_of(tree) is MifKind.NOIDMIF and would_sms_take(content("noidmif_printer.mif")).taken


def test_the_smallest_idmif_has_its_architecture_first() -> None:
    tree = parse(content("idmif_smallest.mif"))
    assert [g.name for g in tree.component.groups] == ["Architecture", "Identification"]
    assert shape(tree.component) == [1, 1]
    assert kind_of(tree) is MifKind.IDMIF and would_sms_take(content("idmif_smallest.mif")).taken


def test_an_idmif_of_five_groups_has_counters_and_integers() -> None:
    tree = parse(content("idmif_vehicle.mif"))
    assert shape(tree.component) == [7, 1, 2, 3, 2]
    kinds = {a.type.kind for g in tree.component.groups for a in g.attributes if a.type}
    assert kinds == {"STRING", "COUNTER", "INTEGER"}
    assert tree.component.group("HARBOUR|VEHICLE STATUS|1.0").value("Leased?") == "Yes"  # type: ignore[union-attr]


def test_a_noidmif_without_access_and_storage_has_those_of_the_specification() -> None:
    tree = parse(content("noidmif_modem.mif"))
    (group,) = tree.component.groups
    assert len(group.attributes) == 4 and group.value("Line Rate (bit/s)") == 28800
    assert group.attributes[2].type == Type("COUNTER")
    assert all(a.get("ACCESS") is None and a.get("STORAGE") is None for a in group.attributes)
    assert [(a.access, a.storage) for a in group.attributes] == [("READ-ONLY", "SPECIFIC")] * 4
    followed_by_a_blank_line = content("noidmif_modem.mif") + b" \n"
    assert render_verbatim(parse(followed_by_a_blank_line)) == followed_by_a_blank_line


def test_statements_may_share_a_line() -> None:
    tree = parse(content("noidmif_shared_lines.mif"))
    (group,) = tree.component.groups
    assert (group.name, group.class_name, group.key) == (
        "Quay Inventory Tags",
        "quayInventoryTags",
        (1,),
    )
    assert group.value("Inventory Tag") == "HB0093" and shape(tree.component) == [1]
    assert "class-form" in [f.rule for f in tree.findings]


# -- components of the Desktop Management Interface


def test_a_component_with_paths_an_enum_and_values_that_a_program_gives() -> None:
    data = content("component_paths.mif")
    tree = parse(data)
    component = tree.component
    assert shape(component) == [6, 4]
    (enum,) = component.enums
    assert [m.number for m in enum.members] == list(range(8))
    assert all(m.text.startswith("0x0") for m in enum.members)
    (path,) = component.paths
    assert path.start == "Start Paths" and path.end == "End Paths"
    assert path.programs == {"OS2": "clocks"}
    assert tree.tail.endswith("\x1a")
    remarks = [
        c.text for c in tree.comments if "search path" in c.text or "exactly there" in c.text
    ]
    assert len(remarks) == 2 and '"' in remarks[0] and "\\" in remarks[1]
    clocks = component.group("HARBOUR|Clocks|1.0")
    assert clocks is not None
    assert [a.raw_value for a in clocks.attributes] == [PathReference("CLOCKS")] * 4
    identity = component.group(1)
    assert identity is not None
    assert identity.description.endswith("says of itself.No component is without this group.")
    verify = identity.attribute("Verify")
    assert verify is not None
    assert verify.type == Type("ENUM", name="Check_Type") and verify.value == 7
    assert component.enum_of(verify) is enum
    assert [s.keyword for s in verify.items][-2:] == ["DESCRIPTION", "VALUE"]  # type: ignore[union-attr]
    assert identity.attribute(5).type == Type("DATE") and identity.value(5) == ""  # type: ignore[union-attr]


def test_a_component_whose_table_fills_a_template() -> None:
    tree = parse(content("component_table.mif"))
    component = tree.component
    identity, template = component.groups
    assert (identity.id, len(identity.attributes)) == (1, 6)
    assert (template.id, template.key, len(template.attributes)) == (None, (2, 4, 5), 12)
    assert [a.value for a in template.attributes] == ["     "] * 12
    assert template.attributes[-1].type == Type("STRING", 508)
    assert template.class_name == "QUAY_TG/2 Wares|Product|1.0"
    assert len(component.enums) == 1
    (table,) = component.tables
    (row,) = table.rows
    assert table.id == 2 and len(row.values) == 12
    assert component.table_rows(table)[0]["Maker"] == "QUAY"
    assert component.table_rows(table)[0]["Template File"] == "TIDE.FRM"
    assert row.text.count("//") == 6 and row.text.endswith('"TIDE.FRM"}')
    assert tree.tail.endswith("\x1a") and "\t" in tree.text
    value_before_description = template.attributes[0].items
    assert [s.keyword for s in value_before_description][-2:] == ["VALUE", "DESCRIPTION"]  # type: ignore[union-attr]


# -- fragments


def test_an_attribute_with_a_trailing_comment() -> None:
    tree = parse(wrap_attribute(fragment("attribute_trailing_comment.frag")))
    assert tree.component.groups[0].value("Serial Number") == "<AskTheUser>"
    assert [c.text for c in tree.comments] == [" Typed in by whoever installs it"]


def test_a_path_with_direct_interface_as_a_literal() -> None:
    (path,) = parse(wrap_block(fragment("path_literal_direct_interface.frag"))).component.paths
    assert path.programs == {
        "WIN32": r"D:\quay\clock.dll",
        "OS2": "direct interface",
        "DOS": r"D:\quay\clock.com",
        "UNIX": "/quay/clock",
    }


def test_a_path_block_in_the_plural() -> None:
    (path,) = parse(wrap_block(fragment("paths_plural.frag"))).component.paths
    assert path.name == "TideOverlay" and path.programs["UNIX"] == "/quay/lib/tides"


def test_the_long_enumeration_keyword_without_a_type() -> None:
    (enum,) = parse(wrap_block(fragment("enumeration_long_keyword.frag"))).component.enums
    assert {m.number: m.string for m in enum.members} == {0: "No", 1: "Yes"}
    assert enum.get("TYPE") is None


def test_an_inline_enumeration_with_a_value_that_names_no_member() -> None:
    body = fragment("attribute_inline_enumeration.frag")
    component = parse(wrap_attribute(b"START ATTRIBUTE\n" + body + b"END ATTRIBUTE")).component
    (attribute,) = component.groups[0].attributes
    enum = component.enum_of(attribute)
    assert enum is not None and [m.number for m in enum.members] == [1, 2, 4, 8, 10, 12]
    assert attribute.value == 0 and enum.string_of(0) is None


def test_an_inline_enum_with_a_value_by_string() -> None:
    body = fragment("attribute_enum_by_string.frag")
    component = parse(wrap_attribute(b"START ATTRIBUTE\n" + body + b"END ATTRIBUTE")).component
    (attribute,) = component.groups[0].attributes
    assert attribute.value == "Well" and component.enum_of(attribute).number_of("Well") == 4  # type: ignore[union-attr]
    assert attribute.description == "How the alarm of this row stands at this moment."


def test_a_table_row_may_have_empty_fields_and_a_date_that_is_too_short_is_refused() -> None:
    types = [
        b"INTEGER",
        b"INTEGER",
        b"INTEGER",
        b"INTEGER",
        b"COUNTER",
        b"STRING(9)",
        b"OCTETSTRING(9)",
    ]
    types += [b"DATE", b"GAUGE", b"INTEGER"]
    attributes = b"".join(
        b'START ATTRIBUTE NAME="a" ID=%d TYPE=%s VALUE=%s END ATTRIBUTE\n'
        % (n, kind, b'""' if kind[:1] in b"SOD" else b"0")
        for n, kind in enumerate(types, 1)
    )
    template = b'START GROUP NAME="t" CLASS="tide class" KEY=1\n' + attributes + b"END GROUP\n"
    data = HEAD + template + fragment("table_empty_fields.frag") + b"END COMPONENT"
    with pytest.raises(MifError) as refusal:
        parse(data)
    assert refusal.value.rule == "date-form" and "22" in refusal.value.reason
    tree = parse(data, Mode.LENIENT)
    first, second, third = tree.component.tables[0].rows
    assert first.values == (4, *[None] * 9)
    assert second.values[7] == "19960229073000.000000+060"
    assert third.values[1] == -12
    assert data.splitlines()[refusal.value.line - 1].strip().startswith(b"{6,-12")


def test_a_trailing_blank_in_a_name_is_fine_for_dmi_and_fails_to_compile_in_sms() -> None:
    data = wrap_attribute(fragment("attribute_trailing_blank.frag"))
    assert parse(data).component.groups[0].attributes[0].name == "Inventory Tag "
    with pytest.raises(MifError, match="blank") as refusal:
        parse(data, Mode.SMS)
    assert "Q160776" in refusal.value.source
