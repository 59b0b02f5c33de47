"""Job-details MIFs and identified inventory MIFs: written, read back, refused."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from despoolr_core.formats.mif.codec import check, parse
from despoolr_core.formats.mif.language.findings import MifError, Severity
from despoolr_core.formats.mif.render import render
from despoolr_core.formats.mif.sms import MifKind, kind_of
from despoolr_core.formats.reports.job_mif import (
    KINDS,
    JobReport,
    Machine,
    add_identification,
    read_inventory_mif,
    render_job_mif,
    render_machine_mif,
)
from despoolr_core.formats.reports.site_mif import read_delta_mif
from worlds.mif_samples import attribute, group, mif, read_job_mif, would_sms_take

REPORT = JobReport(
    report="BPC00001-7",
    job_id="BPC00003",
    kind="Workstation",
    site="BPC",
    status="Retrying",
    time=805_806_000.25,
    domain="BPCDOM",
    machine="PC4",
    sms_id="BPC00004",
    description='setup said "no" at C:\\TEMP',
    event=374,
    request_id="00000012",
)

MACHINE = Machine("BPC", "BPCDOM", "PC4", "BPC00004")


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_is_read_back_as_it_was_written(kind: str) -> None:
    report = msgspec.structs.replace(REPORT, kind=kind)
    data = render_job_mif(report)
    assert read_job_mif(data) == report
    assert [f for f in check(data) if f.severity >= Severity.ERROR] == []


def test_a_job_mif_is_an_idmif_with_a_readable_date() -> None:
    data = render_job_mif(msgspec.structs.replace(REPORT, description=""))
    assert kind_of(parse(data)) is MifKind.IDMIF and would_sms_take(data).taken
    assert b'"19950715110000.250000+000"' in data


def test_the_sparest_report() -> None:
    report = JobReport("r", "BPC00003", "Completion", "BPC", "None", 0.0)
    assert read_job_mif(render_job_mif(report)) == report


def test_a_year_beyond_2030_is_ours_to_read() -> None:
    report = msgspec.structs.replace(REPORT, time=2_000_000_000.0 * 1.5)
    assert read_job_mif(render_job_mif(report)) == report


TEXT = st.text(st.characters(max_codepoint=255, exclude_characters="\0"), max_size=40)


@given(
    TEXT,
    TEXT,
    TEXT,
    st.integers(0, 4_000_000_000_000),
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**31 - 1),
)
@settings(deadline=None, max_examples=40)
def test_any_report_survives(
    report: str, status: str, description: str, time_ms: int, event: int, version: int
) -> None:
    sent = msgspec.structs.replace(
        REPORT,
        report=report,
        status=status,
        description=description,
        time=time_ms / 1000,
        event=event,
        version=version,
    )
    assert read_job_mif(render_job_mif(sent)) == sent


def test_what_is_beyond_iso_8859_1_costs_no_report() -> None:
    sent = msgspec.structs.replace(REPORT, description="5 € für den Datenträger Ж: \ud800")
    read = read_job_mif(render_job_mif(sent))
    assert read == msgspec.structs.replace(REPORT, description="5 ? für den Datenträger ?: ?")


def test_a_version_that_is_no_number_is_refused() -> None:
    data = render_job_mif(msgspec.structs.replace(REPORT, kind="Server", version=2))
    assert b"VALUE = 2\r\n" in data
    spoilt = data.replace(b"VALUE = 2\r\n", b'VALUE = "2"\r\n')
    with pytest.raises(MifError):
        read_job_mif(spoilt)


def test_no_kind_but_the_four() -> None:
    with pytest.raises(MifError, match="Kind"):
        render_job_mif(msgspec.structs.replace(REPORT, kind="Printer"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"JOBDETAILS|1.0", b"JOBDETAIL|1.0"),
        (b'"JobDetails"\r\n    END', b'"Person"\r\n    END'),
        (b'NAME = "Status"', b'NAME = "State"'),
        (b"VALUE = 374", b'VALUE = "374"'),
        (b"19950715", b"****0715"),
        (b"19950715", b"1995071"),
        (b'"Workstation"', b'"Fridge"'),
        (b"IDENTIFICATION", b"IDENTITY"),
        (b"END COMPONENT", b""),
    ],
)
def test_a_spoilt_job_mif_is_refused(old: bytes, new: bytes) -> None:
    data = render_job_mif(REPORT)
    assert old in data
    with pytest.raises(MifError):
        read_job_mif(data.replace(old, new))


# inventory

NOIDMIF = mif(
    group(
        attribute(name='"Result"', value='"Complete"'),
        head='ID=4 CLASS="ACME|PACKAGES|1.0"',
        name='"Packages"',
    ),
    group(
        attribute(type_="INTEGER", value="0"),
        attribute("2", name='"b"'),
        head='CLASS="a|b|t" KEY=1',
        name='"T"',
    ),
    'START TABLE NAME="Rows" ID=7 CLASS="a|b|t" {1,"x"} {2,} END TABLE\n',
    before="// kept\n",
)


def test_an_identified_noidmif_says_whose_it_is_and_what_it_adds() -> None:
    data = add_identification(NOIDMIF, MACHINE)
    inventory = read_inventory_mif(data)
    assert inventory.machine == MACHINE
    assert inventory.groups == {"Packages": {"Result": "Complete"}}
    assert inventory.tables == {"Rows": [{"a": 1, "b": "x"}, {"a": 2, "b": "v"}]}
    assert data.startswith(NOIDMIF[: NOIDMIF.index(b"END COMPONENT") - 1])
    assert parse(data).component.group("Identification").id == 8  # type: ignore[union-attr]


def test_a_mif_that_is_identified_already_is_not_identified_again() -> None:
    with pytest.raises(MifError, match="IDENTIFICATION"):
        add_identification(add_identification(NOIDMIF, MACHINE), MACHINE)


def test_a_noidmif_that_sms_would_not_compile_is_refused() -> None:
    with pytest.raises(MifError):
        add_identification(NOIDMIF.replace(b'NAME="a"', b'NAME="a "'), MACHINE)


def test_inventory_without_a_machine_is_refused() -> None:
    with pytest.raises(MifError):
        read_inventory_mif(NOIDMIF)
    with pytest.raises(MifError, match="SMSID"):
        read_inventory_mif(
            render(parse(add_identification(NOIDMIF, MACHINE))).replace(b'"SMSID"', b'"ID"')
        )


@pytest.mark.parametrize(
    "machine",
    [
        Machine("BPC", "SALES", "WS4", "BPC"),
        Machine("BPC", "SALES", "WS4", "BPC 0004"),
        Machine("BPC", "SALES", "WS4", "BPC-0004"),
        Machine("BPC", "SALES", "WS4", "BPC000004"),
        Machine("BPC", "SALES", "WS4", "BPC0000\u0664"),
        Machine("BPC", "SALES", "WS\\4", "BPC00004"),
        Machine("BPC", "SALES\\X", "WS4", "BPC00004"),
        Machine("BPC", "SALES", "WS\u009b31m4", "BPC00004"),
    ],
    ids=repr,
)
def test_inventory_of_a_machine_that_no_row_can_be_of_is_refused(machine: Machine) -> None:
    with pytest.raises(MifError):
        read_inventory_mif(render_machine_mif(machine))


def test_a_file_in_deltamif_col_is_told_by_its_groups_not_by_its_words() -> None:
    about_jobs = NOIDMIF.replace(b'"Complete"', b'"JobDetails"').replace(
        b"STRING(8)", b"STRING(10)"
    )
    added = add_identification(about_jobs, MACHINE)
    assert read_delta_mif(added) == read_inventory_mif(added)
    assert read_delta_mif(render_job_mif(REPORT)) == REPORT
    with pytest.raises(MifError):
        read_delta_mif(NOIDMIF)
