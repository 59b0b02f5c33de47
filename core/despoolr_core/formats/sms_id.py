"""The identifiers of SMS: what is a site code, an SMSID, a request, package or job ID, and which
comes next.

An SMSID is `<site 3><range 2><sequence 3>` in base 36 (Q127052). Each logon server hands out one
range: a client takes the name of the `.UID` file and renames it to the next value. Once the value
has passed `*****Y00` (44,065 IDs), the Maintenance Manager issues a new range; the values from Y01
to ZZZ keep clients going until it does.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import msgspec

from despoolr_core.errors import FormatError
from despoolr_core.rules.fold import fold

DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
RESERVED_SITE_CODES: Final = frozenset({"CON", "PRN", "AUX", "NUL"})
"""Device names: no directory or file can have them (Q182420)."""

_SITE: Final = re.compile(r"[0-9A-Z]{3}")
_SMS_ID: Final = re.compile(r"[0-9A-Z]{8}")
_PACKAGE_ID: Final = re.compile(r"[0-9A-Z]{3}[0-9A-F]{5}")


class IdError(FormatError):
    """A text that is no such identifier, or no further one."""


@lru_cache(maxsize=1024)  # the counters of a fleet's reports are few
def to_base36(value: int, width: int) -> str:
    """`value` in base 36, upper case, filled with zeros to `width`. Raises `IdError` if it does not
    fit.
    """
    if not 0 <= value < 36**width:
        raise IdError(f"{value} does not fit in {width} base-36 digits")
    digits = ""
    for _ in range(width):
        value, digit = divmod(value, 36)
        digits = DIGITS[digit] + digits
    return digits


def check_site_code(text: str) -> str:
    """`text` in upper case. Raises `IdError` with the reason if no site can have that code."""
    code = fold(text)
    if code in RESERVED_SITE_CODES:
        raise IdError(
            f"site code {text!r} is a device name (CON, PRN, AUX and NUL are reserved: Q182420)"
        )
    if _SITE.fullmatch(code) is None:
        raise IdError(f"site code {text!r} must be three of 0-9 and A-Z")
    return code


class SmsId(msgspec.Struct, frozen=True):
    """A client's identity, in its three parts; `str()` is the eight characters."""

    site: str
    range: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.site}{to_base36(self.range, 2)}{to_base36(self.sequence, 3)}"


SEQUENCE_MAX: Final = 36**3 - 1


def parse_sms_id(text: str) -> SmsId:
    """Read eight base-36 characters. Raises `IdError` if they are no SMSID or belong to no possible
    site.
    """
    if _SMS_ID.fullmatch(text) is None:
        raise IdError(f"SMSID {text!r} must be eight of 0-9 and A-Z")
    check_site_code(text[:3])
    return SmsId(text[:3], int(text[3:5], 36), int(text[5:], 36))


def is_sms_id(text: str) -> bool:
    """Whether `text` can be a client's SMSID."""
    return _SMS_ID.fullmatch(text) is not None and text[:3] not in RESERVED_SITE_CODES


def first_sms_id(site: str) -> str:
    """The SMSID with which a site's first range starts, e.g. `BPC00000`: what the Maintenance
    Manager names a new `.UID` file. Raises `IdError` for what is not a site code.
    """
    return str(SmsId(check_site_code(site), 0, 0))


def next_sms_id(text: str) -> str:
    """What a client renames the `.UID` file to after it took `text`. Raises `IdError` after `ZZZ`:
    the range is empty.
    """
    sms_id = parse_sms_id(text)
    if sms_id.sequence == SEQUENCE_MAX:
        raise IdError(f"the SMSID range {text[:5]} is used up")
    return str(SmsId(sms_id.site, sms_id.range, sms_id.sequence + 1))


def package_id(site: str, number: int) -> str:
    """A package's ID: site code and five hex digits: `BPC0000A` (Q123499). Raises `IdError`."""
    return _site_and_hex(site, number, "package")


def job_id(site: str, number: int) -> str:
    """A job's ID: site code and five hex digits, e.g. `BPC000AA` (Q123499). Raises `IdError`."""
    return _site_and_hex(site, number, "job")


def _site_and_hex(site: str, number: int, what: str) -> str:
    if not 0 <= number <= 0xFFFFF:
        raise IdError(f"{what} number {number} does not fit in five hex digits")
    return f"{check_site_code(site)}{number:05X}"


def is_package_id(text: str) -> bool:
    """Whether `text` can be a package's or a job's ID. (`100Z0006`, the mark of Q235805, is
    none.)
    """
    return _PACKAGE_ID.fullmatch(text) is not None and text[:3] not in RESERVED_SITE_CODES


def request_id(site: str, number: int) -> str:
    """A distribution's ID: site code and four base-36 digits, e.g. `BPC001M` (Q123499; base 36 is
    read off its samples). Raises `IdError`.
    """
    return f"{check_site_code(site)}{to_base36(number, 4)}"


def send_request_id(site: str, number: int) -> str:
    """A send request's ID: `_`, three base-36 digits and the site code, e.g. `_2ZYBPC` (Q123221;
    the form is read off it). Raises `IdError`.
    """
    return f"_{to_base36(number, 3)}{check_site_code(site)}"
