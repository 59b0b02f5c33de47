"""Offer, mandatory and expiry dates against the client's own clock (`domain.md` b.6)."""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_client.pcm.terms import due_at, is_due, is_expired, is_offered, is_shown
from despoolr_core.formats.instructions.winst import WorkstationInstruction


def record(**fields: Any) -> WorkstationInstruction:
    return WorkstationInstruction(
        site_id="BPC", request_id="BPC0001", package_id="BPC00001", job_id="BPC00001", **fields
    )


@pytest.mark.parametrize(
    ("fields", "now", "offered", "due", "expired"),
    [
        ({}, 0.0, True, False, False),
        ({"display_date": 10.0}, 9.9, False, False, False),
        ({"display_date": 10.0}, 10.0, True, False, False),
        ({"install_by_full": 1, "install_by_date": 20.0}, 19.9, True, False, False),
        ({"install_by_full": 1, "install_by_date": 20.0}, 20.0, True, True, False),
        ({"install_by_full": 0, "install_by_date": 20.0}, 30.0, True, False, False),
        ({"install_by_full": 1}, 0.0, True, True, False),
        ({"install_by_full": 1, "display_date": 10.0}, 9.0, False, False, False),
        (
            {"install_by_full": 1, "install_by_date": 5.0, "display_date": 10.0},
            9.0,
            False,
            False,
            False,
        ),
        ({"expiration_full": 1, "expiration_date": 30.0}, 30.0, True, False, False),
        ({"expiration_full": 1, "expiration_date": 30.0}, 30.1, True, False, True),
        ({"expiration_full": 0, "expiration_date": 30.0}, 99.0, True, False, False),
        ({"expiration_full": 1}, 99.0, True, False, False),
    ],
)
def test_dates_are_read_against_the_clients_clock(
    fields: dict[str, Any], now: float, offered: bool, due: bool, expired: bool
) -> None:
    one = record(**fields)
    assert (is_offered(one, now), is_due(one, now), is_expired(one, now)) == (offered, due, expired)


def test_a_package_that_is_not_to_be_displayed_is_offered_but_not_shown() -> None:
    assert is_offered(record(display_full=0), 0.0)
    assert not is_shown(record(display_full=0), 0.0)


def test_an_optional_package_is_never_due() -> None:
    assert due_at(record(install_by_date=5.0)) is None
