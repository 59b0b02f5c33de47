"""Keys by which a failure is known again."""

from __future__ import annotations

import pytest

from despoolr_lab.explore.rules.breach import Breach, role_of, without_ids

SHARES = frozenset({"SMS_PKGD"})


@pytest.mark.parametrize(
    ("share", "path", "role"),
    [
        ("SMS_PKGD", "BPC00001/b.dat", "package file"),
        ("PKGSRC", "OFFICE/b.dat", "package source"),
        ("SMS_SITE", "BPC00001.INS", "site box"),
        ("SMS_SHR", "PCMINS.BOX/BPC00001.INS", "PCMINS.BOX"),
        ("SMS_SHRD", "SITE.SRV/DATALOAD.BOX/DELTAMIF.COL/X1.MIF", "DELTAMIF.COL"),
        ("DATA", "letter.doc", "DATA"),
    ],
)
def test_a_path_is_known_by_its_role(share: str, path: str, role: str) -> None:
    assert role_of(share, path, SHARES) == role


def test_the_same_failure_of_two_machines_is_one_key() -> None:
    one = Breach("a lost retry", "LOGON1 refused job BPC00001", 5.0, 7, "package file", "DESPOOLER")
    two = Breach("a lost retry", "LOGON2 refused job BPC00009", 9.0, 1, "package file", "DESPOOLER")
    assert one.key("temp_and_rename") == two.key("temp_and_rename")
    assert str(one.key("")) == "a lost retry, package file, DESPOOLER"


def test_names_of_expectations_are_told_without_ids() -> None:
    assert without_ids("WS50 has BPC0000A after 3 days") == "WS# has # after # days"
