"""What an administrator orders on the command line, as the job the site is to make. Pure: words in,
a `JobSpec` out.

The law: what is left out is what the SMS Administrator program had ticked: a job with a command
runs it, one without shares the package; the package goes on each site's default servers unless
others are named or only those that have it are refreshed. Words that contradict each other are an
`OrderError` that says which; what must exist (packages, machines, servers, sites) is for the site
to say.
"""

from __future__ import annotations

from dataclasses import dataclass

from despoolr_core.rules.fold import fold
from despoolr_core.times import moment_s, span_s
from despoolr_server.site.jobs.model import (
    JOB_TYPES,
    DistributePhase,
    JobSpec,
    RunPhase,
    SendPhase,
)
from despoolr_server.site.services.scheduler.targets import DEFAULT_SERVERS


class OrderError(ValueError):
    """Words of an order that cannot be; the message says which and what can. Who must act: the
    administrator.
    """


@dataclass(frozen=True, slots=True)
class Order:
    """The options of `despoolr job create`, as typed; an empty string is one that was not given.

    Times are spans after the job's beginning (`at`, or now) or dates: `2h`, `1996-06-03 09:00`.
    """

    name: str
    package: str
    type: str = ""
    command: str = ""
    machines: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    put_on: tuple[str, ...] = ()
    refresh_existing: bool = False
    send_even_if_sent: bool = False
    send_only: bool = False
    at: str = ""
    offer_after: str = ""
    mandatory_after: str = ""
    expires_after: str = ""
    repeat_every: str = ""
    priority: int = 2
    background: bool = False
    user_input: bool = False


def job_of(order: Order, now: float) -> JobSpec:
    """The job; `now` is site time. Raises `OrderError`."""
    kind = order.type or ("run" if order.command or order.machines else "share")
    _check(order, kind)
    begin = _moment(order.at, now, "--at")
    put_on = _names(order.put_on)
    if kind != "remove" and not (put_on or order.refresh_existing or order.send_only):
        put_on = (DEFAULT_SERVERS,)
    return JobSpec(
        name=order.name,
        package=order.package,
        type=JOB_TYPES[kind],
        sites=tuple(fold(site) for site in _names(order.sites)),
        machines=_names(order.machines),
        send=SendPhase.EVEN_IF_SENT if order.send_even_if_sent else SendPhase.ONLY_IF_NOT_SENT,
        distribute=DistributePhase(put_on, order.refresh_existing),
        run=_run(order, begin) if order.command else None,
        priority=order.priority,
        activate_at=begin if order.at else 0.0,
        repeat_every_s=_span(order.repeat_every, "--repeat-every") if order.repeat_every else 0.0,
    )


def _check(order: Order, kind: str) -> None:
    if kind == "run" and not order.command and not order.send_only:
        raise OrderError("a run job needs the command it is to run: --command SETUP.EXE")
    if kind == "run" and order.command and not order.machines:
        raise OrderError(
            "a run job needs target machines: --machines WS1,WS2, or --machines '*' for all"
        )
    about_running = {
        "--command": order.command,
        "--machines": order.machines,
        "--offer-after": order.offer_after,
        "--mandatory-after": order.mandatory_after,
        "--expires-after": order.expires_after,
        "--background": order.background,
        "--user-input": order.user_input,
    }
    given = [option for option, value in about_running.items() if value]
    if given and kind != "run":
        raise OrderError(
            f"{given[0]} is about running a command, and a {kind} job runs none: leave it out, or "
            "say --type run"
        )
    if order.send_only and (
        order.command or order.put_on or order.refresh_existing or kind == "remove"
    ):
        raise OrderError(
            "--send-only sends the package to its sites and no further: leave out the rest, or "
            "leave out --send-only"
        )
    if kind == "remove" and (order.refresh_existing or order.send_even_if_sent):
        raise OrderError(
            "a remove job takes a package away: --refresh-existing and --send-even-if-sent "
            "are not for it"
        )


def _run(order: Order, begin: float) -> RunPhase:
    return RunPhase(
        command=order.command,
        offer_after=_moment(order.offer_after, begin, "--offer-after")
        if order.offer_after
        else 0.0,
        mandatory_after=_moment(order.mandatory_after, begin, "--mandatory-after")
        if order.mandatory_after
        else None,
        expires_after=_moment(order.expires_after, begin, "--expires-after")
        if order.expires_after
        else None,
        user_input_required=order.user_input,
        background=order.background,
    )


def _names(given: tuple[str, ...]) -> tuple[str, ...]:
    """`WS1,WS2` and repeated options alike, in order, each once."""
    return tuple(
        dict.fromkeys(word.strip() for text in given for word in text.split(",") if word.strip())
    )


def _moment(text: str, start: float, option: str) -> float:
    if not text:
        return start
    try:
        return moment_s(text.removeprefix("+"), start)
    except ValueError:
        raise OrderError(
            f"{option} {text!r} is neither a span such as 2h or 1d 4h nor a date such as "
            "1996-06-03 09:00"
        ) from None


def _span(text: str, option: str) -> float:
    try:
        return span_s(text)
    except ValueError:
        raise OrderError(f"{option} {text!r} is not a span such as 1d or 12h") from None
