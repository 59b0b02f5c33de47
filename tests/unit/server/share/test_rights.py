"""Rights below a share: the longest prefix decides."""

from __future__ import annotations

import pytest

from despoolr_core.sharing import Role
from despoolr_server.share import rights
from despoolr_server.share.rights import Rights, RightsTable


@pytest.mark.parametrize("box", ["CCR.BOX", "DESPOOLR.BOX", "INVENTRY.BOX", "ISVMIF.BOX", "PCMPKG.SRC", "SMSID"])
def test_clients_change_the_boxes_they_report_through(box: str) -> None:
    assert rights.SMS_SHR.allowed(Role.CLIENT, box) == Rights.CHANGE
    assert rights.SMS_SHR.allowed(Role.CLIENT, f"{box}/X.TMP") == Rights.CHANGE


@pytest.mark.parametrize("path", ["", "PCMINS.BOX/AB100001.INS", "MSTEST", "DESPOOLR.BOXES/X", "DOMAIN.INI"])
def test_clients_only_read_elsewhere(path: str) -> None:
    assert rights.SMS_SHR.allowed(Role.CLIENT, path) == Rights.READ


@pytest.mark.parametrize("role", [Role.SERVICE, Role.ADMIN])
def test_the_service_and_administrators_have_full_control(role: Role) -> None:
    for table in (rights.SMS_SHR, rights.PACKAGE_SHARE, rights.SERVICE_ONLY, rights.SOURCE):
        assert table.allowed(role, "A/B") == Rights.FULL


def test_clients_have_nothing_on_a_service_share() -> None:
    assert rights.SERVICE_ONLY.allowed(Role.CLIENT, "") == Rights.NONE


def test_package_access_is_read_or_read_and_write() -> None:
    assert rights.PACKAGE_SHARE.allowed(Role.CLIENT, "P0001/A.EXE") == Rights.READ
    assert rights.PACKAGE_SHARE_WRITABLE.allowed(Role.CLIENT, "P0001/A.EXE") == Rights.CHANGE


def test_an_entry_can_be_changed_and_restored() -> None:
    table = rights.PACKAGE_SHARE.copy()
    assert table.set("p0001", Role.CLIENT, Rights.NONE) is None
    assert table.allowed(Role.CLIENT, "P0001/A") == Rights.NONE
    assert table.allowed(Role.CLIENT, "P0002/A") == Rights.READ
    assert table.set("P0001\\", Role.CLIENT, None) is Rights.NONE
    assert table.allowed(Role.CLIENT, "P0001/A") == Rights.READ
    assert rights.PACKAGE_SHARE.allowed(Role.CLIENT, "P0001") == Rights.READ


def test_the_longest_prefix_that_names_the_role_decides() -> None:
    table = RightsTable({"": {Role.CLIENT: Rights.READ}, "A": {Role.SERVICE: Rights.READ}, "A/B": {Role.CLIENT: Rights.FULL}})
    assert table.allowed(Role.CLIENT, "A/B/C") == Rights.FULL
    assert table.allowed(Role.CLIENT, "A/C") == Rights.READ
    assert table.allowed(Role.SERVICE, "A/C") == Rights.READ
    assert table.allowed(Role.SERVICE, "X") == Rights.FULL


def test_change_is_read_and_write_and_delete_but_not_ownership() -> None:
    assert Rights.CHANGE & 0x10007 == 0x10007
    assert not Rights.CHANGE & 0xC0000
    assert Rights.READ & 0x10006 == 0
    assert Rights.FULL & Rights.CHANGE == Rights.CHANGE
