"""What one update of one package directory is given, and what it says came of it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from despoolr_core.share.contract import Share, ShareError, ShareUnreachable
from despoolr_server.site.state.packages import Files

OnFile = Callable[[str, str, int], None]
"""Called for each file touched: name, what happened (`copied`, `unchanged`, `deleted`, `refused`),
Win32 code.
"""


class Target(msgspec.Struct, frozen=True):
    """One update of one package directory on one distribution server.

    `has_package`: the server has a version of the package already, as far as the Despooler knows;
    `is_current`: it is this one.
    `known` are the marks of files that an earlier attempt of this job found or made new
    (`CopyResult.known`).
    """

    share: Share
    directory: str
    files: Files
    purpose: str
    refresh_every_file: bool
    on_file: OnFile = lambda _name, _result, _win32: None
    has_package: bool = False
    is_current: bool = False
    known: frozenset[str] = frozenset()
    attempt: int = 1

    def path(self, name: str) -> str:
        """A package file's path on the share."""
        return f"{self.directory}/{name}"


class CopyResult(msgspec.Struct, frozen=True):
    """What became of one update. `failed` are the files that could not be replaced, with the
    share's answers; `known` are marks of those that are new already, for the next attempt.
    """

    copied: tuple[str, ...] = ()
    failed: tuple[tuple[str, ShareError | ShareUnreachable], ...] = ()
    directory: str = ""
    known: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every file is the new one."""
        return not self.failed

    @property
    def win32(self) -> int:
        """The first failure's Win32 code, 0 for none."""
        return self.failed[0][1].win32 if self.failed else 0


class CopyProgress(msgspec.Struct):
    """What an attempt has done so far."""

    target: Target
    copied: list[str] = msgspec.field(default_factory=list)
    unchanged: list[str] = msgspec.field(default_factory=list)
    failed: list[tuple[str, ShareError | ShareUnreachable]] = msgspec.field(default_factory=list)

    def has_copied(self, name: str) -> None:
        """A file is new now."""
        self.copied.append(name)
        self.target.on_file(name, "copied", 0)

    def is_unchanged(self, name: str) -> None:
        """A file is the new one already."""
        self.unchanged.append(name)
        self.target.on_file(name, "unchanged", 0)

    def has_failed(self, name: str, error: ShareError | ShareUnreachable) -> None:
        """A file could not be replaced or deleted."""
        self.failed.append((name, error))
        self.target.on_file(name, "refused", error.win32)

    def result(self, directory: str = "") -> CopyResult:
        """The result as it stands."""
        return CopyResult(
            tuple(self.copied), tuple(self.failed), directory or self.target.directory
        )
