"""When the Despooler tries again and when it gives up. Pure: a profile, a count and two times in,
an answer out.

The sources disagree on the end: Q140374 counts to 100; Q147819 and Q182414 say "a week". At Fast
the count gives 8 days and 8 hours, the only Response at which both are nearly true. The count is
the default; the profile field `give_up_rule` chooses.
"""

from __future__ import annotations

import msgspec

from despoolr_core.profile import Profile


class RetryState(msgspec.Struct, frozen=True):
    """What the retry instruction carries: `retries` as the file prints it, and when the first
    attempt was (site seconds).
    """

    retries: int = 0
    first_attempt_at: float = 0.0


def retry_file(job: str) -> str:
    """The name of a job's retry instruction: longer than 8.3, so that no client's report can have
    it.
    """
    return f"{job}_R.SNI"


def has_given_up(profile: Profile, state: RetryState, now: float) -> bool:
    """Whether an instruction that is due now is failed instead of tried again.

    With the count rule the 100th attempt is the last; when the 101st would be due, the job is
    Failed: 100 retry intervals after the first attempt.
    """
    by_count = state.retries >= profile.attempts_max
    by_time = state.retries > 0 and now - state.first_attempt_at >= profile.give_up_after_s
    return {"count": by_count, "time": by_time, "first": by_count or by_time}[profile.give_up_rule]


def patience_s(profile: Profile, retry_s: float) -> float:
    """Seconds from a first failure until it is final: the retry budget of a job whose workstation
    failed (articles.md S2).
    """
    by_count = profile.attempts_max / max(1, profile.retry_count_step) * retry_s
    by_time = profile.give_up_after_s
    return {"count": by_count, "time": by_time, "first": min(by_count, by_time)}[
        profile.give_up_rule
    ]


def after_failure(profile: Profile, state: RetryState, now: float) -> RetryState:
    """The state the next retry instruction carries. The count moves by two in 1.2 SP1 to SP3
    (Q191360).
    """
    first = state.first_attempt_at if state.retries else now
    return RetryState(state.retries + profile.retry_count_step, first)


def forces_disconnect(profile: Profile, state: RetryState) -> bool:
    """Whether this attempt may close other people's files: the retries before it reached the limit
    (Q128458).

    With x the retry interval, y the limit and z the delay, the first attempt at 0 and retries at x,
    2x, ..., attempt y+1 (at (y+1)*x) finds the limit used up; z later the files are closed: (x * (y
    + 1)) + z.
    """
    if not (profile.forced_disconnect_available and profile.use_forced_disconnect):
        return False
    return state.retries // max(1, profile.retry_count_step) > profile.forced_disconnect_retries
