"""JUnit XML of what was checked, so that a CI shows it.

The law: one case a check. What went wrong with the run itself is an error, what it found wrong is a
failure, what it could not ask is skipped. XML has no control characters, and a name from a server
may have any: they are escaped as before a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple
from xml.etree import ElementTree as xml

from despoolr_core.rules.text import escaped


class CheckResult(StrEnum):
    """What a check came to; the value is its element's name."""

    PASSED = ""
    FAILURE = "failure"
    ERROR = "error"
    SKIPPED = "skipped"


class Check(NamedTuple):
    """One case, and why it is not passed."""

    name: str
    result: CheckResult = CheckResult.PASSED
    why: tuple[str, ...] = ()


def junit(suite: str, classname: str, wall_s: float, checks: Iterable[Check]) -> bytes:
    """The file. A case counts once, however many reasons it has."""
    root = xml.Element("testsuite", name=suite, time=f"{wall_s:.1f}")
    counts = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for check in checks:
        case = xml.SubElement(root, "testcase", classname=classname, name=check.name)
        counts["tests"] += 1
        if check.result is not CheckResult.PASSED:
            counts[_COUNTED[check.result]] += 1
            for reason in check.why or ("",):
                xml.SubElement(case, check.result.value, message=reason)
    for name, count in counts.items():
        root.set(name, str(count))
    for element in root.iter():
        element.attrib.update({key: escaped(value) for key, value in element.attrib.items()})
    xml.indent(root)
    return bytes(xml.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


_COUNTED = {
    CheckResult.FAILURE: "failures",
    CheckResult.ERROR: "errors",
    CheckResult.SKIPPED: "skipped",
}
