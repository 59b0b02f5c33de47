"""A Samba of the test's own, on loopback and a free port, in a directory of its own; with names for
its users, which the machine does not know.

The law: it stands in its directory whole (configuration, databases, logs), and ends with the
test. smbd wants to be started by root; Debian: `samba` and `libnss-wrapper`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from worlds.support import free_port, leave_out, program

LOOPBACK: Final = "127.0.0.1"
SHARE: Final = "pkg"
PASSWORD: Final = "Secret-1"
USERS: Final = ("alice", "bob", "carol", "dave", "deploy")
START_S_MAX: Final = 30.0
FIRST_UID: Final = 20_001

_CONFIG: Final = """\
[global]
server role = standalone server
netbios name = FS1
smb ports = {port}
interfaces = lo
bind interfaces only = yes
disable netbios = yes
private dir = {root}/private
lock directory = {root}/lock
state directory = {root}/state
cache directory = {root}/cache
pid directory = {root}/pid
ncalrpc dir = {root}/ncalrpc
passdb backend = tdbsam
log file = {root}/smbd.log
max log size = 0
log level = {level} full_audit:1@{root}/audit.log
debug pid = yes
debug hires timestamp = yes
load printers = no
printcap name = /dev/null
disable spoolss = yes
{more}
[{share}]
path = {root}/{share}
read only = no
vfs objects = full_audit
full_audit:prefix = %u|%I|%m|%S
full_audit:success = create_file close connect disconnect renameat unlinkat
full_audit:failure = create_file
full_audit:syslog = false
"""


class Samba:
    """A running smbd; `path` is its share's directory."""

    def __init__(self, root: Path, port: int) -> None:
        self.root = root
        self.port = port
        self.path = root / SHARE
        self.log = root / "smbd.log"
        self.audit = root / "audit.log"
        self.config = root / "smb.conf"

    def status(self) -> bytes:
        """What `smbstatus -j` says now."""
        return subprocess.run(
            [program("smbstatus", "samba"), "-s", str(self.config), "-j"],
            env=wrapped_names(self.root),
            capture_output=True,
            check=True,
            timeout=START_S_MAX,
        ).stdout


def wrapped_names(root: Path) -> dict[str, str]:
    """The environment in which programs know the users of a root."""
    library = next(Path("/usr/lib").glob("*/libnss_wrapper.so"), None)
    if library is None:
        leave_out("libnss_wrapper.so is not installed; on Debian: apt-get install libnss-wrapper")
    return {
        **os.environ,
        "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin",
        "LD_PRELOAD": str(library),
        "NSS_WRAPPER_PASSWD": str(root / "passwd"),
        "NSS_WRAPPER_GROUP": str(root / "group"),
        "TZ": "UTC",
    }


@contextmanager
def running_samba(*, level: int = 1, more: str = "") -> Iterator[Samba]:
    """A Samba with log level `level` and `more` in its configuration, until the block is left. Its
    directory is its own: pytest closes those of tests to other users whenever it starts somewhere.
    """
    with tempfile.TemporaryDirectory(prefix="despoolr-samba-") as directory:
        root = Path(directory)
        root.chmod(0o755)
        with _running(root, level, more) as samba:
            yield samba


@contextmanager
def _running(root: Path, level: int, more: str) -> Iterator[Samba]:
    smbd = program("smbd", "samba")
    if os.getuid() != 0:
        leave_out("smbd wants to be started by root")
    for name in ("private", "lock", "state", "cache", "pid", "ncalrpc"):
        (root / name).mkdir(parents=True)
    samba = Samba(root, free_port())
    samba.path.mkdir()
    samba.path.chmod(0o777)
    _write_names(root)
    samba.config.write_text(
        _CONFIG.format(root=root, port=samba.port, level=level, share=SHARE, more=more)
    )
    environment = wrapped_names(root)
    for user in USERS:
        subprocess.run(
            [program("smbpasswd", "samba"), "-c", str(samba.config), "-s", "-a", user],
            env=environment,
            input=f"{PASSWORD}\n{PASSWORD}\n".encode(),
            capture_output=True,
            check=True,
            timeout=START_S_MAX,
        )
    samba.log.unlink(missing_ok=True)
    # A session of its own: smbd ends its whole process group with itself.
    process = subprocess.Popen(
        [smbd, "--foreground", "--no-process-group", f"--configfile={samba.config}"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _await_port(samba, process)
        yield samba
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(START_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()


@contextmanager
def captured(samba: Samba, file: Path) -> Iterator[bool]:
    """The packets of a Samba's port in a file, as long as the block runs; False where this machine
    lets nobody record them.
    """
    tshark = program("tshark", "tshark")
    command = [tshark, "-q", "-i", "lo", "-f", f"tcp port {samba.port}", "-w", str(file)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            yield _await_capture(samba, process, file)
        finally:
            time.sleep(1.0)  # the last packets are on their way
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            process.wait(START_S_MAX)


def _await_capture(samba: Samba, process: subprocess.Popen[bytes], file: Path) -> bool:
    """Whether packets are recorded: a connection is made until one stands in the file."""
    deadline = time.perf_counter() + START_S_MAX
    while time.perf_counter() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection((LOOPBACK, samba.port), 1.0):
            pass
        time.sleep(0.2)
        if file.exists() and file.stat().st_size > 500:
            return True
    return False


def _write_names(root: Path) -> None:
    lines = ["root:x:0:0:root:/root:/bin/sh", "nobody:x:65534:65534:nobody:/:/bin/false"]
    uids = range(FIRST_UID, FIRST_UID + len(USERS))
    lines += [
        f"{user}:x:{n}:20000:{user}:/:/bin/false" for n, user in zip(uids, USERS, strict=True)
    ]
    (root / "passwd").write_text("\n".join(lines) + "\n")
    (root / "group").write_text("root:x:0:\nnogroup:x:65534:\nusers:x:20000:\n")


def _await_port(samba: Samba, process: subprocess.Popen[bytes]) -> None:
    deadline = time.perf_counter() + START_S_MAX
    while time.perf_counter() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection((LOOPBACK, samba.port), 1.0):
            return
        time.sleep(0.05)
    said = samba.log.read_text() if samba.log.exists() else "it wrote no log"
    raise AssertionError(f"smbd did not start: {said[-2000:]}")
