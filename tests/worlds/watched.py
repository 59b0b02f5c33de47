"""A Samba that is none: a program that says what `smbstatus -j` would, and lines of full_audit."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = "/srv/pkg"
CLIENTS = {"alice": (101, "127.0.0.11"), "bob": (102, "127.0.0.12"), "deploy": (105, "127.0.0.21")}


def iso(at: float) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).isoformat(timespec="microseconds")


def held(user: str, path: str, opened_at: float, share_mode: int = 1, access: int = 1) -> Any:
    """An open of a sample."""
    return {
        "user": user,
        "path": path,
        "opened_at": opened_at,
        "share_mode": share_mode,
        "access": access,
    }


def status(at: float, *opens: Mapping[str, Any]) -> bytes:
    """What `smbstatus -j` says."""
    files: dict[str, Any] = {}
    for number, one in enumerate(opens):
        pid, _ = CLIENTS[one["user"]]
        file = files.setdefault(
            f"{ROOT}/{one['path']}",
            {"service_path": ROOT, "filename": one["path"], "num_pending_deletes": 0, "opens": {}},
        )
        file["opens"][f"{pid}/{number}"] = {
            "server_id": {"pid": str(pid)},
            "uid": pid,
            "share_file_id": one["path"],
            "sharemode": {"hex": hex(one["share_mode"])},
            "access_mask": {"hex": hex(one["access"])},
            "opened_at": iso(one["opened_at"]),
        }
    sessions = {
        str(pid): {
            "server_id": {"pid": str(pid)},
            "uid": pid,
            "username": user,
            "remote_machine": address,
            "hostname": f"ipv4:{address}:50000",
        }
        for user, (pid, address) in CLIENTS.items()
    }
    tcons = {
        str(pid): {"service": "pkg", "server_id": {"pid": str(pid)}} for pid, _ in CLIENTS.values()
    }
    told = {"timestamp": iso(at), "smb_conf": "/etc/samba/smb.conf", "sessions": sessions}
    return json.dumps(told | {"tcons": tcons, "open_files": files}).encode()


def audited(at: float, user: str, operation: str, result: str, *arguments: str) -> str:
    """Two lines of a log that full_audit has for itself."""
    _, address = CLIENTS[user]
    stamp = dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y/%m/%d %H:%M:%S.%f")
    parts = [user, address, "ws" + address.rpartition(".")[2], "pkg", operation, result, *arguments]
    return f"[{stamp},  1, pid=7] ../../vfs_full_audit.c:643(do_log)\n  {'|'.join(parts)}\n"


def opened(at: float, user: str, path: str, *, refused: bool = False, write: bool = False) -> str:
    """An open as full_audit tells it, with smbd's own closes before and after."""
    whole = f"{ROOT}/{path}"
    result = "fail (Operation not permitted)" if refused else "ok"
    access = "0x2" if write else "0x1"
    own = audited(at, user, "close", "ok", whole) * (2 if refused else 1)
    made = audited(at, user, "create_file", result, access, "file", "open", whole)
    return own + made + audited(at, user, "close", "ok", whole.rpartition("/")[0])


def closed(at: float, user: str, path: str) -> str:
    """A close of a client."""
    return audited(at, user, "close", "ok", f"{ROOT}/{path}")


class FakeSamba:
    """A directory with a program `smbstatus` and a log; `says` sets what the program answers,
    `does_when_asked` what it does at the next question.
    """

    def __init__(self, path: Path) -> None:
        self.program = path / "smbstatus"
        self.log = path / "audit.log"
        self.log.touch()
        self._answer = path / "answer.json"
        self.deed = path / "deed.py"
        self.program.write_text(
            f"#!{sys.executable}\n"
            "import os, sys\n"
            f"deed = {str(self.deed)!r}\n"
            "if os.path.exists(deed):\n"
            "    text = open(deed).read()\n"
            "    os.remove(deed)\n"
            "    exec(text)\n"
            "assert sys.argv[1] == '-j', sys.argv\n"
            f"sys.stdout.buffer.write(open({str(self._answer)!r}, 'rb').read())\n"
        )
        self.program.chmod(0o755)

    def says(self, answer: bytes) -> None:
        beside = self._answer.with_suffix(".new")
        beside.write_bytes(answer)
        beside.replace(self._answer)

    def does_when_asked(self, code: str) -> None:
        self.deed.write_text(code)

    def logs(self, lines: Iterable[str]) -> None:
        with self.log.open("a") as file:
            file.write("".join(lines))
