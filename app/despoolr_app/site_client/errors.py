"""Why a call of a server brought no answer: one tree, in the same words whoever asks.

`SiteError` has three branches, by who must act:

* `SiteRefused`: the server understood and said no. Ask otherwise; from 500 on, ask later.
* `SiteUnreachable`: nobody answered. Start it, or wait for it.
* `NotDespoolr`: somebody answered, but not as a Despoolr server of this version. Check the URL.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.share.wire import Problem

UNKNOWN_CALL: Final = "unknown-call"
"""The problem of a server that has no such call: it is not of the kind that was meant."""


class SiteError(Exception):
    """A call brought no answer, or there is nobody to ask. The message says what to do next.

    `status` is HTTP's; 0 if there was none.
    """

    status = 0


class SiteRefused(SiteError):
    """A server said no. `who` it is, for people; its `problem` says why.

    `retry_after_s`: after so many seconds it may answer otherwise, as it says itself; 0 if it does
    not say.
    """

    def __init__(self, who: str, problem: Problem, retry_after_s: float = 0.0) -> None:
        super().__init__(_refusal(who, problem))
        self.problem = problem
        self.status = problem.status
        self.retry_after_s = retry_after_s

    @property
    def detail(self) -> str:
        """Why, in the server's own line."""
        return self.problem.detail or self.problem.title

    @property
    def is_unknown_call(self) -> bool:
        """Whether the server has no such call at all."""
        return self.problem.type.endswith(UNKNOWN_CALL)


class SiteUnreachable(SiteError):
    """Nobody answers at `url`. `reason` is the network's."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"{url} does not answer ({reason}); is it running? Start one with `despoolr serve all`"
        )
        self.reason = reason


class NotDespoolr(SiteError):
    """What answers at `url` is no Despoolr server, or one of another version."""

    def __init__(self, url: str, status: int, reason: str = "") -> None:
        what = f": {reason}" if reason else ""
        super().__init__(
            f"{url} answers {status}, but not as a Despoolr server of this version{what}; check "
            "the URL"
        )
        self.status = status
        self.reason = reason


def _refusal(who: str, problem: Problem) -> str:
    if problem.status in (401, 403):
        return (
            f"{who} does not accept the token ({problem.status}: {problem.title.lower()}); give "
            "the one in its data directory's admin.token with --token or DESPOOLR_TOKEN"
        )
    return f"{who} says: {(problem.detail or problem.title).rstrip('.')}"
