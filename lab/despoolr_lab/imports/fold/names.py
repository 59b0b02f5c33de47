"""Who is behind an address, and what a name becomes in a run that is shown to others.

The law: a name that the user gave (`--map`) counts before one that a source has, and an address
where nobody has one. Names of machines are capitals, as Windows shows them. Hidden names
(`--anonymise`) are equal where the names are, within a run and over runs with the same salt, and
tell nothing else; a path keeps its depth and the extension of its last part, for those explain
contention and name nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_core.rules.memory import Bounded
from despoolr_lab.imports.traces.seen import UNKNOWN_PATH
from despoolr_lab.imports.traces.source import is_address, name

ADDRESSES_MAX: Final = 65_536
EXTENSION_SIZE_MAX: Final = 5


class Names:
    """The names of a run. `given` are those of the user, by address."""

    def __init__(
        self, given: Mapping[str, str] = {}, *, is_hidden: bool = False, salt: bytes = b""
    ) -> None:
        self._given = {fold(address): fold(machine) for address, machine in given.items()}
        self._learnt: dict[str, str] = {}
        self.is_hidden = is_hidden
        self._salt = salt
        self._words: Bounded[str] = Bounded(65_536, 4 * 1024 * 1024)

    def learn(self, address: str, machine: str) -> None:
        """Remember what a source calls the machine of an address."""
        if address and machine and not is_address(machine) and len(self._learnt) < ADDRESSES_MAX:
            self._learnt.setdefault(fold(address), fold(machine))

    def machine(self, address: str, machine: str) -> str:
        """The name of a machine, or its address; empty where neither is known."""
        return self.hidden("PC", name(self.called(address, machine)))

    def called(self, address: str, machine: str) -> str:
        """`machine` as the sources have it, also where names are hidden."""
        key = fold(address)
        found = self._given.get(key)
        if found is None:
            called = fold(machine)
            found = self._given.get(called)
            if found is None:
                known = called if called and not is_address(machine) else ""
                found = known or self._learnt.get(key, "") or self._learnt.get(called, "")
                found = found or called or key
        return found

    def server(self, address: str) -> str:
        """The name of a server, or its address."""
        return self.hidden("SRV", name(self._given.get(fold(address), address)))

    def hidden(self, kind: str, text: str) -> str:
        """A name as the run has it: itself, or `kind` and a few digits in its place."""
        if not self.is_hidden or not text:
            return text
        return f"{kind}-{self._digest(fold(text))}"

    def share(self, text: str) -> str:
        """A share as the run has it; administrative ones (`C$`, `IPC$`) have no other name."""
        return text if text.endswith("$") else self.hidden("share", text)

    def user(self, text: str) -> str:
        """A user as the run has it."""
        return self.hidden("user", text)

    def path(self, text: str) -> str:
        """A path as the run has it: hidden part by part, the last one's extension kept."""
        if not self.is_hidden or not text or text == UNKNOWN_PATH:
            return text
        known = self._words.get(text)
        if known is not None:
            return known
        *above, last = text.split("/")
        stem, dot, extension = last.rpartition(".")
        kept = f".{extension}" if dot and stem and len(extension) <= EXTENSION_SIZE_MAX else ""
        parts = [*above, last.removesuffix(kept) if kept else last]
        hidden = "/".join(self._digest(fold(part)) for part in parts) + kept
        self._words.keep(text, hidden)
        return hidden

    def _digest(self, text: str) -> str:
        whole = hashlib.blake2b(text.encode("utf-8", "replace"), key=self._salt, digest_size=6)
        return whole.hexdigest()
