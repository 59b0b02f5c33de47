"""A package as files: what is in it, and the one compressed file it travels in.

The compressed form is a plain ZIP (SMS's own is not documented): whoever finds one in a box can
open it. Equal files give equal bytes: names are sorted, times are fixed.
"""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import Final

from despoolr_core.errors import FormatError

FILE_COUNT_MAX: Final = 20_000
UNPACKED_SIZE_MAX: Final = 1 << 30
"""Bytes a package may unpack to: a damaged or hostile file must not fill memory."""

Files = dict[str, bytes]
"""Path relative to the package directory, with `/`, to the file's bytes."""


class PackageError(FormatError):
    """A compressed package that cannot be unpacked: corrupt, or beyond the stated limits (events
    15, 375).
    """


def compress(files: Files) -> bytes:
    """The files in one ZIP, the same bytes for the same files."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(
                zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), files[name], zipfile.ZIP_DEFLATED
            )
    return buffer.getvalue()


def decompress(data: bytes) -> Files:
    """The files of a compressed package, in the order of their names. Raises `PackageError`."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > FILE_COUNT_MAX:
                raise PackageError(
                    f"the package holds {len(entries):,} files; {FILE_COUNT_MAX:,} at most"
                )
            if sum(entry.file_size for entry in entries) > UNPACKED_SIZE_MAX:
                raise PackageError(f"the package unpacks to more than {UNPACKED_SIZE_MAX:,} bytes")
            return {
                entry.filename: archive.read(entry)
                for entry in sorted(entries, key=lambda e: e.filename)
            }
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError) as error:
        raise PackageError(f"the compressed package is damaged: {error}") from None
