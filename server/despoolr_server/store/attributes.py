"""The attributes of a directory tree's files, in one small JSON file beside them.

The law: READONLY, HIDDEN and SYSTEM belong to a name's key and follow it when it is renamed. A list is used and not the
file's own extended attributes because every file system, container volume and copy tool can carry it; it holds only names
that have an attribute, so it is short and rewritten whole (temporary file and rename).
"""

from __future__ import annotations

from pathlib import Path

import msgspec


class AttributeList:
    """Attribute bits by key, kept in `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._bits: dict[str, int] = {}
        try:
            self._bits = msgspec.json.decode(path.read_bytes(), type=dict[str, int])
        except FileNotFoundError:
            pass
        except msgspec.DecodeError:
            path.replace(path.with_suffix(".bad"))

    def get(self, key: str) -> int:
        """The bits of a name; 0 for most."""
        return self._bits.get(key, 0)

    def set(self, key: str, bits: int) -> None:
        """Keep the bits of a name."""
        if self._bits.get(key, 0) == bits:
            return
        if bits:
            self._bits[key] = bits
        else:
            del self._bits[key]
        self._save()

    def remove(self, key: str) -> None:
        """A name is gone."""
        if self._bits.pop(key, 0):
            self._save()

    def rename(self, key: str, new_key: str) -> None:
        """A name and everything below it is called otherwise now; what was under the new name is gone."""
        if not self._bits or key == new_key:
            return
        moved = {
            new_key + known[len(key) :]: bits for known, bits in self._bits.items() if known == key or known.startswith(key + "/")
        }
        kept = {
            known: bits for known, bits in self._bits.items() if known not in (key, new_key) and not known.startswith(key + "/")
        }
        if moved or len(kept) != len(self._bits):
            self._bits = kept | moved
            self._save()

    def _save(self) -> None:
        temporary = self._path.with_suffix(".new")
        temporary.write_bytes(msgspec.json.encode(self._bits, order="sorted"))
        temporary.replace(self._path)
