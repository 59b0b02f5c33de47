"""One directory tree served under a name, and what may be asked of it as a whole."""

from __future__ import annotations

from typing import Final

import msgspec

from despoolr_core.share.modes import NtStatus, render_attributes
from despoolr_core.share.wire import Entry
from despoolr_server.engine.names import Name, printable, why_too_far
from despoolr_server.engine.rows import FileFacts, Refusal
from despoolr_server.files.protocol import FileStore, StoreError
from despoolr_server.loop.pace import batches, begun, breathe
from despoolr_server.shares.base.principal import TooMany
from despoolr_server.shares.base.rights import RightsTable

LISTED_MAX: Final = 100_000
"""Names that one listing of a directory may have."""


class NetworkShare(msgspec.Struct, frozen=True):
    """One directory tree served under a name."""

    name: str
    store: FileStore
    rights: RightsTable

    async def facts_in(self, name: Name) -> list[FileFacts] | TooMany:
        """All that is in a directory, read in batches; `TooMany` beyond `LISTED_MAX`. Raises
        `StoreError`.
        """
        found: list[FileFacts] = []
        for batch in batches(await begun(self.store.each(name))):
            found += batch
            if len(found) > LISTED_MAX:
                return TooMany(LISTED_MAX)
            await breathe(len(batch))
        return found

    async def too_far_below(
        self, name: Name, target: Name, *, anew: bool = False
    ) -> Refusal | None:
        """Why a directory may not come to be called `target`: something in it would have a path
        that none may have. Looked at in batches: what comes meanwhile may be left out.

        What is moved (not made `anew`) to a path that is neither longer nor deeper is not looked
        at.
        """
        at_most, now = target.path, name.path
        if (
            not anew
            and at_most.count("/") <= now.count("/")
            and len(at_most.encode()) <= len(now.encode())
        ):
            return None
        try:
            for batch in batches(self.store.below(name)):
                for inner in batch:
                    if reason := why_too_far(f"{target.path}/{inner}"):
                        return Refusal(
                            NtStatus.OBJECT_NAME_INVALID,
                            reason=f"{printable(inner)} is in it: {reason}",
                        )
                await breathe(len(batch))
        except StoreError as error:
            return Refusal(error.status, reason=error.reason)
        return None


def entry_of(facts: FileFacts) -> Entry:
    """What a listing says of one name."""
    return _entry(facts, facts.etag if facts.directory else "")


def entry_with_etag(facts: FileFacts) -> Entry:
    """What a listing says of one name to a service in this process: with a file's ETag."""
    return _entry(facts, facts.etag)


def _entry(facts: FileFacts, etag: str) -> Entry:
    return Entry(
        name=facts.path.rpartition("/")[2],
        size=facts.size,
        modified_at=facts.modified_at,
        directory=facts.directory,
        attributes=render_attributes(facts.attributes),
        etag=etag,
    )
