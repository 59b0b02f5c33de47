"""The one way out for a refusal: it is put on record, and worded for its caller.

The law: whoever refuses a caller does it here, so that no refusal is forgotten; what the record
leaves out by rule is in `audit`.
"""

from __future__ import annotations

from collections.abc import Mapping

from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import NtStatus
from despoolr_core.share.wire import Problem
from despoolr_server.engine.names import BadName, printable
from despoolr_server.engine.rows import Open, Refusal
from despoolr_server.files.protocol import StoreError
from despoolr_server.shares.base.audit import Actor, Audit, actor_of
from despoolr_server.shares.base.network_share import NetworkShare
from despoolr_server.shares.base.problems import blockers_of, refusal_problem


class Refusals:
    """Records and words the refusals of one share server. Every method returns the `Problem` to
    answer with.
    """

    def __init__(self, audit: Audit, shares: Mapping[str, NetworkShare]) -> None:
        self._audit = audit
        self._shares = shares

    def refuse(
        self,
        actor: Actor,
        share: str,
        path: str,
        refusal: Refusal,
        access: int = 0,
        share_mode: int = 0,
    ) -> Problem:
        """Of an actor and a path, for the access and share mode that were asked for."""
        blockers = blockers_of(refusal)
        episode = self._audit.refused(actor, share, path, access, share_mode, refusal, blockers)
        return refusal_problem(refusal, share, path, blockers, episode)

    def refuse_open(self, row: Open, refusal: Refusal) -> Problem:
        """Of something asked through a handle."""
        return self.refuse(actor_of(row), row.share, row.path, refusal, row.access, row.share_mode)

    def bad_name(self, actor: Actor, share: str, path: str, bad: BadName) -> Problem:
        """Of a path that no share could have."""
        return self.refuse(
            actor, share, printable(path), Refusal(NtStatus.OBJECT_NAME_INVALID, reason=bad.reason)
        )

    def store_failed(
        self, actor: Actor, share: str, path: str, error: StoreError, access: int = 0
    ) -> Problem:
        """Of what the store could not do; of a full disk with the room that is left on it."""
        refusal = Refusal(error.status, reason=error.reason)
        answer = self.refuse(actor, share, path, refusal, access)
        if error.status is NtStatus.DISK_FULL:
            answer.free_bytes = self._free_bytes(share) if error.free is None else error.free
        return answer

    def open_failed(self, row: Open, error: StoreError, access: int | None = None) -> Problem:
        """Of what the store could not do through a handle."""
        access = row.access if access is None else access
        return self.store_failed(actor_of(row), row.share, row.path, error, access)

    def _free_bytes(self, share: str) -> int | None:
        try:
            return self._shares[fold(share)].store.free_bytes()
        except StoreError:
            return None  # a disk that does not even say this
