"""An update stopped by an editor's lock, from end to end: the file is edited over WebDAV, the
Despooler is refused.

Once through a mounted file system (davfs2), where this machine can mount one; once as an editor's
library asks, with curl.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from despoolr_core.share.modes import Role
from despoolr_server.http.base.auth import Auth
from worlds.dav import lockinfo
from worlds.dav_clients import PACKAGES, DavServer, run
from worlds.process import SERVE_ALL, Administrator, Workshop, until
from worlds.support import leave_out

FAST = ("--time", "x600", "--response", "Very Fast")


@pytest.fixture
def mount(server: DavServer, tmp_path: Path) -> Iterator[Path]:
    """The share as a directory. Where the kernel or the container allows no mount, the test says
    so, loudly.
    """
    place, cache, secrets, config = (
        tmp_path / name for name in ("mount", "cache", "secrets", "davfs2.conf")
    )
    place.mkdir()
    cache.mkdir()
    shutil.chown(cache, "root", "davfs2")
    cache.chmod(0o775)
    # davfs2 gives up its rights and must still get there
    for directory in (tmp_path, *tmp_path.parents):
        if directory.stat().st_uid == os.getuid() and directory.parent != directory:
            directory.chmod(directory.stat().st_mode | 0o011)
    secrets.write_text(f"{server.url} {server.user} {server.token}\n")
    secrets.chmod(0o600)
    config.write_text(f"secrets {secrets}\ncache_dir {cache}\nuse_locks 1\ndelay_upload 0\n")
    said = run(
        "mount.davfs", "-o", f"conf={config}", server.url, str(place), at=tmp_path, expected=None
    )
    if not os.path.ismount(place):
        text = (
            "THIS MACHINE CANNOT MOUNT davfs2 (no /dev/fuse, or no right to mount); the share "
            f"was not tried that way: {said}"
        )
        if not Path("/dev/fuse").exists() or "fuse" in said.lower() or "permitted" in said.lower():
            leave_out(text)
        pytest.fail(text)
    try:
        yield place
    finally:
        run("umount", str(place), at=tmp_path)


def test_a_file_open_in_a_mounted_share_is_held_and_let_go_when_it_is_closed(
    server: DavServer, mount: Path
) -> None:
    folder = mount / "CS100005"
    folder.mkdir()
    (folder / "ä b.txt").write_text("one\n")
    until(lambda: not server.opens(), "davfs2 gives the new file's lock back")
    with (folder / "ä b.txt").open("a") as file:
        file.write("two\n")
        file.flush()
        (row,) = until(server.opens, "davfs2 locks the file it writes")
        assert (row.path, row.program, row.machine, row.user) == (
            "CS100005/ä b.txt",
            "davfs2",
            "WS7",
            "anna",
        )
        assert (row.access, row.share_mode, row.kind) == (
            "READ|WRITE",
            "READ",
            "WebDAV lock, exclusive, depth 0",
        )
    until(lambda: not server.opens(), "davfs2 unlocks the file it has written")
    (folder / "ä b.txt").rename(folder / "c.txt")
    assert (folder / "c.txt").read_text() == "one\ntwo\n"
    (folder / "c.txt").unlink()
    folder.rmdir()
    assert not (mount / "CS100005").exists()


def test_an_editors_lock_stops_the_despooler_and_the_update_says_who(
    workshop: Workshop, tmp_path: Path
) -> None:
    workshop.start(
        *SERVE_ALL,
        *FAST,
        "--clients",
        "2",
    )
    servers = workshop.servers()
    administrator, logon = Administrator(servers["SITE1"]), servers["LOGON1"]
    package = administrator.make_package("OFFICE", a="a one", b="b one")
    first = administrator.run_everywhere("FIRST", package)
    until(
        lambda: administrator.job(first)["job"]["status"] == "Complete",
        "the job runs on every machine",
    )

    token = Auth((tmp_path / "despoolr-data/all/secret").read_bytes().strip()).issue(
        "WS7", "anna", Role.SERVICE
    )
    file = f"{logon.url}/{PACKAGES}/{package}/b.dat"
    curl = ("curl", "-sS", "-f", "-u", f"anna:{token}", "-A", "soffice/7.4", "-D", "headers")
    (tmp_path / "lock").write_bytes(lockinfo())
    run(
        *curl,
        "-X",
        "LOCK",
        "-H",
        "Depth: 0",
        "-H",
        "Timeout: Second-3600",
        "-T",
        "lock",
        file,
        at=tmp_path,
    )
    headers = (tmp_path / "headers").read_text().splitlines()
    lock = next(line.split()[1] for line in headers if line.lower().startswith("lock-token:"))

    administrator.upload("OFFICE", a="a two", b="b two")
    update = administrator.update("UPDATE", package)
    until(
        lambda: administrator.job(update)["job"]["status"] == "Retrying",
        "the update stops at the locked file",
    )
    (held,) = workshop.json("locks", "--path", "b.dat")["locks"]
    assert (held["machine"], held["user"], held["program"]) == ("WS7", "anna", "soffice")
    assert held["kind"] == "WebDAV lock, exclusive, depth 0"
    assert held["refusal_count"] >= 1
    assert "soffice (WebDAV lock, exclusive, depth 0)" in workshop.run("locks").stdout
    assert (
        "soffice on WS7 (user anna) held it open with READ|WRITE access sharing READ"
        in workshop.run("why").stdout
    )

    run(*curl, "-X", "UNLOCK", "-H", f"Lock-Token: {lock}", file, at=tmp_path)
    until(
        lambda: administrator.job(update)["job"]["status"] == "Complete",
        "the next attempt gets through",
    )
    assert run(*curl, file, at=tmp_path) == "b two"
