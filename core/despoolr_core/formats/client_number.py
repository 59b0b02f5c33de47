"""Client numbers, names and SMSIDs: a client's SMSID is what one logon server would have handed out
to it (Q127052).
"""

from __future__ import annotations

from typing import Final

from despoolr_core.formats.sms_id import SmsId

DIGITS_MAX: Final = 15
RANGE_SIZE: Final = 44_065
"""SMSIDs of one range (Q127052)."""


def sms_id_of(site: str, number: int) -> str:
    """The SMSID of a site's n-th client, counted from 0."""
    return str(SmsId(site, number // RANGE_SIZE, number % RANGE_SIZE))


def number_of(sms_id: str) -> int:
    """The number of the client that has an SMSID of eight characters; the inverse of
    `sms_id_of`.
    """
    return int(sms_id[3:5], 36) * RANGE_SIZE + int(sms_id[5:], 36)


def name_of(prefix: str, number: int) -> str:
    """The machine name of a client."""
    return f"{prefix}{number:05}"


def number_in(prefix: str, name: str) -> int | None:
    """The number of the client that has a machine name; the inverse of `name_of`, None for a name
    that it does not give.
    """
    digits = name[len(prefix) :]
    if (
        not name.startswith(prefix)
        or not (digits.isascii() and digits.isdecimal())
        or len(digits) > DIGITS_MAX
    ):
        return None
    number = int(digits)
    return number if name_of(prefix, number) == name else None
