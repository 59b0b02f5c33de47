"""What a capture does not tell, counted while it is read, and told at its end."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from despoolr_core.phrases import counted


@dataclass
class Unseen:
    """Counts of frames and opens, but for the ids of sessions."""

    frames: int = 0
    odd_frames: int = 0
    """Whose ids are longer than ids can be."""
    encrypted: int = 0
    closes: int = 0
    """Of handles that were opened before the capture began."""
    durable: int = 0
    dfs: int = 0
    without_options: int = 0
    maybe_deleting: int = 0
    cut: int = 0
    older_sessions: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def told(self, *, has_logon: bool) -> Iterator[str]:
        """What is missing and what was read with care, in sentences; `has_logon`: it shows somebody
        log on.
        """
        yield from self._missing(has_logon)
        if self.durable:
            yield (
                f"{_opens(self.durable)} durable, and may live on when the connection is gone: "
                "not taken for closed then"
            )
        yield from self._deleting()
        if self.dfs:
            yield (
                f"{counted(self.dfs, 'open has', 'opens have')} server and share before the path "
                "(DFS), which is told without them"
            )

    def _missing(self, has_logon: bool) -> Iterator[str]:
        if self.encrypted:
            share = self.encrypted / self.frames
            yield (
                f"{self.encrypted:,} of {self.frames:,} frames ({share:.0%}) are "
                "encrypted (SMB3) and say nothing: what happened in them is not in this run. With "
                "the session keys, tshark can write them as fields"
            )
        elif not has_logon:
            yield (
                "the capture begins in the middle: no logon is in it, so its clients are known by "
                "their addresses (--map IP=NAME names them), and files that were open before it "
                "began have no name"
            )
        elif self.older_sessions:
            yield (
                f"{counted(len(self.older_sessions), 'session is', 'sessions are')} older than the "
                "capture: such a client is known by its address (--map IP=NAME names it), its "
                "shares are not in it, and files that were open before it began have no name"
            )
        if self.cut:
            yield (
                f"{_opens(self.cut)} without what was asked for, or without a file id: the "
                "capture has no whole packets (tcpdump -s 0 records them), or its fields were left "
                "out"
            )
        if self.closes:
            yield (
                f"{_opens(self.closes)} older than the capture: names, access and share modes of "
                "such are not in it"
            )

    def _deleting(self) -> Iterator[str]:
        if self.without_options:
            yield (
                f"{_opens(self.without_options)} without options (smb.create_options): a file "
                "that goes when its handle closes is not said to be deleted"
            )
        if self.maybe_deleting:
            yield (
                f"{counted(self.maybe_deleting, 'open deletes', 'opens delete')} on close what may "
                "be a directory: whether it was empty, and went, is not in the capture"
            )


def _opens(count: int) -> str:
    return counted(count, "open is", "opens are")
