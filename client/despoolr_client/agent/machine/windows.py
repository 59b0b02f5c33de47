r"""The client's own machine, as far as PCM looks at it: the Windows directory, `MS\SMS\NOIDMIFS`,
and `PCMHIST.REG`.

It lives in memory, and costs nothing until something is in it: fifty thousand idle clients have
fifty thousand of these. File times are the client's own clock, in seconds; names are
case-insensitive and kept in upper case.
"""

from __future__ import annotations

from typing import Final

import msgspec

from despoolr_client.pcm.history import NO_HISTORY
from despoolr_core.formats.sms_ini import SmsIni
from despoolr_core.rules.fold import fold

WINDOWS_DIRECTORY: Final = r"C:\WINDOWS"


class WindowsFile(msgspec.Struct, frozen=True):
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

    __slots__ = ("_files", "_noidmifs", "history", "noidmifs_changed", "sms_ini", "starts")

    def __init__(self) -> None:
        self._files: dict[str, WindowsFile] | None = None
        self._noidmifs: dict[str, WindowsFile] | None = None
        self.history = NO_HISTORY
        """As it was when the power went; while PCM runs, it has it."""
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


def unc(server: str, share: str, directory: str) -> str:
    r"""The name of a directory on a share: `\\SERVER\SHARE\directory`."""
    return "\\\\" + "\\".join((server, share, *directory.split("/")))
