"""The short way for job MIFs: the same bytes and the same reports as the long way, or none at
all.
"""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_core.formats.mif.build import in_8_bits
from despoolr_core.formats.mif.codec import read
from despoolr_core.formats.mif.language.findings import MifError, Mode
from despoolr_core.formats.reports import job_mif
from despoolr_core.formats.reports.job_mif import (
    KINDS,
    JobNotice,
    JobReport,
    job_report,
    read_plain_job_mif,
    render_job_mif,
)
from despoolr_core.formats.reports.job_mif_fast import SAMPLE_EVENT, SAMPLE_TIME, mark
from despoolr_core.formats.reports.site_mif import read_delta_mif

REPORT = JobReport(
    report="BPC00001/1/1",
    job_id="BPC00001",
    kind="Workstation",
    site="BPC",
    status="Complete",
    time=833_785_200.25,
    domain="SALES",
    machine="PC00001",
    sms_id="BPC00001",
    description="installed",
    request_id="BPC0001",
)
WIDTHS = {"report": 96, **{field: size for _, field, size in job_mif._TEXTS}}
CHARACTERS = st.sampled_from([*'azAZ09 %<>\\"{}()//;=*,.$^|', "\n", "\x1a", "\xe4", "\u20ac"])


def reports() -> st.SearchStrategy[JobReport]:
    texts = {field: st.text(CHARACTERS, max_size=width + 2) for field, width in WIDTHS.items()}
    return st.builds(
        JobReport,
        **{**texts, "kind": st.sampled_from(KINDS)},
        time=st.integers(0, 4_000_000_000_000_000).map(lambda micro: micro / 1_000_000),
        event=st.integers(0, 2_000_000_000),
    )


@pytest.mark.slow
@given(reports())
def test_both_ways_write_the_same_bytes(report: JobReport) -> None:
    assert render_job_mif(report) == job_mif._render(report)


@given(reports())
def test_both_ways_read_the_same_report(report: JobReport) -> None:
    data = job_mif._render(report)
    quick = read_plain_job_mif(data)
    assert (quick is not None) is is_plain(report)
    if quick is not None:
        assert quick == job_report(read(data, Mode.SMS).component)


def is_plain(report: JobReport) -> bool:
    texts = {field: in_8_bits(getattr(report, field)) for field in WIDTHS}
    texts["report"] = report.report  # which is compared, and so never cut down
    fit = all(len(text) <= WIDTHS[field] for field, text in texts.items())
    return (
        fit
        and report.event < 10**9
        and all(text.isascii() and not set(text) & set('"\\\n\x1a') for text in texts.values())
    )


@pytest.mark.parametrize("field", WIDTHS)
def test_the_declared_length_is_the_edge_of_the_short_way(field: str) -> None:
    width = WIDTHS[field]
    if field != "kind":
        fits = msgspec.structs.replace(REPORT, **{field: "x" * width})
        assert read_plain_job_mif(render_job_mif(fits)) == fits
    does_not = msgspec.structs.replace(REPORT, **{field: "x" * (width + 1)})
    assert read_plain_job_mif(job_mif._render(does_not)) is None


def test_what_is_not_as_we_write_it_is_declined() -> None:
    plain = render_job_mif(REPORT)
    assert read_plain_job_mif(plain) == REPORT == read_delta_mif(plain)
    facts = JobNotice("PATCH", "Run Command On Workstation", "BPC00001", "PATCH", "x", 1)
    for other in (
        plain + b" ",
        plain.replace(b"\r\n", b"\n"),
        plain.replace(b'"Workstation"', b'"Toaster"'),
        plain.replace(b"VALUE = 0", b"VALUE = 00"),
        plain.replace(b"STRING(8)", b"STRING(9)"),
        plain.replace(b'"installed"', b'"' + b"x" * 256 + b'"'),
        render_job_mif(msgspec.structs.replace(REPORT, facts=facts)),
        b"",
    ):
        assert read_plain_job_mif(other) is None, other


def test_an_impossible_date_is_refused_by_both() -> None:
    wrong = render_job_mif(REPORT).replace(b"1996060", b"1996999")
    for reader in (read_plain_job_mif, read_delta_mif):
        with pytest.raises(MifError, match="no such date"):
            reader(wrong)


def test_a_report_that_looks_like_the_sample_is_written_as_it_is() -> None:
    texts = {field: mark((n + 1) % 10)[: WIDTHS[field]] for n, field in enumerate(WIDTHS)}
    report = JobReport(**{**texts, "kind": "Server"}, time=SAMPLE_TIME, event=SAMPLE_EVENT)  # type: ignore[arg-type]
    assert render_job_mif(report) == job_mif._render(report)
    assert read_plain_job_mif(render_job_mif(report)) == report
