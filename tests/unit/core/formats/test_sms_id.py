"""What an identifier looks like, and which one comes next."""

from __future__ import annotations

import pytest

from despoolr_core.formats.sms_id import (
    IdError,
    check_site_code,
    first_sms_id,
    is_package_id,
    is_sms_id,
    job_id,
    next_sms_id,
    package_id,
    parse_sms_id,
    request_id,
    send_request_id,
    to_base36,
)


def test_an_sms_id_is_site_range_and_sequence_in_base_36() -> None:
    sms_id = parse_sms_id("BPC0100Z")
    assert (sms_id.site, sms_id.range, sms_id.sequence) == ("BPC", 1, 35)
    assert str(sms_id) == "BPC0100Z"


def test_the_next_sms_id_counts_in_base_36() -> None:
    assert next_sms_id("BP000000") == "BP000001"
    assert next_sms_id("BPC00009") == "BPC0000A"
    assert next_sms_id("BPC0000Z") == "BPC00010"
    assert next_sms_id("BPC000ZZ") == "BPC00100"


def test_clients_go_on_to_zzz_while_no_new_range_has_come() -> None:
    assert next_sms_id("BPC00ZZY") == "BPC00ZZZ"
    with pytest.raises(IdError, match="range BPC00 is used up"):
        next_sms_id("BPC00ZZZ")


def test_a_new_range_starts_at_zero() -> None:
    assert first_sms_id("bpc") == "BPC00000"


@pytest.mark.parametrize("code", ["CON", "PRN", "AUX", "NUL", "con"])
def test_device_names_are_no_sites(code: str) -> None:
    """Q182420."""
    with pytest.raises(IdError, match="device name"):
        check_site_code(code)


@pytest.mark.parametrize("code", ["", "AB", "ABCD", "A-B", "ÄBC", "A B"])
def test_a_site_code_is_three_letters_or_digits(code: str) -> None:
    with pytest.raises(IdError):
        check_site_code(code)


def test_site_codes_are_written_in_upper_case() -> None:
    assert check_site_code("bp0") == "BP0"
    assert check_site_code("100") == "100"


@pytest.mark.parametrize(
    "text", ["", "BPC0000", "BPC000000", "bpc00000", "BPC-0000", "CON00000", "BPC0000Ö"]
)
def test_what_is_no_sms_id_is_refused(text: str) -> None:
    assert not is_sms_id(text)
    with pytest.raises(IdError):
        parse_sms_id(text)


def test_package_and_job_ids_are_site_and_five_hex_digits() -> None:
    """Q123499."""
    assert package_id("BPC", 10) == "BPC0000A"
    assert job_id("BPC", 0xAA) == "BPC000AA"
    assert package_id("100", 6) == "10000006"
    assert all(map(is_package_id, ("BPC0000A", "40100002", "AUS0001B", "TOP00001")))
    with pytest.raises(IdError):
        package_id("BPC", 0x100000)


def test_the_mark_of_q235805_is_no_package_id() -> None:
    assert not is_package_id("100Z0006")


def test_request_ids_are_seven_characters() -> None:
    """Q123499, Q125934, Q231378."""
    assert request_id("BPC", 58) == "BPC001M"


def test_send_request_ids_end_with_the_site() -> None:
    """Q123221."""
    assert send_request_id("BPC", int("2ZY", 36)) == "_2ZYBPC"


def test_a_number_that_does_not_fit_is_refused() -> None:
    assert to_base36(46_655, 3) == "ZZZ"
    for value in (-1, 46_656):
        with pytest.raises(IdError):
            to_base36(value, 3)
