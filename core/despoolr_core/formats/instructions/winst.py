"""WINST: the instruction file of one client (`PCMINS.BOX\\<SMSID>.INS`), many records, one per
package it is offered. As text it is in `winst_text`.

Where SMS keeps *background task* and *synchronous exit* is UNKNOWN; domain.md guesses the Reserved
field. Ours are bits 0 and 1 of its last byte, which is 00 in the sample; all other bytes are kept
as they come, and are the sample's by default.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

import msgspec

from despoolr_core.errors import FormatError

PCM_VERSION: Final = "Beta 455"
"""Version 6, the right one for SMS 1.0 (Q123499)."""
RESERVED_SAMPLE: Final = bytes.fromhex(
    "00 E6 F8 77 60 82 F9 77 FF FF FF FF 94 FF 03 00 FE 5F 40 00 00 00 05 00 08 00 00 00 0F 00 "
    "00 00"
)
"""The 32 bytes that all four sample records of Q123499 have."""
BACKGROUND_BIT: Final = 0x01
"""In the last byte of Reserved: a *System (Background) Task*, for the PCM service only."""
SYNCHRONOUS_EXIT_BIT: Final = 0x02
"""In the last byte of Reserved: report when the started process ends (`SyncSysExit`)."""


class WinstError(FormatError):
    """An instruction file that PCM cannot read, or a record that cannot be written."""


class OperatingSystem(IntFlag):
    """The platforms a command runs on (Q123499)."""

    WIN16 = 0x01
    WIN32_X86 = 0x02
    WIN32_MIPS = 0x04
    WIN32_ALPHA = 0x08
    DOS5 = 0x10
    DOS6 = 0x20
    MACINTOSH = 0x40


class ServerType(IntEnum):
    """What kind of server holds the package (Q123499)."""

    UNKNOWN = 1
    WINNT3 = 2
    LANMAN1 = 3
    LANMAN2 = 4
    NETWARE2 = 5
    NETWARE3 = 6
    NETWARE4 = 7


class PackageServer(msgspec.Struct, frozen=True):
    """One distribution server: the package's folder there (`\\\\CNS-SMS\\SMS_PKGD\\BPC0000A\\`),
    and the zone for Macintosh.
    """

    unc: str
    type: ServerType = ServerType.WINNT3
    zone: str = ""


class WorkstationInstruction(msgspec.Struct, frozen=True, kw_only=True):
    """One WINST record: a command that a client is offered, with PCMDUMP's 21 fields in its order.

    Dates are site seconds or None; `install_by_full`, `display_full`, `expiration_full` and
    `user_input_flags` are 0 or 1; `install_flag` 2 asks for a fast link (never honoured: Q191317).
    Raises nothing by itself: `render_winst` checks.
    """

    site_id: str
    request_id: str
    package_id: str
    job_id: str
    install_flag: int = 0
    install_by_date: float | None = None
    install_by_full: int = 0
    display_date: float | None = None
    display_full: int = 1
    expiration_date: float | None = None
    expiration_full: int = 0
    user_input_flags: int = 0
    operating_system: int = 0x0F
    disk_usage: str = ""
    run_command: str = ""
    wcl_name: str = ""
    servers: tuple[PackageServer, ...] = ()
    package_name: str = ""
    comments: str = ""
    domain_name: str = ""
    reserved: bytes = RESERVED_SAMPLE
    pcm_version: str = PCM_VERSION

    @property
    def background(self) -> bool:
        """Whether only the PCM service may run it (our bit in Reserved)."""
        return bool(self.reserved[-1] & BACKGROUND_BIT)

    @property
    def synchronous_exit(self) -> bool:
        """Whether the end of the started process is the end of the job (our bit in Reserved)."""
        return bool(self.reserved[-1] & SYNCHRONOUS_EXIT_BIT)

    def with_flags(self, *, background: bool) -> WorkstationInstruction:
        """The record with our bits of Reserved: that of `background` as said, the other clear."""
        bits = BACKGROUND_BIT if background else 0
        last = self.reserved[-1] & ~(BACKGROUND_BIT | SYNCHRONOUS_EXIT_BIT) | bits
        return msgspec.structs.replace(self, reserved=self.reserved[:-1] + bytes([last]))


class WinstFile(msgspec.Struct, frozen=True):
    """The instruction file of one client: its name (as printed, e.g. `mdm00005.ins`) and its
    records in order.
    """

    file_name: str
    records: tuple[WorkstationInstruction, ...] = ()

    def find(self, request_id: str) -> WorkstationInstruction | None:
        """The record with this RequestID, or None."""
        return next((record for record in self.records if record.request_id == request_id), None)

    def with_record(self, record: WorkstationInstruction) -> WinstFile:
        """The file with `record` in the place of the one with its RequestID, or at the end."""
        if self.find(record.request_id) is None:
            return WinstFile(self.file_name, (*self.records, record))
        return WinstFile(
            self.file_name,
            tuple(record if r.request_id == record.request_id else r for r in self.records),
        )
