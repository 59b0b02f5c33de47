"""What a package's command line does when it runs on a client: declared by the scenario, nothing is
really executed.

A `ClientProgram` takes so long, ends with such an exit code, opens these files of its package (and
holds them until it ends, or leaves them open), and writes this status MIF. `Programs` finds it by
the first word of the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from despoolr_core.formats.reports.status_mif import StatusMif, render_status_mif
from despoolr_core.rules.fold import fold
from despoolr_core.rules.memory import remembered
from despoolr_core.share.modes import Access, ShareMode

ALL_FILES: Final = "*"


class FileUse(msgspec.Struct, frozen=True):
    """Files of the package that a program opens for as long as it runs: a path below the package,
    or `*` for every file.
    """

    path: str = ALL_FILES
    access: Access = Access.READ
    share_mode: ShareMode = ShareMode.READ
    read: bool = True
    """Whether the content is fetched, or the file only opened."""


class MifToWrite(msgspec.Struct, frozen=True):
    """The status MIF a program leaves in the Windows directory.

    `modified_offset_s` is the file's time in seconds after the run's start; negative: a MIF older
    than the run, which PCM does not collect (Q166833); None: when the program ends. `data` replaces
    the rendered MIF (to be malformed, say).
    """

    status: str = "Success"
    description: str = ""
    file_name: str = "INS_NOTE.MIF"
    modified_offset_s: float | None = None
    data: bytes | None = None

    def render(self) -> bytes:
        """The MIF as bytes, ready to be written. Raises `MifError` for a text too long for one."""
        if self.data is not None:
            return self.data
        return render_status_mif(StatusMif(status=self.status, description=self.description))


class NoidmifToWrite(msgspec.Struct, frozen=True):
    r"""A NOIDMIF a program leaves in `MS\SMS\NOIDMIFS`."""

    file_name: str
    data: bytes


class ClientProgram(msgspec.Struct, frozen=True):
    """What one program does. `launch_error` is the code of `Execution error #20 detected.`: it does
    not start (Q149672).
    """

    duration_s: float = 60.0
    exit_code: int = 0
    launch_error: int = 0
    files: tuple[FileUse, ...] = (FileUse(),)
    leaks_handles: bool = False
    hangs: bool = False
    """It never ends: it holds its files until its machine goes."""
    restarts: bool = False
    """It ends by restarting the machine, before PCM could report anything."""
    status_mif: MifToWrite | None = None
    noidmifs: tuple[NoidmifToWrite, ...] = ()
    then: tuple[ClientProgram, ...] = ()
    """What it does from its second start on one machine on; the last of them ever after."""

    def at_start(self, number: int) -> ClientProgram:
        """What it does the `number`-th time (from 0) that it is started on a machine."""
        return (self, *self.then)[min(number, len(self.then))]


DEFAULT_PROGRAM: Final = ClientProgram()
"""A minute of reading every file of the package, and success."""


@remembered(1024, 512, len)
def first_word(command_line: str) -> str:
    r"""The program's name in upper case, without its directory: `SETUP.EXE` for `"bin\setup.exe"
    /q`.
    """
    text = command_line.strip()
    word = text[1:].split('"', 1)[0] if text.startswith('"') else (text.split(None, 1) or [""])[0]
    return fold(word.replace("\\", "/").rsplit("/", 1)[-1])


class Programs(msgspec.Struct, frozen=True):
    """Programs by the first word of their command line (case does not matter), and the one for all
    others.
    """

    by_name: Mapping[str, ClientProgram] = msgspec.field(default_factory=dict)
    default: ClientProgram = DEFAULT_PROGRAM

    def of(self, command_line: str) -> ClientProgram:
        """The program a command line starts."""
        return self.by_name.get(first_word(command_line), self.default)

    def with_program(self, name: str, program: ClientProgram) -> Programs:
        """The same programs and one more, or another in its place."""
        return Programs({**self.by_name, fold(name): program}, self.default)


NO_PROGRAMS: Final = Programs()
