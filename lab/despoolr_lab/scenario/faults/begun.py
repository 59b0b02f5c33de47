"""A fault that has begun: where it is, and how it is mended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol


class CannotBegin(Exception):
    """A fault that there cannot be in this world; the message says why."""


class Broken(Protocol):
    """The world that something is broken in, as far as faults need it: `scenario.world` says what
    each is.
    """

    scenario: Any
    surroundings: Any
    assembly: Any
    sites: dict[str, Any]
    agents: dict[str, Any]
    packages: dict[str, tuple[str, str]]
    when_killed: dict[str, list[Callable[[], Awaitable[None]]]]

    def is_up(self, code: str) -> bool:
        """Whether a site server's process runs."""
        ...

    def with_ids(self, text: str) -> str:
        """The text with the IDs of packages in place of `{package:NAME}`."""
        ...


@dataclass(frozen=True, slots=True)
class Begun:
    """One fault, and what ends it. `end` may be called when the world has moved on: then it does
    nothing.
    """

    where: str
    end: Callable[[], Awaitable[None]]
