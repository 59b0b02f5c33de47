"""A client's number and its SMSID say the same."""

from __future__ import annotations

import pytest

from despoolr_core.formats.client_number import RANGE_SIZE, name_of, number_in, number_of, sms_id_of
from despoolr_core.formats.sms_id import is_sms_id


@pytest.mark.parametrize("number", [0, 1, 35, 36, RANGE_SIZE - 1, RANGE_SIZE, 1_000_000])
def test_a_number_is_its_smsids_and_back(number: int) -> None:
    sms_id = sms_id_of("BPC", number)
    assert is_sms_id(sms_id) and sms_id.startswith("BPC") and number_of(sms_id) == number


def test_a_range_ends_where_the_articles_say() -> None:
    assert (sms_id_of("BPC", RANGE_SIZE - 1), sms_id_of("BPC", RANGE_SIZE)) == (
        "BPC00Y00",
        "BPC01000",
    )


def test_names_have_five_digits_and_more_where_they_need_them() -> None:
    assert (name_of("PC", 7), name_of("QX", 123456)) == ("PC00007", "QX123456")


@pytest.mark.parametrize(
    ("prefix", "name", "number"),
    [
        ("PC", "PC00007", 7),
        ("PC", "PC100001", 100_001),
        ("PC1", "PC100001", 1),
        ("PC", "PC000007", None),
        ("PC", "PC7", None),
        ("PC", "QX00007", None),
        ("PC", "PC0000X", None),
        ("PC", "PC0000\u0667", None),
        ("PC", "PC" + "9" * 5000, None),
    ],
)
def test_a_name_is_the_number_that_gives_it_or_none(
    prefix: str, name: str, number: int | None
) -> None:
    assert number_in(prefix, name) == number
