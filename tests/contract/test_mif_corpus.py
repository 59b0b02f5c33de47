"""Every file of the corpus gives the facts its SOURCES.md states, and is written back byte for
byte.

Vendors published those files; they are not ours to give away, so these tests run where they are
found. `test_mif_files.py` asks the same of files of our own, which have the same constructs.
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
from worlds.support import THEIR_MIFS as CORPUS

pytestmark = pytest.mark.theirs

FINE_IN_STRICT = [
    "derived__kb-q186415-unwrapped.mif",
    "kb-q166833__status.mif",
    "os2tk45__names.mif",
    "os2tk45__probe.mif",
    "rendered__portswitch-success-two-ports.mif",
    "technet-cc181210__wide-world-asset-numbers.mif",
    "techshelps__bores-s3d75-employee-min.mif",
    "techshelps__bores-s3d7f-employee-idmif.mif",
    "techshelps__sdk-3i0p-tapedrive-noidmif.mif",
]

REFUSED_IN_STRICT = {
    # file: line, rule, whether SMS refuses it too
    "memdocs__idmif-requirements-sample.truncated.mif": (38, "unclosed-component", True),
    "kb-q186415__ismif32-setup.mif": (73, "literal-newline", False),
    "rendered__portswitch-failed-overlong.mif": (74, "overlong", False),
    "rendered__psadt-ext-status-utf16le.mif": (1, "encoding", True),
    # Not on SOURCES.md's list, but by the same rule: its place holder "[default gateway]" is 17
    # bytes in a String(16).
    "kb-q170440__network-noidmif.mif": (69, "overlong", False),
}
FILES = sorted([*FINE_IN_STRICT, *REFUSED_IN_STRICT])


def raw(name: str) -> bytes:
    return (CORPUS / name).read_bytes()


def shape(component: Component) -> list[int]:
    return [len(group.attributes) for group in component.groups]


def test_every_file_of_the_corpus_is_spoken_of_here() -> None:
    assert sorted(path.name for path in CORPUS.glob("*.mif")) == FILES
    assert len(list((CORPUS / "fragments").glob("*.frag"))) == 8


@pytest.mark.parametrize("name", FINE_IN_STRICT)
def test_a_complete_file_is_accepted_by_the_strict_rules(name: str) -> None:
    assert isinstance(parse(raw(name)), Mif)
    assert max([f.severity for f in check(raw(name))], default=Severity.INFO) < Severity.ERROR


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_read_leniently_and_written_back_byte_for_byte(name: str) -> None:
    assert render_verbatim(parse(raw(name), Mode.LENIENT)) == raw(name)


@pytest.mark.parametrize("name", FILES)
def test_the_writers_style_keeps_the_meaning_and_the_comments(name: str) -> None:
    tree = parse(raw(name), Mode.LENIENT)
    again = read(render(tree), Mode.STRICT)
    assert plain(again) == plain(tree)
    assert [c.text for c in again.comments] == [c.text for c in tree.comments]


@pytest.mark.parametrize("name", REFUSED_IN_STRICT)
def test_a_file_that_must_be_refused_is_refused_at_the_right_line(name: str) -> None:
    line, rule, sms_refuses = REFUSED_IN_STRICT[name]
    with pytest.raises(MifError) as refusal:
        parse(raw(name), Mode.STRICT)
    assert (refusal.value.line, refusal.value.rule) == (line, rule)
    assert refusal.value.source
    tolerated = parse(raw(name), Mode.LENIENT).findings
    assert (line, rule) in [(f.line, f.rule) for f in tolerated], "a leniency is never silent"
    assert would_sms_take(raw(name)).taken is not sms_refuses


def test_memdocs_sample_names_the_line_of_the_unclosed_component_and_targets_system() -> None:
    data = raw("memdocs__idmif-requirements-sample.truncated.mif")
    with pytest.raises(MifError, match="START COMPONENT stands in line 5"):
        parse(data)
    tree, findings = examine(data, Mode.SMS)
    assert tree is not None and kind_of(tree) is MifKind.IDMIF
    assert tree.delta_headers == {
        "Architecture": ("System",),
        "UniqueID": ("3b93b13a-afb4-40cf-86d4-3ad1aaaa8414",),
    }
    assert [c.line for c in tree.comments] == [2, 3], "the first line is empty"
    assert tree.component.groups[0].key == (1, 2, 3)
    assert shape(tree.component) == [3]
    assert [f.source for f in findings if f.rule == "kind-architecture"] == ["Q202078"]
    assert "unclosed-component" in [f.rule for f in findings]


def test_names_mif() -> None:
    data = raw("os2tk45__names.mif")
    tree = parse(data)
    component = tree.component
    assert len(data) == 4_960
    assert shape(component) == [6, 4]
    (enum,) = component.enums
    assert [m.number for m in enum.members] == list(range(8))
    assert all(m.text.startswith("0x0") for m in enum.members)
    (path,) = component.paths
    assert path.start == "Start Paths" and path.end == "End Paths"
    assert path.programs == {"OS2": "names"}
    assert tree.tail.endswith("\x1a")
    remarks = [c.text for c in tree.comments if "libpath" in c.text or "explicitly" in c.text]
    assert len(remarks) == 2 and '"' in remarks[0] and "\\" in remarks[1]
    names = component.group("IBM|SLNames|1.0")
    assert names is not None
    assert [a.raw_value for a in names.attributes] == [PathReference("NAMES")] * 4
    identity = component.group(1)
    assert identity is not None
    assert identity.description.endswith("common to all components.This group is required.")
    verify = identity.attribute("Verify")
    assert verify is not None
    assert verify.type == Type("ENUM", name="Verify_Type") and verify.value == 7
    assert component.enum_of(verify) is enum
    assert [s.keyword for s in verify.items][-2:] == ["DESCRIPTION", "VALUE"]  # type: ignore[union-attr]
    assert identity.attribute(5).type == Type("DATE") and identity.value(5) == ""  # type: ignore[union-attr]


def test_probe_mif() -> None:
    data = raw("os2tk45__probe.mif")
    tree = parse(data)
    component = tree.component
    assert len(data) == 10_282
    identity, template = component.groups
    assert (identity.id, len(identity.attributes)) == (1, 6)
    assert (template.id, template.key, len(template.attributes)) == (None, (2, 4, 5), 12)
    assert [a.value for a in template.attributes] == ["     "] * 12
    assert template.attributes[-1].type == Type("STRING", 508)
    assert template.class_name == "IBM_OS/2 Warp|SoftwareProduct|1.0"
    assert len(component.enums) == 1
    (table,) = component.tables
    (row,) = table.rows
    assert table.id == 2 and len(row.values) == 12
    assert component.table_rows(table)[0]["VendorTag"] == "IBM"
    assert component.table_rows(table)[0]["Error Record Template File"] == "PROBE.REP"
    assert row.text.count("//") == 6 and row.text.endswith('"PROBE.REP"}')
    assert tree.tail.endswith("\x1a") and "\t" in tree.text
    value_before_description = template.attributes[0].items
    assert [s.keyword for s in value_before_description][-2:] == ["VALUE", "DESCRIPTION"]  # type: ignore[union-attr]


def test_q166833_status_mif() -> None:
    component = parse(raw("kb-q166833__status.mif")).component
    assert shape(component) == [5, 2]
    assert {a.type for g in component.groups for a in g.attributes} == {Type("STRING", 45)}
    status = read_status_mif(raw("kb-q166833__status.mif"))
    assert (status.status, status.installation, status.description) == (
        "Success",
        "12/12/95",
        "ErrorJamalz",
    )
    assert (status.manufacturer, status.product, status.version) == ("Jamalz", "JamalTest", "3.15")
    assert (status.serial_number, status.locale) == ("01122121r", None)


@pytest.mark.parametrize("name", ["kb-q166833__status.mif", "derived__kb-q186415-unwrapped.mif"])
def test_the_writer_writes_the_printed_status_mifs_token_for_token(name: str) -> None:
    assert render_status_mif(read_status_mif(raw(name))).split() == raw(name).split()


def test_q186415_as_printed_has_a_literal_over_three_lines() -> None:
    data = raw("kb-q186415__ismif32-setup.mif")
    tree = parse(data, Mode.LENIENT)
    assert shape(tree.component) == [6, 2]
    assert tree.component.groups[0].items[0].lead == "    ", "START GROUP and NAME share a line"
    description = tree.component.groups[1].attribute("Description")
    assert description is not None and isinstance(description.value, str)
    assert description.type == Type("STRING", 148)
    assert len(description.value) == 150 and description.value.count("\r\n") == 2
    assert [f.line for f in tree.findings if f.rule == "literal-newline"] == [73, 74]


def test_q186415_unwrapped_has_the_length_it_declares() -> None:
    tree = parse(raw("derived__kb-q186415-unwrapped.mif"))
    description = tree.component.groups[1].value("Description")
    assert isinstance(description, str) and len(description) == 148
    status = read_status_mif(raw("derived__kb-q186415-unwrapped.mif"))
    assert (status.status, status.locale, status.installation) == ("Failed", "", "DateTime")


def test_q170440_noidmif() -> None:
    tree = parse(raw("kb-q170440__network-noidmif.mif"), Mode.LENIENT)
    (group,) = tree.component.groups
    assert tree.component.name == "Machine"
    assert (group.class_name, len(group.attributes)) == ("MICROSOFT|NETWORK|1.0", 10)
    assert group.attribute("Network Active").type == Type("INTEGER")  # type: ignore[union-attr]
    assert [v for a in group.attributes if str(v := a.value).startswith("[")] == [
        "[IPX address]",
        "[IP address]",
        "[subnet mask]",
        "[default gateway]",
        "[DNS name]",
        "[logon name]",
    ]
    assert (
        kind_of(tree) is MifKind.NOIDMIF
        and would_sms_take(raw("kb-q170440__network-noidmif.mif")).taken
    )


def test_bores_smallest_idmif() -> None:
    tree = parse(raw("techshelps__bores-s3d75-employee-min.mif"))
    assert [g.name for g in tree.component.groups] == ["Architecture", "Identification"]
    assert shape(tree.component) == [1, 1]
    assert (
        kind_of(tree) is MifKind.IDMIF
        and would_sms_take(raw("techshelps__bores-s3d75-employee-min.mif")).taken
    )


def test_bores_employee_idmif() -> None:
    tree = parse(raw("techshelps__bores-s3d7f-employee-idmif.mif"))
    assert shape(tree.component) == [7, 1, 2, 3, 2]
    kinds = {a.type.kind for g in tree.component.groups for a in g.attributes if a.type}
    assert kinds == {"STRING", "COUNTER", "INTEGER"}
    assert tree.component.group("MICROSOFT|EMPLOYEE STATUS|1.0").value("Done?") == "No"  # type: ignore[union-attr]


def test_sdk_tape_drive_noidmif() -> None:
    tree = parse(raw("techshelps__sdk-3i0p-tapedrive-noidmif.mif"))
    (group,) = tree.component.groups
    assert len(group.attributes) == 4 and group.value("Native Transfer Rate (Kbps)") == 400
    assert group.attributes[2].type == Type("COUNTER")
    assert all(a.get("ACCESS") is None and a.get("STORAGE") is None for a in group.attributes)
    assert [(a.access, a.storage) for a in group.attributes] == [("READ-ONLY", "SPECIFIC")] * 4
    followed_by_a_blank_line = raw("techshelps__sdk-3i0p-tapedrive-noidmif.mif") + b" \n"
    assert render_verbatim(parse(followed_by_a_blank_line)) == followed_by_a_blank_line


def test_technet_noidmif_with_statements_sharing_a_line() -> None:
    tree = parse(raw("technet-cc181210__wide-world-asset-numbers.mif"))
    (group,) = tree.component.groups
    assert (group.name, group.class_name, group.key) == (
        "Wide World Asset Numbers",
        "wideWorldAssetNumbers",
        (1,),
    )
    assert group.value("Computer Asset Number") == "414207" and shape(tree.component) == [1]
    assert "class-form" in [f.rule for f in tree.findings]


def test_portswitch_success() -> None:
    data = raw("rendered__portswitch-success-two-ports.mif")
    status = read_status_mif(data)
    assert shape(parse(data).component) == [6, 2]
    assert (status.status, len(status.description), status.locale) == ("Success", 120, "ENU")
    assert "8080 (HTTP) and 8443 (HTTPS)" in status.description
    assert parse(data).component.items[0].lead == "\r\n", "NAME is not indented"


def test_portswitch_failure_is_cut_by_sms_and_kept_by_the_codec() -> None:
    data = raw("rendered__portswitch-failed-overlong.mif")
    whole = parse(data, Mode.LENIENT).component.groups[1].value("Description")
    assert isinstance(whole, str) and len(whole) == 153 and ".  See the client's" in whole
    status = read_status_mif(data)
    assert (status.status, status.description) == ("Failed", whole[:128])


def test_psadt_status_is_utf_16_little_endian_and_unreadable_to_sms() -> None:
    data = raw("rendered__psadt-ext-status-utf16le.mif")
    tree = parse(data, Mode.LENIENT)
    assert shape(tree.component) == [6, 2] and tree.encoding == "utf-16-le"
    assert tree.component.groups[0].value("Installation") == "10/24/2014 09:00:00"
    assert [f.rule for f in tree.findings] == ["encoding"]
    with pytest.raises(MifError, match="save it as ANSI"):
        read_status_mif(data)


# fragments


def fragment(name: str) -> bytes:
    return (CORPUS / "fragments" / name).read_bytes()


def test_dec_attribute_with_a_trailing_comment() -> None:
    tree = parse(wrap_attribute(fragment("dec-ffmgt110-readme__attribute.frag")))
    assert tree.component.groups[0].value("Serial Number") == "<UserSpecified>"
    assert [c.text for c in tree.comments] == [" Manually entered during setup"]


def test_ibm_path_with_direct_interface_as_a_literal() -> None:
    (path,) = parse(wrap_block(fragment("ibm-dnal1mst-025__path.frag"))).component.paths
    assert path.programs == {
        "WIN32": r"C:\directory\filename.dll",
        "OS2": "direct interface",
        "DOS": r"C:\directory\filename.com",
        "UNIX": "/directory/filename",
    }


def test_ibm_plural_path() -> None:
    (path,) = parse(wrap_block(fragment("ibm-dnal1mst-131__paths-plural.frag"))).component.paths
    assert path.name == "EXPOverlay" and path.programs["UNIX"] == "/usr/lpp/sva/bin/names"


def test_ibm_long_enumeration_keyword_without_type() -> None:
    (enum,) = parse(
        wrap_block(fragment("ibm-dnal1mst-040__enumeration-long-keyword.frag"))
    ).component.enums
    assert {m.number: m.string for m in enum.members} == {0: "False", 1: "True"}
    assert enum.get("TYPE") is None


def test_ibm_inline_enumeration_with_a_value_that_names_no_member() -> None:
    body = fragment("ibm-dnal1mst-042__attribute-body-inline-enumeration.frag")
    component = parse(wrap_attribute(b"START ATTRIBUTE\n" + body + b"END ATTRIBUTE")).component
    (attribute,) = component.groups[0].attributes
    enum = component.enum_of(attribute)
    assert enum is not None and [m.number for m in enum.members] == [1, 2, 4, 8, 10, 12]
    assert attribute.value == 0 and enum.string_of(0) is None


def test_ibm_inline_enum_with_a_value_by_string() -> None:
    body = fragment("ibm-dnal1mst-056__attribute-body-enum-value.frag")
    component = parse(wrap_attribute(b"START ATTRIBUTE\n" + body + b"END ATTRIBUTE")).component
    (attribute,) = component.groups[0].attributes
    assert attribute.value == "OK" and component.enum_of(attribute).number_of("OK") == 4  # type: ignore[union-attr]
    assert (
        attribute.description
        == "The current state of the Event type identified by Event Type attribute in this row."
    )


def test_ibm_sample_table_has_nine_empty_fields_and_a_date_that_is_too_short() -> None:
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
    template = b'START GROUP NAME="t" CLASS="group2 class" KEY=1\n' + attributes + b"END GROUP\n"
    data = HEAD + template + fragment("ibm-dnal1mst-036__sample-table.frag") + b"END COMPONENT"
    with pytest.raises(MifError) as refusal:
        parse(data)
    assert refusal.value.rule == "date-form" and "22" in refusal.value.reason
    tree = parse(data, Mode.LENIENT)
    first, second, third = tree.component.tables[0].rows
    assert first.values == (7, *[None] * 9)
    assert second.values[7] == "20011024123515.000000-300"
    assert third.values[1] == -99
    assert data.splitlines()[refusal.value.line - 1].strip().startswith(b"{9,-99")


def test_q160776_trailing_blank_is_fine_for_dmi_and_fails_to_compile_in_sms() -> None:
    data = wrap_attribute(fragment("kb-q160776__trailing-space-name.frag"))
    assert parse(data).component.groups[0].attributes[0].name == "PC Asset Number "
    with pytest.raises(MifError, match="blank") as refusal:
        parse(data, Mode.SMS)
    assert "Q160776" in refusal.value.source
