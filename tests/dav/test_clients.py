"""curl, cadaver and rclone against a running server: files, trees, names, properties, locks."""

from __future__ import annotations

from pathlib import Path

import pytest

from worlds.dav import lockinfo, proppatch
from worlds.dav_clients import DavServer, run
from worlds.process import Workshop

NAME = "ä b #1 100%.txt"
ENCODED = "%C3%A4%20b%20%231%20100%25.txt"


class Curl:
    """curl with the person's credentials, at the share."""

    def __init__(self, server: DavServer, at: Path) -> None:
        self.server = server
        self.at = at

    def __call__(self, path: str, *options: str) -> str:
        user = ("-u", f"{self.server.user}:{self.server.token}")
        return run(
            "curl", "-sS", "--path-as-is", *user, *options, self.server.url + path, at=self.at
        )

    def status(self, path: str, *options: str) -> int:
        return int(self(path, "-o", "answer", "-w", "%{http_code}", *options))

    def answer(self) -> str:
        return (self.at / "answer").read_text("utf-8")


@pytest.fixture
def curl(server: DavServer, tmp_path: Path) -> Curl:
    return Curl(server, tmp_path)


def test_curl_writes_reads_in_part_moves_and_deletes(curl: Curl, tmp_path: Path) -> None:
    (tmp_path / "body").write_text("0123456789")
    assert curl.status("D", "-X", "MKCOL") == 201
    assert curl.status(f"D/{ENCODED}", "-T", "body") == 201
    assert curl.status(f"D/{ENCODED}", "-T", "body") == 204
    assert curl(f"D/{ENCODED}", "-r", "2-4") == "234"
    destination = ("-H", f"Destination: {curl.server.url}D/moved")
    assert curl.status(f"D/{ENCODED}", "-X", "MOVE", *destination) == 201
    assert curl.status(f"D/{ENCODED}") == 404
    assert curl.status("D/", "-X", "PROPFIND", "-H", "Depth: 1") == 207
    assert f"<D:href>/{curl.server.share}/D/moved</D:href>" in curl.answer()
    assert curl.status("D", "-X", "DELETE") == 204
    assert curl.status("D/moved") == 404


def test_curl_uploads_a_large_file_and_takes_up_where_it_stopped(
    curl: Curl, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 8192
    (tmp_path / "large").write_bytes(content)
    assert curl.status("large", "-T", "large", "-H", "Expect: 100-continue") == 201
    (tmp_path / "part").write_bytes(content[:1_000_000])
    curl("large", "-C", "-", "-o", "part")
    assert (tmp_path / "part").read_bytes() == content


def test_curl_locks_and_everybody_else_is_told_who_holds_the_file(
    curl: Curl, tmp_path: Path
) -> None:
    (tmp_path / "body").write_bytes(lockinfo())
    assert (
        curl.status("b.dat", "-X", "LOCK", "-H", "Depth: 0", "-T", "body", "-D", "headers") == 201
    )
    token = next(
        line.split()[1]
        for line in (tmp_path / "headers").read_text().splitlines()
        if line.lower().startswith("lock-token:")
    )
    assert curl.status("b.dat", "-T", "body") == 423
    assert '"program":"curl"' in curl.answer()
    assert curl.status("b.dat", "-T", "body", "-A", "davfs2/1.6") == 423
    assert "<D:lock-token-submitted>" in curl.answer()
    (row,) = curl.server.opens()
    assert (row.machine, row.user, row.program) == ("WS7", "anna", "curl")
    assert curl.status("b.dat", "-T", "body", "-H", f"If: ({token})") == 204
    assert curl.status("b.dat", "-X", "UNLOCK", "-H", f"Lock-Token: {token}") == 204
    assert curl.server.opens() == []


def test_what_was_kept_survives_a_killed_server_and_locks_do_not(
    workshop: Workshop, curl: Curl, tmp_path: Path
) -> None:
    (tmp_path / "lock").write_bytes(lockinfo())
    (tmp_path / "patch").write_bytes(
        proppatch("<D:set><D:prop><u:colour>röd</u:colour></D:prop></D:set>")
    )
    assert curl.status("A", "-X", "LOCK", "-T", "lock", "-D", "headers") == 201
    headers = (tmp_path / "headers").read_text().splitlines()
    token = next(line.split()[1] for line in headers if line.lower().startswith("lock-token:"))
    assert curl.status("A", "-X", "PROPPATCH", "-T", "patch", "-H", f"If: ({token})") == 207
    workshop.processes[0].kill()
    address = curl.server.base.removeprefix("http://")
    workshop.start("serve", "logon", "--listen", address, "--data", "data")
    assert curl.status("A", "-X", "PROPFIND", "-H", "Depth: 0") == 207
    assert "röd" in curl.answer()
    assert curl.status("A", "-T", "lock", "-H", f"If: ({token})") == 412
    assert curl.status("A", "-X", "UNLOCK", "-H", f"Lock-Token: {token}") == 409
    assert curl.status("A", "-T", "lock") == 204
    beside = (
        tmp_path
        / "data"
        / "LOGON1"
        / curl.server.share
        / ".despoolr"
        / "properties"
        / "properties.jsonl"
    )
    assert "colour" in beside.read_text("utf-8")


def test_cadaver_works_as_a_person_would_with_it(server: DavServer, tmp_path: Path) -> None:
    host = server.base.removeprefix("http://").partition(":")[0]
    netrc = tmp_path / ".netrc"
    netrc.write_text(f"machine {host} login {server.user} password {server.token}\n")
    netrc.chmod(0o600)
    (tmp_path / "ä b.txt").write_text("hello")
    commands = (
        'mkcol D\ncd D\nput "ä b.txt"\nls\nlock "ä b.txt"\ndiscover "ä b.txt"\nput "ä b.txt"\n'
        'propset "ä b.txt" colour red\npropget "ä b.txt" colour\ncopy "ä b.txt" c.txt\nmove c.txt '
        "d.txt\nget d.txt out.txt\n"
        'unlock "ä b.txt"\ndelete d.txt\ncd ..\ncopy D E\nrmcol D\nrmcol E\nls\nquit\n'
    )
    said = run(
        "cadaver",
        server.url,
        at=tmp_path,
        env={"HOME": str(tmp_path), "TERM": "dumb", "LC_ALL": "C.UTF-8"},
        text=commands,
    )
    assert "failed" not in said, said
    assert "Scope: exclusive  Type: write" in said
    assert "Value of colour is: red" in said
    assert "collection is empty" in said
    assert (tmp_path / "out.txt").read_text() == "hello"


def test_cadaver_is_told_that_a_file_is_locked(
    server: DavServer, tmp_path: Path, curl: Curl
) -> None:
    (tmp_path / "body").write_bytes(lockinfo())
    assert curl.status("b.dat", "-X", "LOCK", "-T", "body") == 201
    netrc = tmp_path / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login {server.user} password {server.token}\n")
    netrc.chmod(0o600)
    said = run(
        "cadaver",
        server.url,
        at=tmp_path,
        env={"HOME": str(tmp_path), "TERM": "dumb"},
        text="put body b.dat\nquit\n",
    )
    assert "423 Locked" in said


def test_rclone_copies_checks_moves_and_purges_a_tree(server: DavServer, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "x" / "y").mkdir(parents=True)
    (source / "x" / NAME).write_text("one")
    (source / "x" / "y" / "b.dat").write_bytes(bytes(300_000))
    (source / "empty").write_bytes(b"")
    remote = {
        "RCLONE_CONFIG": str(tmp_path / "rclone.conf"),
        "RCLONE_CONFIG_D_TYPE": "webdav",
        "RCLONE_CONFIG_D_URL": server.url,
        "RCLONE_CONFIG_D_VENDOR": "other",
        "RCLONE_CONFIG_D_USER": server.user,
        "RCLONE_CONFIG_D_PASS": run("rclone", "obscure", server.token, at=tmp_path).strip(),
    }
    (tmp_path / "rclone.conf").write_text("")

    def rclone(*command: str, expected: int = 0) -> str:
        return run(
            "rclone",
            "--retries",
            "1",
            "--low-level-retries",
            "1",
            *command,
            at=tmp_path,
            env=remote,
            expected=expected,
        )

    rclone("copy", "source", "D:copy")
    assert "0 differences found" in rclone("check", "source", "D:copy", "--download")
    assert sorted(rclone("lsf", "-R", "--files-only", "D:copy").splitlines()) == [
        "empty",
        "x/y/b.dat",
        f"x/{NAME}",
    ]
    assert rclone("cat", f"D:copy/x/{NAME}") == "one"
    assert len(rclone("cat", "D:copy/x/y/b.dat", "--offset", "100", "--count", "7")) == 7
    rclone("moveto", "D:copy/x", "D:copy/z")
    rclone("copyto", "D:copy/z/y/b.dat", "D:copy/z/c.dat")
    assert "directory not found" in rclone("lsf", "D:copy/x", expected=3)
    rclone("sync", "source", "D:copy")
    assert sorted(rclone("lsf", "-R", "--files-only", "D:copy").splitlines()) == [
        "empty",
        "x/y/b.dat",
        f"x/{NAME}",
    ]
    rclone("purge", "D:copy")
    assert rclone("lsf", "D:") == ""
