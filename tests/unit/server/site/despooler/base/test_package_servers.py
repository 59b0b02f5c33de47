"""Which servers have a package, and whom an instruction concerns."""

from __future__ import annotations

import pytest

from despoolr_core.formats.instructions.instruction import (
    Install,
    InstallKind,
    PackageTarget,
    RetryOf,
)
from despoolr_server.site.despooler.base.package_servers import PackageServers
from despoolr_server.site.despooler.base.part import Desk
from despoolr_server.site.state.mif_box import MifBox
from despoolr_server.site.state.registry import Registry
from worlds.site import Bench

PACKAGE = "BPC00001"


def servers(**overrides: object) -> PackageServers:
    bench = Bench("1.2", ("LOGON1", "LOGON2", "LOGON3"), **overrides)  # type: ignore[arg-type]
    root = bench.root
    mifs = MifBox(root, "X")
    return PackageServers(Desk(bench.site, root, root, Registry(root), mifs, lambda text: None))


def install(
    *put_on: str,
    refresh: bool = False,
    retry_of: RetryOf = RetryOf.NOTHING,
    kind: InstallKind = InstallKind.INSTALL,
) -> Install:
    targets = tuple(PackageTarget(name, "SMS_PKGD") for name in put_on)
    return Install(
        kind=kind,
        site="BPC",
        job_id="BPC00001",
        package_id=PACKAGE,
        servers=targets,
        refresh_existing=refresh,
        retry_of=retry_of,
    )


def test_whom_an_instruction_concerns() -> None:
    known = servers()
    known.has(known.roles[0], PACKAGE, 1, PACKAGE)
    concerned = {
        "a server that has it is left alone (Q140051)": (install("LOGON1"), []),
        "refresh concerns those that have it": (install(refresh=True), ["LOGON1"]),
        "a new server refreshes the old ones (Q235157)": (install("LOGON2"), ["LOGON1", "LOGON2"]),
        "a retry lists its servers itself": (
            install("LOGON3", refresh=True, retry_of=RetryOf.SERVERS),
            ["LOGON3"],
        ),
    }
    for why, (what, names) in concerned.items():
        assert [role.name for role in known.concerned(what)] == names, why


@pytest.mark.parametrize(
    ("kind", "run_refreshes", "names"),
    [
        (InstallKind.INSTALL, False, []),
        (InstallKind.INSTALL, True, ["LOGON1", "LOGON2"]),
        (InstallKind.SHARE, False, ["LOGON1", "LOGON2"]),
    ],
)
def test_a_share_job_refreshes_the_specified_servers_and_a_run_job_does_not(
    kind: InstallKind, run_refreshes: bool, names: list[str]
) -> None:
    """Q140051."""
    known = servers(run_job_refreshes_specified=run_refreshes)
    for role in known.roles:
        known.has(role, PACKAGE, 1, PACKAGE)
    found = known.concerned(install("LOGON1", "LOGON2", kind=kind))
    assert [role.name for role in found] == names


def test_the_retry_of_a_store_that_forgets_to_refresh_forgets_the_specified_servers_too() -> None:
    """Q195936."""
    known = servers()
    known.has(known.roles[0], PACKAGE, 1, PACKAGE)
    again = install("LOGON1", "LOGON2", retry_of=RetryOf.STORE, kind=InstallKind.SHARE)
    assert [role.name for role in known.concerned(again)] == ["LOGON2"]


def test_a_package_has_a_directory_on_each_server() -> None:
    known = servers()
    first = known.roles[0]
    assert known.unc(first, PACKAGE) == "\\\\LOGON1\\SMS_PKGD\\BPC00001\\"
    known.has(first, PACKAGE, 2, f"{PACKAGE}.NEW")
    assert known.unc(first, PACKAGE) == "\\\\LOGON1\\SMS_PKGD\\BPC00001.NEW\\"
    known.lost(first, PACKAGE)
    assert known.holders(PACKAGE) == []
    assert known.directory(first, PACKAGE) == PACKAGE
