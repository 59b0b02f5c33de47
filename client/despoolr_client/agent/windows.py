r"""The client's own machine, as far as PCM looks at it: the Windows directory, `MS\SMS\NOIDMIFS`,
and `PCMHIST.REG`.

It lives in memory, and costs nothing until something is in it: fifty thousand idle clients have
fifty thousand of these. `save` and `load` put it into a real directory and back. File times are the
client's own clock, in seconds; names are case-insensitive and kept in upper case.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from despoolr_client.pcm.history import HistoryState, parse_history, render_history
from despoolr_core.formats.sms_ini import SmsIni, parse_sms_ini, render_sms_ini
from despoolr_core.rules.fold import fold

NOIDMIFS: Final = "MS/SMS/NOIDMIFS"
HISTORY_FILE: Final = "PCMHIST.REG"
SMS_INI_FILE: Final = "SMS.INI"


class WindowsFile(NamedTuple):
    """A file's bytes and its time on the client's clock."""

    data: bytes
    modified_at: float


def _upper(name: str) -> str:
    plain = name.replace("\\", "/").rsplit("/", 1)[-1]
    if not plain or plain in (".", ".."):
        raise ValueError(f"not a file name: {name!r}")
    return fold(plain)


class Windows:
    """The files of one machine's Windows directory."""

    __slots__ = ("_files", "_noidmifs", "history", "noidmifs_changed", "path", "sms_ini", "starts")

    def __init__(self, path: str = r"C:\WINDOWS") -> None:
        self.path = path
        self._files: dict[str, WindowsFile] | None = None
        self._noidmifs: dict[str, WindowsFile] | None = None
        self.history: dict[str, HistoryState] | None = None
        self.noidmifs_changed = False
        self.starts: dict[str, int] | None = None
        """How often each program that does not always do the same was started here."""
        self.sms_ini: SmsIni | None = None
        r"""What `C:\SMS.INI` says beyond what Client Setup wrote; None: nothing."""

    # -- the Windows directory
    @property
    def files(self) -> dict[str, WindowsFile]:
        """Name to file. A copy: change the directory with `write` and `delete`."""
        return dict(self._files or {})

    def write(self, name: str, data: bytes, modified_at: float) -> None:
        """Put a file into the Windows directory with a given time (a setup program's status MIF,
        say).
        """
        if self._files is None:
            self._files = {}
        self._files[_upper(name)] = WindowsFile(data, modified_at)

    def delete(self, name: str) -> None:
        """Remove a file; one that is not there is fine."""
        if self._files is not None:
            self._files.pop(_upper(name), None)

    # -- NOIDMIFs
    @property
    def noidmifs(self) -> dict[str, WindowsFile]:
        r"""The files of `MS\SMS\NOIDMIFS`, appended to the machine's next inventory (Q199229)."""
        return dict(self._noidmifs or {})

    def write_noidmif(self, name: str, data: bytes, modified_at: float) -> None:
        """Leave a NOIDMIF. The next poll sends it if that changes anything."""
        if self._noidmifs is None:
            self._noidmifs = {}
        old = self._noidmifs.get(_upper(name))
        self._noidmifs[_upper(name)] = WindowsFile(data, modified_at)
        self.noidmifs_changed = self.noidmifs_changed or old is None or old.data != data

    # -- a real directory
    def save(self, directory: Path) -> None:
        """Write everything below `directory`, replacing what an earlier `save` left. Raises
        `OSError`.
        """
        for part, files in (
            (Path("WINDOWS"), self._files or {}),
            (Path("WINDOWS") / NOIDMIFS, self._noidmifs or {}),
        ):
            place = directory / part
            place.mkdir(parents=True, exist_ok=True)
            for path in place.iterdir():
                if path.is_file() and path.name not in files:
                    path.unlink()
            for name, file in files.items():
                (place / name).write_bytes(file.data)
                os.utime(place / name, (file.modified_at, file.modified_at))
        (directory / HISTORY_FILE).write_text(
            render_history(self.history or {}), encoding="ascii", newline=""
        )
        if self.sms_ini is not None:
            (directory / SMS_INI_FILE).write_bytes(render_sms_ini(self.sms_ini))

    @classmethod
    def load(cls, directory: Path, path: str = r"C:\WINDOWS") -> Windows:
        """The inverse of `save`; what is missing is empty. Raises `FormatError` for a PCMHIST.REG
        or SMS.INI that is none.
        """
        windows = cls(path)
        for part, write in (
            (Path("WINDOWS"), windows.write),
            (Path("WINDOWS") / NOIDMIFS, windows.write_noidmif),
        ):
            place = directory / part
            for file in sorted(place.iterdir()) if place.is_dir() else []:
                if file.is_file():
                    write(file.name, file.read_bytes(), file.stat().st_mtime)
        if (directory / HISTORY_FILE).is_file():
            windows.history = (
                parse_history((directory / HISTORY_FILE).read_text(encoding="ascii")) or None
            )
        if (directory / SMS_INI_FILE).is_file():
            windows.sms_ini = parse_sms_ini((directory / SMS_INI_FILE).read_bytes())
        return windows


def set_up(ini: SmsIni, facts: Mapping[str, str], servers: Sequence[str], results: str) -> SmsIni:
    """What Client Setup writes into SMS.INI, around what is there: identification, logon servers,
    where results go (Q135768).
    """
    for key, value in facts.items():
        ini = ini.with_found(key, value)
    if not ini.servers:
        ini = ini.with_servers(servers)
    return ini.with_result_share_point(results)


def unc(server: str, share: str, directory: str) -> str:
    r"""The name of a directory on a share: `\\SERVER\SHARE\directory`."""
    return "\\\\" + "\\".join((server, share, *directory.split("/")))
