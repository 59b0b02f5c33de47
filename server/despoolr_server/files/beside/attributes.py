"""The attributes of a directory tree's files, in one small JSON file beside them.

The law: READONLY, HIDDEN and SYSTEM belong to a name's key and follow it when it is renamed. A list
is used and not the file's own extended attributes because every file system, container volume and
copy tool can carry it; it holds only names that have an attribute, so it is short and rewritten
whole (temporary file, sync and rename). A change that the disk does not take is none: the list is
what it was. A list that cannot be read is never written over.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from despoolr_core.rules.plain_json import read_json
from despoolr_server.files.system.descriptors import replace_whole


class AttributeList:
    """Attribute bits by key, kept in `path`. What is wrong with the file goes to `findings`. Raises
    `OSError`.
    """

    def __init__(self, path: Path, findings: list[str]) -> None:
        self._path = path
        self._bits: dict[str, int] = {}
        try:
            self._bits = read_json(path.read_bytes(), dict[str, int])
        except FileNotFoundError:
            pass
        except msgspec.DecodeError as error:
            name = f"{path.parent.name}/{path.name}"
            findings.append(
                f"{name} is damaged ({error}): restore it, or move it away and no file has "
                "attributes any more"
            )

    def get(self, key: str) -> int:
        """The bits of a name; 0 for most."""
        return self._bits.get(key, 0)

    def set(self, key: str, bits: int) -> None:
        """Keep the bits of a name. Raises `OSError`, and has changed nothing then."""
        if self._bits.get(key, 0) != bits:
            others = {known: kept for known, kept in self._bits.items() if known != key}
            self._change(others | {key: bits} if bits else others)

    def rename(self, key: str, new_key: str) -> None:
        """A name and all below it get another; what had the new one is gone. Raises `OSError`, and
        has changed nothing then.
        """
        if not self._bits or key == new_key:
            return
        moved = {
            new_key + known[len(key) :]: bits
            for known, bits in self._bits.items()
            if known == key or known.startswith(key + "/")
        }
        kept = {
            known: bits
            for known, bits in self._bits.items()
            if known not in (key, new_key) and not known.startswith(key + "/")
        }
        if moved or len(kept) != len(self._bits):
            self._change(kept | moved)

    def knows(self, key: str) -> bool:
        """Whether a name, or one below it, has any."""
        return any(known == key or known.startswith(key + "/") for known in self._bits)

    def snapshot(self) -> dict[str, int]:
        """The list as it is now, for `restore`."""
        return self._bits

    def restore(self, bits: dict[str, int]) -> None:
        """What was changed since `snapshot` did not happen after all."""
        if bits is not self._bits:
            self._bits = bits
            # what is remembered is right, and is written with the next change
            with suppress(OSError):
                self._save()

    def _change(self, bits: dict[str, int]) -> None:
        before, self._bits = self._bits, bits
        try:
            self._save()
        except BaseException:
            self._bits = before
            raise

    def _save(self) -> None:
        text = msgspec.json.encode(self._bits, order="sorted")
        replace_whole(self._path, text, self._path.with_suffix(".new"))
