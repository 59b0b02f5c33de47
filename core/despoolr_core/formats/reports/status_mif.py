"""Status MIFs: what a setup program leaves in the Windows directory to say how the installation
went.

Law (BORES 7E, Q166833, Q186415): component WORKSTATION; group ComponentID says what was installed,
group InstallStatus (class `MICROSOFT|JOBSTATUS|1.0`) how: Status "Success" or "Failed", and a
Description. Only the second group is needed (VB Setup kit and SQL Anywhere's setup write it alone).
Two shapes are in the field: five attributes in ComponentID (SMS 1.x), and six with Locale
(ISMIF32).
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import astuple

from despoolr_core.formats.mif.build import build_attribute, build_group, build_mif, in_8_bits
from despoolr_core.formats.mif.codec import parse
from despoolr_core.formats.mif.language.findings import MifError, MifTooLarge, Mode
from despoolr_core.formats.mif.language.model import Component, Group
from despoolr_core.formats.mif.render import render
from despoolr_core.formats.mif.sms import JOBSTATUS_CLASS, STATUS_MIF_SIZE_MAX, stored_values
from despoolr_core.rules.fold import fold
from despoolr_core.rules.memory import remembered, size_of

COMPONENT_ID_CLASS: Final = "DMTF|ComponentID|1.0"
SUCCESS: Final = "Success"
FAILED: Final = "Failed"

_WIDTH_SMS: Final = 45
"""Every string of Q166833's sample is a STRING(45)."""
_WIDTH_ISMIF: Final = 64
_WIDTH_LOCALE: Final = 16
_WIDTH_STATUS: Final = 32

REMEMBERED_MAX: Final = 1024
"""Files that are read once however often they come: a night's 20,000 setups mostly say the same
(Q140389).
"""
REMEMBERED_SIZE_MAX: Final = 4096
"""Bytes of a file that is remembered."""


class StatusMif(msgspec.Struct, frozen=True):
    """What a status MIF says. `status` is `Success` or `Failed`; with a `locale` (even `""`) the
    shape is ISMIF32's.

    `installation` is free text (a date in Q166833, the word "DateTime" from ISMIF32).
    """

    status: str
    description: str = ""
    manufacturer: str = ""
    product: str = ""
    version: str = ""
    serial_number: str = ""
    installation: str = ""
    locale: str | None = None


def render_status_mif(status: StatusMif) -> bytes:
    """The file a setup program writes, in one of its two shapes; a declared length grows with a
    longer text.

    Raises `MifError` if `status` is neither Success nor Failed.
    """
    return _rendered(status)


@remembered(REMEMBERED_MAX, REMEMBERED_SIZE_MAX, lambda status: size_of(astuple(status)))
def _rendered(status: StatusMif) -> bytes:
    _spelled(status.status)
    is_sms = status.locale is None
    width, status_width = (_WIDTH_SMS, _WIDTH_SMS) if is_sms else (_WIDTH_ISMIF, _WIDTH_STATUS)
    facts = [
        ("Manufacturer", status.manufacturer, width),
        ("Product", status.product, width),
        ("Version", status.version, width),
        ("Serial Number", status.serial_number, width),
        ("Installation", status.installation, width),
    ]
    if status.locale is not None:
        facts.insert(3, ("Locale", status.locale, _WIDTH_LOCALE))
    # ISMIF32 declares the description with the text's own length (Q186415: STRING(148) for 148
    # characters).
    result = [
        ("Status", status.status, status_width),
        ("Description", status.description, width if is_sms else 0),
    ]
    return render(
        build_mif(
            "WORKSTATION",
            [
                _group("ComponentID", 1, COMPONENT_ID_CLASS, facts),
                _group("InstallStatus", 2, JOBSTATUS_CLASS, result),
            ],
        )
    )


def _group(name: str, number: int, class_name: str, facts: list[tuple[str, str, int]]) -> Group:
    attributes = (
        build_attribute(fact, n, in_8_bits(value), size=size)
        for n, (fact, value, size) in enumerate(facts, start=1)
    )
    return build_group(name, number, class_name, attributes)


def read_status_mif(data: bytes) -> StatusMif:
    """What a status MIF says, as SMS keeps it: texts cut at their declared length and at 255
    characters.

    Raises `MifTooLarge` over 64 KB and `MifError` for anything SMS's parser does not take or that
    states no result; PCM answers both with event 119 (Q122178), and the job counts as a success
    (Q190135).
    """
    if len(data) > STATUS_MIF_SIZE_MAX:
        raise MifTooLarge(len(data), STATUS_MIF_SIZE_MAX, "Q122178")
    return _read(bytes(data))


@remembered(REMEMBERED_MAX, REMEMBERED_SIZE_MAX, len)
def _read(data: bytes) -> StatusMif:
    component = parse(data, Mode.SMS).component
    result = component.group(JOBSTATUS_CLASS)
    if result is None:
        raise MifError(f"no group of class {JOBSTATUS_CLASS}", rule="kind-status", source="Q166833")
    identity = component.group(COMPONENT_ID_CLASS)
    facts = {} if identity is None else _texts(component, identity)
    results = _texts(component, result)
    if "Status" not in results:
        raise MifError("InstallStatus has no Status", rule="kind-status", source="Q166833")
    return StatusMif(
        status=_spelled(results["Status"]),
        description=results.get("Description", ""),
        manufacturer=facts.get("Manufacturer", ""),
        product=facts.get("Product", ""),
        version=facts.get("Version", ""),
        serial_number=facts.get("Serial Number", ""),
        installation=facts.get("Installation", ""),
        locale=facts.get("Locale"),
    )


def _texts(component: Component, group: Group) -> dict[str, str]:
    return {
        name: "" if value is None else str(value)
        for name, value in stored_values(component, group).items()
    }


def _spelled(status: str) -> str:
    for known in (SUCCESS, FAILED):
        if fold(status) == fold(known):
            return known
    raise MifError(
        f"Status is {status!r}, not Success or Failed", rule="kind-status", source="Q166833"
    )
