"""What a load run is worth: whether the generator did what was meant, and whether what was expected
holds. Pure.

The law: validity comes first. A run whose clients were not all there, or whose polls were begun
late by the generator itself, measured the generator, and its expectations decide nothing. Each
reason names the number that decided, what was allowed, and what to do. What is not known is not
assumed: an expectation about it does not hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from despoolr_core.rules.fold import fold
from despoolr_core.times import span_s
from despoolr_lab.load.measure.tally import BUSY, PollPart, Second
from despoolr_lab.load.spec.model import LoadFile
from despoolr_lab.scenario.tables import loads as tables
from despoolr_server.site.jobs.model import DetailKind, DetailStatus

POLLS_MIN: Final = 100
"""Measured polls without which an expectation about polls is not settled: of fewer, a p99 is the
slowest and no more.
"""
LOOKS_MIN: Final = 10
"""Looks at the servers, one a second, without which an expectation about the most of a queue, or of
refusals, is not settled.
"""
LATE_SHARE_MAX: Final = 0.01
"""Share of the measured polls that the generator itself may begin later than `late_max`."""


class EndedJob(msgspec.Struct, frozen=True):
    """A job at the end: its rows (kind, machine, status), and the machines that were to run it."""

    id: str
    status: str
    rows: Sequence[tuple[str, str, str]]
    targets: Sequence[str]


class LoadFacts(msgspec.Struct, frozen=True):
    """What a run came to. `None` is what nobody could tell."""

    clients_wanted: int
    clients_there: int
    polls: Second
    """The measured ones; `groups` and `servers` are those of each."""
    cpu_shares: Sequence[float]
    """Of each process of the generator, over the time that was measured."""
    cpu_peaks: Sequence[float]
    """Of each process, in its busiest second."""
    refusals: Mapping[tuple[str, str], float] | None
    """By share and program, during the run."""
    episodes: Sequence[str] | None
    """The states of those that began during the run."""
    jobs: Mapping[str, EndedJob] | None
    reports_sent: int
    reports_unsent: int
    settled_s: float | None
    """From the first report to the end of all jobs; None: they did not end."""
    queues: Mapping[str, float]
    """The greatest depth of each box."""
    groups: Mapping[str, PollPart] = msgspec.field(default_factory=dict)
    servers: Mapping[str, PollPart] = msgspec.field(default_factory=dict)
    holders_wanted: int = 0
    holders_made: int = 0
    holders_refused: str = ""
    holders_broken: int = 0
    holders_lost: str = ""
    looks: int = 0
    """How often the servers were asked for their queues and refusals."""
    troubles: Sequence[str] = msgspec.field(default_factory=tuple)
    """What makes the run invalid by itself: a process that died, numbers that were lost."""

    @property
    def reports_seen(self) -> int | None:
        """Reports the site has counted: workstation rows that have ended."""
        if self.jobs is None:
            return None
        over = (DetailStatus.COMPLETE, DetailStatus.FAILED, DetailStatus.CANCELED)
        return sum(
            kind == DetailKind.WORKSTATION and status in over
            for job in self.jobs.values()
            for kind, _, status in job.rows
        )


class LoadFinding(msgspec.Struct, frozen=True):
    """One expectation and what became of it."""

    name: str
    expected: str
    actual: str
    ok: bool
    is_settled: bool = True
    """False: there were too few samples to say so; `ok` is False then as well."""

    @property
    def word(self) -> str:
        """`ok`, `FAILED` or `not settled`."""
        return "ok" if self.ok else "FAILED" if self.is_settled else "not settled"


# -- whether the run counts


def invalid(load: LoadFile, facts: LoadFacts, processes: int, processors: int) -> list[str]:
    """Why the run does not count; nothing if it does."""
    reasons = list(facts.troubles)
    if facts.clients_there != facts.clients_wanted:
        reasons.append(
            f"{facts.clients_wanted:,} clients were asked for and {facts.clients_there:,} "
            "were there: "
            "give the site room for more (DESPOOLR_CLIENTS_WANTED), or ask for fewer"
        )
    if facts.holders_made != facts.holders_wanted and not facts.troubles:
        why = f" ({facts.holders_refused})" if facts.holders_refused else ""
        reasons.append(
            f"{facts.holders_wanted:,} clients were to hold files and {facts.holders_made:,} "
            f"could{why}: "
            "let them begin when the package is on its servers"
        )
    is_expected = any(isinstance(wanted, tables.HoldersExpectation) for wanted in load.expect)
    if facts.holders_broken and not is_expected and not facts.troubles:
        reasons.append(
            f"{facts.holders_broken:,} of {facts.holders_made:,} holders lost their file "
            f"({facts.holders_lost}): "
            "what was measured without them is another load; say what is expected of them "
            "([[expect]] that = 'holders')"
        )
    polls = facts.polls
    if not polls.polls:
        reasons.append("no poll was measured: let the run go on longer than its warm-up")
    elif polls.late > LATE_SHARE_MAX * polls.polls:
        reasons.append(_bottleneck(load, facts, processes, processors))
    return reasons


def _bottleneck(load: LoadFile, facts: LoadFacts, processes: int, processors: int) -> str:
    polls, peak = facts.polls, max(facts.cpu_peaks, default=0.0)
    if peak < BUSY:
        remedy = (
            "other programs kept it from its processor: run it where processors are free, or "
            "allow more ([load] late_max)"
        )
    elif processes < processors:
        remedy = f"use more processes (--processes {processes + 1}) or fewer clients"
    else:
        remedy = (
            "use fewer clients, or a machine with more processors that are free for the generator"
        )
    return (
        f"the generator was the bottleneck: it began {polls.late / polls.polls:.1%} of the polls "
        f"over {load.load.late_max} late "
        f"by itself, and {LATE_SHARE_MAX:.0%} is allowed; its loop lagged by up to "
        f"{seconds(polls.lag.max_s)}, "
        f"its busiest process used {max(facts.cpu_shares, default=0.0):.0%} of a processor, "
        f"{peak:.0%} at its peak: {remedy}"
    )


def unbearable(recent: Second, when: tables.AbortTable) -> str:
    """Why a run is not worth going on with, by its last seconds; nothing if it is."""
    if recent.polls < POLLS_MIN:
        return ""
    of = f"of the {recent.polls:,} polls of the last {when.over}"
    share = recent.failed / recent.polls
    if when.failed_share is not None and share > when.failed_share:
        return f"{share:.1%} {of} failed, more than {when.failed_share:.1%}"
    p99 = recent.took.percentile_s(99)
    if when.p99 and p99 > span_s(when.p99):
        return f"the slowest in a hundred {of} took {seconds(p99)}, more than {when.p99}"
    return ""


# -- whether what was expected holds


def findings(load: LoadFile, facts: LoadFacts) -> list[LoadFinding]:
    """Every expectation of the file, in its order."""
    return [finding for expectation in load.expect for finding in _found(load, facts, expectation)]


def _found(
    load: LoadFile, facts: LoadFacts, wanted: tables.LoadExpectation
) -> Iterator[LoadFinding]:
    match wanted:
        case tables.PollsExpectation():
            yield from _polls(facts, wanted)
        case tables.RefusalsExpectation():
            yield _refusals(facts, wanted)
        case tables.EpisodesExpectation():
            count = (
                None
                if facts.episodes is None
                else sum(wanted.state in ("", state) for state in facts.episodes)
            )
            state = f" {wanted.state}" if wanted.state else ""
            yield _between(
                wanted.name or f"episodes{state}", wanted.at_least, wanted.at_most, count
            )
        case tables.LoadJobExpectation():
            status = [wanted.status] if isinstance(wanted.status, str) else wanted.status
            job = (facts.jobs or {}).get(wanted.job)
            actual = (
                "not known" if facts.jobs is None else "never made" if job is None else job.status
            )
            yield LoadFinding(
                wanted.name or f"job {wanted.job}", " or ".join(status), actual, actual in status
            )
        case tables.RowsExpectation():
            yield _rows(load, facts, wanted)
        case tables.ReportsExpectation():
            yield _reports(facts, wanted)
        case tables.SettledExpectation():
            ok = facts.settled_s is not None and facts.settled_s <= span_s(wanted.within)
            actual = "not settled" if facts.settled_s is None else f"after {facts.settled_s:.1f} s"
            yield LoadFinding(wanted.name or "settled", f"within {wanted.within}", actual, ok)
        case tables.QueueExpectation():
            depth = next(
                (d for box, d in facts.queues.items() if fold(box).endswith(fold(wanted.box))), None
            )
            found = _between(
                wanted.name or f"queue {wanted.box}",
                0,
                wanted.at_most,
                None if depth is None else round(depth),
            )
            yield _settled(found, facts.looks, LOOKS_MIN, "looks")
        case tables.HoldersExpectation():
            yield _holders(facts, wanted)


def _refusals(facts: LoadFacts, wanted: tables.RefusalsExpectation) -> LoadFinding:
    count = None
    if facts.refusals is not None:
        count = round(
            sum(n for (_, program), n in facts.refusals.items() if wanted.program in ("", program))
        )
    of = f" of {wanted.program}" if wanted.program else ""
    found = _between(wanted.name or f"refusals{of}", wanted.at_least, wanted.at_most, count)
    if wanted.at_most is None:
        return found
    return _settled(found, facts.looks, LOOKS_MIN, "looks")


def _polls(facts: LoadFacts, wanted: tables.PollsExpectation) -> Iterator[LoadFinding]:
    name, polls = wanted.name or "polls", _polls_of(facts, wanted)
    if (wanted.clients or wanted.server) and not wanted.name:
        name += f" of {wanted.clients or wanted.server}"
    for percent, limit in wanted.limits.items():
        actual = polls.took.percentile_s(percent)
        ok = bool(polls.polls) and actual <= span_s(limit)
        told = seconds(actual) if polls.polls else "no poll"
        key = "max" if percent == tables.MAX else f"p{percent:g}"
        found = LoadFinding(f"{name} {key}", f"at most {limit}", told, ok)
        needed = max(POLLS_MIN, tables.samples_min(percent))
        yield _settled(found, polls.polls, needed, "polls", decides_alone=percent == tables.MAX)
    if wanted.failed is not None:
        count = _between(f"{name} failed", 0, wanted.failed, polls.failed)
        yield _settled(count, polls.polls, POLLS_MIN, "polls")
    if wanted.failed_share is not None:
        share = polls.failed / polls.polls if polls.polls else 0.0
        told = f"{share:.3%} ({polls.failed:,} of {polls.polls:,})" if polls.polls else "no poll"
        found = LoadFinding(
            f"{name} failed",
            f"at most {wanted.failed_share:.3%}",
            told,
            bool(polls.polls) and share <= wanted.failed_share,
        )
        yield _settled(found, polls.polls, POLLS_MIN, "polls", decides_alone=False)
    if wanted.at_least:
        yield _between(f"{name} made", wanted.at_least, None, polls.polls)


def _polls_of(facts: LoadFacts, wanted: tables.PollsExpectation) -> Second | PollPart:
    if wanted.clients:
        return facts.groups.get(wanted.clients, PollPart())
    if wanted.server:
        found = (p for name, p in facts.servers.items() if fold(name) == fold(wanted.server))
        return next(found, PollPart())
    return facts.polls


def _settled(
    found: LoadFinding, samples: int, samples_min: int, of: str, *, decides_alone: bool = True
) -> LoadFinding:
    """The same, if there were samples enough. Passing on one is not passing; failing is failing
    where one sample decides.
    """
    if samples >= samples_min or (decides_alone and not found.ok):
        return found
    few = f"{found.actual}, of {samples:,} {of}: at least {samples_min:,} decide"
    return LoadFinding(found.name, found.expected, few, ok=False, is_settled=False)


def _holders(facts: LoadFacts, wanted: tables.HoldersExpectation) -> LoadFinding:
    kept = facts.holders_made - facts.holders_broken
    actual = (
        f"{kept:,} of {facts.holders_wanted:,} kept their file, {facts.holders_broken:,} lost it"
    )
    if facts.holders_lost:
        actual += f" ({facts.holders_lost})"
    expected = f"at most {wanted.broken:,} lost" if wanted.broken else "all keep their file"
    return LoadFinding(
        wanted.name or "holders", expected, actual, ok=facts.holders_broken <= wanted.broken
    )


def _rows(load: LoadFile, facts: LoadFacts, wanted: tables.RowsExpectation) -> LoadFinding:
    jobs = {name: job for name, job in (facts.jobs or {}).items() if wanted.job in ("", name)}
    made = {job.name for job in load.job} | {update.name for update in load.update}
    rows = [
        (name, machine, status)
        for name, job in jobs.items()
        for kind, machine, status in job.rows
        if kind == wanted.kind
    ]
    targets = [(name, machine) for name, job in jobs.items() for machine in job.targets]
    if wanted.count is not None:
        count = wanted.count
    else:
        count = sum(load.target_count(job) for job in load.job if wanted.job in ("", job.name))
    right = sum(status == wanted.status for _, _, status in rows)
    twice = sum(n - 1 for n in Counter((name, machine) for name, machine, _ in rows).values())
    lost = (
        len(set(targets) - {(name, machine) for name, machine, _ in rows})
        if wanted.kind == DetailKind.WORKSTATION
        else 0
    )
    expected = f"{count:,} {wanted.kind} rows {wanted.status}, none lost, none twice"
    never = sorted(name for name in made if wanted.job in ("", name) and name not in jobs)
    others = Counter(status for _, _, status in rows if status != wanted.status)
    more = ", ".join(f"{n:,} {status}" for status, n in sorted(others.items()))
    actual = (
        f"{right:,} {wanted.status}"
        + (f", {more}" if more else "")
        + f", {lost:,} lost, {twice:,} twice"
    )
    if facts.jobs is None:
        actual = "not known"
    elif never:
        actual += f"; never made: {', '.join(never)}"
    ok = (
        facts.jobs is not None
        and right == count
        and len(rows) == right
        and not twice
        and not lost
        and not never
    )
    return LoadFinding(
        wanted.name or (f"rows of {wanted.job}" if wanted.job else "rows"), expected, actual, ok
    )


def _reports(facts: LoadFacts, wanted: tables.ReportsExpectation) -> LoadFinding:
    seen = facts.reports_seen
    expected = "every report sent is counted once" + (
        f", at least {wanted.at_least:,}" if wanted.at_least else ""
    )
    told = "not known" if seen is None else f"{seen:,}"
    actual = f"{facts.reports_sent:,} sent, {told} counted, {facts.reports_unsent:,} unsent"
    ok = (
        seen == facts.reports_sent
        and not facts.reports_unsent
        and facts.reports_sent >= wanted.at_least
    )
    return LoadFinding(wanted.name or "reports", expected, actual, ok)


def _between(name: str, at_least: int, at_most: int | None, actual: int | None) -> LoadFinding:
    words = [f"at least {at_least:,}"] if at_least else []
    words += [f"at most {at_most:,}"] if at_most is not None else []
    told = "not known" if actual is None else f"{actual:,}"
    ok = actual is not None and actual >= at_least and (at_most is None or actual <= at_most)
    return LoadFinding(name, " and ".join(words) or "any number", told, ok)


def seconds(value: float) -> str:
    """A short time for people: `830 us`, `12.4 ms`, `5.01 s`."""
    if value < 0.001:
        return f"{value * 1e6:.0f} us"
    if value < 1:
        return f"{value * 1e3:.3g} ms"
    return f"{value:.3g} s" if value < 100 else f"{value:,.0f} s"
