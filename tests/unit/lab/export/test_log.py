"""One log of a run: refusals are errors, everything else is information."""

from __future__ import annotations

from despoolr_core.records.kinds.site import LineLogged
from despoolr_lab.export.log import cmtrace
from worlds.report import Site, blocked_update


def test_a_refusal_is_an_error_that_names_the_holder() -> None:
    lines = [line.decode() for line in cmtrace(blocked_update())]
    errors = [line for line in lines if 'type="3"' in line]
    assert len(errors) == 12
    assert "SMS_DESPOOLER on SITE1 was refused \\\\LOGON1\\SMS_PKGD\\PKG\\b.dat" in errors[0]
    assert "WINWORD.EXE on WS1 (O1) holds it" in errors[0]


def test_opens_closes_and_lines_of_services_are_information_in_their_order() -> None:
    site = (
        Site()
        .hold("WS1")
        .record("BPC/SMS_DESPOOLER", LineLogged(component="SMS_DESPOOLER", text="Waiting~"))
    )
    lines = b"".join(cmtrace(site.close().records)).decode().splitlines()
    assert ["opened" in lines[0], "Waiting" in lines[1], "is closed" in lines[2]] == [True] * 3
    assert all('type="1"' in line for line in lines)
