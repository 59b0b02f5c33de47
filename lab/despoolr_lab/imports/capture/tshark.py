"""A capture file (`.pcapng`, `.pcap`, packed or not), read by `tshark` where it is installed.

The law: the capture is handed to tshark by its name and nothing in it is looked at here; its output
is streamed. What tshark says of a damaged file is told, and what it read before is used.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from typing import Final

from despoolr_lab.imports.capture import fields
from despoolr_lab.imports.capture.frames import FIELDS, Frame
from despoolr_lab.imports.traces.source import PORTS, ImportFailed, TraceFile

_ENDS: Final = "(tcp.flags.fin == 1 || tcp.flags.reset == 1)"
DIVIDER: Final = "|"
_MAGIC: Final = (
    b"\x0a\x0d\x0d\x0a",
    b"\xd4\xc3\xb2\xa1",
    b"\xa1\xb2\xc3\xd4",
    b"\x4d\x3c\xb2\xa1",
    b"\xa1\xb2\x3c\x4d",
)
SAID_SIZE_MAX: Final = 2000


def sniff(head: bytes) -> bool:
    """Whether a file begins as captures do."""
    return head[:4] in _MAGIC


def read(source: TraceFile) -> Iterator[Frame]:
    """The frames, by way of tshark. Raises `ImportFailed` where it is not installed, or cannot read
    the file.
    """
    program = shutil.which("tshark")
    if program is None:
        raise ImportFailed(
            f"{source.name}: a capture is read by tshark, which is not installed here (Debian: "
            "tshark). Install it, or write the fields where it is: `despoolr import --list` says "
            "how"
        )
    if source.packing not in ("", "gzip"):
        raise ImportFailed(
            f"{source.name}: tshark does not unpack {source.packing}: unpack it first"
        )
    command = [program, "-n", "-r", str(source.path.absolute()), "-T", "fields"]
    ports = " || ".join(f"tcp.port == {port}" for port in sorted(source.ports))
    command += ["-Y", f"smb2 || (({ports}) && {_ENDS})"]
    for port in sorted(source.ports - PORTS):
        command += ["-d", f"tcp.port=={port},nbss"]
    command += ["-E", "header=y", "-E", "occurrence=a", "-E", f"aggregator={DIVIDER}"]
    for name in FIELDS:
        command += ["-e", name]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            encoding="utf-8",
            errors="replace",
        ) as process,
    ):
        assert process.stdout is not None
        try:
            yield from fields.read(source, (line.rstrip("\n") for line in process.stdout), DIVIDER)
        except BaseException:
            process.kill()
            raise
        process.wait()
        if process.returncode > 0:
            said.seek(0)
            text = said.read(SAID_SIZE_MAX).decode("utf-8", "replace")
            source.damaged(f"tshark: {_last_line(text)}")


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and "Running as user" not in line]
    return lines[-1].strip() if lines else "it ended without a word"
