"""What a service is told of another machine's directories without a call, where both machines live
in one process, as in a scenario: a service which found nothing to do there need not ask each time.

The law: what would be answered otherwise, or not at all, is not told: a machine that cannot be
reached, or one that was started again, must be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from despoolr_core.share.contract import Watch, unwatched
from despoolr_server.shares.host import ShareHost

FindHost = Callable[[], ShareHost | None]
"""Where the calls to a machine end now; None: nowhere."""


class ServerWatch:
    """Directories of a share on another machine, and `files` in them that nobody may have open."""

    __slots__ = ("_files", "_find_host", "_host", "_paths", "_share", "_told")

    def __init__(
        self, find_host: FindHost, share: str, paths: Sequence[str], files: Sequence[str] = ()
    ) -> None:
        self._find_host = find_host
        self._share = share
        self._paths = paths
        self._files = files
        self._host: ShareHost | None = None
        self._told: Watch = unwatched

    def __call__(self, until: float = 0.0) -> object | None:
        """What is told; None where only a call can tell."""
        host = self._find_host()
        if host is None:
            return None
        if host is not self._host:
            self._host, self._told = host, host.watch(self._share, self._paths, self._files)
            return None
        return self._told(until)
