"""`state.json`: how often this data directory was served, at which pace, until when.

The law: ids of a start begin with its number and site time goes on from here, so a file that is not
as it was written is neither used nor written over. It ends with a checksum; one without was written
by the version before, and its values must be possible ones. The count of starts is on the disk
before anything is done in its name. What time it is, is noted again in place, in one write within
one sector, and the system brings it to the disk within a minute: a process that is killed loses no
note, and a power cut leaves either this one or one before. (A flush took half of what an idle site
did.)
"""

from __future__ import annotations

import math
import os
import zlib
from pathlib import Path
from typing import Final

import msgspec

from despoolr_app.clocks.time_source import Anchor
from despoolr_app.disk.plain_file import read_plain
from despoolr_app.process.private_file import write_private
from despoolr_core.rules.plain_json import read_json

MOMENT_MAX: Final = 32_503_680_000.0
"""Seconds since 1970 at which no site has arrived yet: the year 3000."""
NOTE_SIZE: Final = 512
"""Bytes of the file, of which what it tells takes half: a sector, which a disk writes whole."""


class DamagedState(ValueError):
    """The file is not as it was written. Who must act: the operator."""


class State(msgspec.Struct):
    """Wall and site times in seconds since 1970; `stopped` is None unless the last stop was
    clean.
    """

    starts: int = 0
    scale: float = 1.0
    wall: float = 0.0
    site: float = 0.0
    stopped: float | None = None
    version: str = ""
    anchor: Anchor | None = None
    """The machine's clocks when `site` was noted."""
    check: int = 0


def read_state(file: Path) -> State:
    """What was written last; of a directory that was never served, nothing. Raises `OSError` or
    `DamagedState`.
    """
    try:
        state = read_json(read_plain(file), State)
    except FileNotFoundError:
        if file.is_symlink():
            raise DamagedState("it is a link that leads nowhere") from None
        return State()
    except msgspec.MsgspecError as error:
        raise DamagedState(str(error)) from None
    moments = [moment for moment in (state.wall, state.site, state.stopped) if moment is not None]
    if state.check not in (0, _check(state)):
        raise DamagedState("its checksum is that of other values")
    if state.starts < 1 or not 0 < state.scale < math.inf:
        raise DamagedState("no server wrote these values")
    if not all(0 <= moment <= MOMENT_MAX for moment in moments):
        raise DamagedState("its times are impossible")
    return state


def write_state(file: Path, state: State) -> None:
    """Atomically keep it on the disk. Raises `ConfigError`."""
    write_private(file, _rendered(state))


def note_state(file: Path, state: State) -> None:
    """Write it over what `write_state` kept there, without a wait for the disk. Raises
    `ConfigError`.
    """
    content = _rendered(state)
    no_link, no_wait = getattr(os, "O_NOFOLLOW", 0), getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(file, os.O_WRONLY | no_link | no_wait)
        try:
            if os.fstat(descriptor).st_size == len(content) == NOTE_SIZE:
                os.write(descriptor, content)
                return
        finally:
            os.close(descriptor)
    except OSError:
        pass  # it is gone, or not to be written to
    write_private(file, content)


def _rendered(state: State) -> bytes:
    state.check = _check(state)
    return msgspec.json.encode(state).ljust(NOTE_SIZE - 1) + b"\n"


def _check(state: State) -> int:
    return zlib.crc32(msgspec.json.encode(msgspec.structs.replace(state, check=0))) or 1
