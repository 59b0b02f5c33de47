"""Files packed with xz, unpacked as they are read.

Why: `lzma.open` takes the memory that a file asks for, and one may ask for 4 GiB. The law: one that
asks for more than `xz -9` does is not read.
"""

from __future__ import annotations

import io
import lzma
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MEMORY_MAX: Final = 80 * 1024 * 1024
"""Bytes that the dictionary of a file may take; that of `xz -9` takes 65 MiB."""
_PIECE: Final = 64 * 1024
_TOO_MUCH: Final = f"it takes more than {MEMORY_MAX >> 20} MiB of memory to unpack: unpack it first"


class XzFile(io.RawIOBase):
    """A file, or several one behind the other, from the beginning. A read raises `OSError`,
    `EOFError` if the file is cut off, and `lzma.LZMAError` if it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 - closed with this
        self._unpack = _unpacker()

    def readable(self) -> bool:
        return True

    def readinto(self, into: WriteableBuffer) -> int:
        """Unpack as much as goes into this; 0 at the end."""
        view = memoryview(into)
        while True:
            if self._unpack.eof:
                packed = self._next()
                if not packed:
                    return 0
                self._unpack = _unpacker()
            else:
                packed = self._file.read(_PIECE) if self._unpack.needs_input else b""
                if self._unpack.needs_input and not packed:
                    raise EOFError("it ends too early")
            data = self._unpacked(packed, len(view))
            if data:
                view[: len(data)] = data
                return len(data)

    def _next(self) -> bytes:
        """What comes after one that ended, but for zeroes, which may stand there."""
        packed = self._unpack.unused_data.lstrip(b"\0")
        while not packed and (more := self._file.read(_PIECE)):
            packed = more.lstrip(b"\0")
        return packed

    def _unpacked(self, packed: bytes, size: int) -> bytes:
        try:
            return self._unpack.decompress(packed, size)
        except lzma.LZMAError as error:
            if "limit" not in str(error):
                raise
            raise lzma.LZMAError(_TOO_MUCH) from None

    def close(self) -> None:
        self._file.close()
        super().close()


def _unpacker() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=MEMORY_MAX)


def open_xz(path: Path) -> io.BufferedReader:
    """The file as it was before. Raises `OSError`."""
    return io.BufferedReader(XzFile(path))
