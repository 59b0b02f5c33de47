r"""The part of the registry below `HKLM\SOFTWARE\Microsoft\SMS\Components` that the services keep:
keys, names, values.

Kept as one small text file in the SMS root (`SMS.REG`), written whole whenever something changed,
so that a restarted service finds what it knew: the master packages, and which server has which
version (Q235157, Q199994).
"""

from __future__ import annotations

from typing import Final

from despoolr_core.share.contract import Share, ShareError
from despoolr_server.site.state import boxes

MASTER_PACKAGES: Final = r"SMS_Despooler\Master Packages"
TRANSFER_PACKAGES: Final = r"SMS_Despooler\Transfer Packages"
PACKAGE_DIRECTORIES: Final = r"SMS_Despooler\Package Directories"
"""Ours: only the strategy `new_folder_and_switch` puts a package anywhere but below its own ID."""
RETRY_HISTORY: Final = r"SMS_Despooler\Retry History"
"""Ours: the episode in which each server refused a job's update, so that the server can be told
when it is given up.
"""
COPIED_FILES: Final = r"SMS_Despooler\Copied Files"
"""Ours: marks of the files that are new on a server, while a job is retried there."""

REMEMBERED_DIRECTORIES: Final = r"SMS_Despooler\Directories To Remove"
"""Ours: by job and server, the wrong name by which a directory that was in use when it was to go is
remembered (Q153637).
"""


def parse_keys(text: str) -> dict[str, dict[str, str]]:
    """The keys of a registry file: to each its values by name."""
    keys: dict[str, dict[str, str]] = {}
    key = ""
    for line in text.splitlines():
        if line.startswith("[") and line.endswith("]"):
            key = line[1:-1]
        elif "=" in line:
            name, _, value = line.partition("=")
            keys.setdefault(key, {})[name] = value
    return keys


class Registry:
    """Keys to named values, all strings. Load it before use; `save` writes only after a change."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._keys: dict[str, dict[str, str]] = {}
        self._is_changed = False

    async def load(self) -> None:
        """Read the file; a site that never wrote one has an empty registry."""
        try:
            text = (await self._share.read(boxes.REGISTRY)).decode("latin-1")
        except ShareError as error:
            if not error.is_missing:
                raise
            return
        for key, values in parse_keys(text).items():
            self._keys.setdefault(key, {}).update(values)

    async def save(self) -> None:
        """Write the file if anything changed since."""
        if not self._is_changed:
            return
        lines: list[str] = []
        for key in sorted(self._keys):
            lines.append(f"[{key}]")
            lines += [f"{name}={value}" for name, value in sorted(self._keys[key].items())]
        await self._share.write(boxes.REGISTRY, ("\r\n".join(lines) + "\r\n").encode("latin-1"))
        self._is_changed = False

    def get(self, key: str, name: str, default: str = "") -> str:
        """The value of a name below a key; `default` where there is none."""
        return self._keys.get(key, {}).get(name, default)

    def values(self, key: str) -> dict[str, str]:
        """All values of a key."""
        return dict(self._keys.get(key, {}))

    def set(self, key: str, name: str, value: str) -> None:
        """Set the value of a name below a key, making both where they are missing."""
        if self._keys.setdefault(key, {}).get(name) != value:
            self._keys[key][name] = value
            self._is_changed = True

    def delete(self, key: str, name: str) -> None:
        """Remove one value; a missing one is fine."""
        if self._keys.get(key, {}).pop(name, None) is not None:
            self._is_changed = True
