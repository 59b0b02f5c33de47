"""Status MIFs: both shapes, what is malformed, the 64 KB edge. (The printed ones:
tests/contract/test_mif_corpus.py.)
"""

from __future__ import annotations

import pytest

from despoolr_core.formats.mif.codec import check, parse
from despoolr_core.formats.mif.language.findings import MifError, MifTooLarge, Severity
from despoolr_core.formats.mif.sms import STATUS_MIF_SIZE_MAX
from despoolr_core.formats.reports.status_mif import StatusMif, read_status_mif, render_status_mif
from worlds.mif_samples import attribute, group, mif

FIVE = StatusMif("Failed", "It broke", "Jamalz", "JamalTest", "3.15", "01122121r", "12/12/95")
SIX = StatusMif("Success", "fine", "Microsoft", "SMS", "1.2", "", "DateTime", locale="")


def install_status(status: str = '"SUCCESS"', description: str = '"x"', head: str = "ID=1") -> str:
    return group(
        attribute(name='"Status"', value=status),
        attribute("2", name='"Description"', value=description, type_="STRING(255)"),
        head=f'{head} CLASS="MICROSOFT|JOBSTATUS|1.0"',
    )


@pytest.mark.parametrize("status", [FIVE, SIX], ids=["SMS 1.x", "ISMIF32"])
def test_both_shapes_are_written_and_read_back(status: StatusMif) -> None:
    data = render_status_mif(status)
    assert read_status_mif(data) == status
    assert [f for f in check(data) if f.severity >= Severity.WARNING] == []


def test_the_shapes_differ_as_the_articles_do() -> None:
    five, six = parse(render_status_mif(FIVE)).component, parse(render_status_mif(SIX)).component
    assert [len(g.attributes) for g in five.groups] == [5, 2] and [
        len(g.attributes) for g in six.groups
    ] == [6, 2]
    assert {a.type.size for g in five.groups for a in g.attributes if a.type} == {45}
    assert [a.type.size for g in six.groups for a in g.attributes if a.type] == [
        64,
        64,
        64,
        16,
        64,
        64,
        32,
        4,
    ]


def test_a_longer_text_widens_its_declaration() -> None:
    long = StatusMif("Failed", 'C:\\TEMP "x" é' * 10)
    assert read_status_mif(render_status_mif(long)) == long
    assert (
        len(read_status_mif(render_status_mif(StatusMif("Failed", "x" * 300))).description) == 255
    )


def test_what_is_beyond_iso_8859_1_costs_no_result() -> None:
    said = render_status_mif(StatusMif("Failed", "nur 5 € übrig"))
    assert read_status_mif(said) == StatusMif("Failed", "nur 5 ? übrig")


def test_install_status_alone_is_enough_and_case_does_not_count() -> None:
    assert read_status_mif(mif(install_status())) == StatusMif("Success", "x")
    assert read_status_mif(mif(install_status('"FAILED"', '""'))) == StatusMif("Failed")
    assert read_status_mif(mif(install_status('"failed"'))).status != "Success"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Status = Failed",
        mif(),
        mif(install_status('"Maybe"')),
        mif(install_status("UNSUPPORTED")),
        mif(install_status().replace('"Status"', '"Statu"')),
        mif(install_status('"Success')),
        mif(install_status(description="It did not work\n")),
        render_status_mif(FIVE)[:-20],
        b"\xef\xbb\xbf" + render_status_mif(FIVE),
    ],
)
def test_a_malformed_status_mif_is_refused(data: bytes) -> None:
    with pytest.raises(MifError):
        read_status_mif(data)


def test_the_place_of_the_mistake_is_told() -> None:
    data = render_status_mif(FIVE).replace(b'VALUE = "3.15"', b"VALUE = 3.15")
    with pytest.raises(MifError) as refusal:
        read_status_mif(data)
    assert data.splitlines()[refusal.value.line - 1][refusal.value.column - 1 :] == b".15"


def test_64_kb_are_taken_and_one_byte_more_is_too_large() -> None:
    data = render_status_mif(FIVE)
    assert STATUS_MIF_SIZE_MAX == 65_536
    assert read_status_mif(data + b" " * (STATUS_MIF_SIZE_MAX - len(data))) == FIVE
    with pytest.raises(MifTooLarge) as refusal:
        read_status_mif(data + b" " * (STATUS_MIF_SIZE_MAX - len(data) + 1))
    assert (refusal.value.size, refusal.value.source) == (65_537, "Q122178")


def test_no_status_but_the_two_is_written() -> None:
    with pytest.raises(MifError):
        render_status_mif(StatusMif("Retrying"))
