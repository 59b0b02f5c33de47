"""Several files about one server, as one order of facts.

The law: of each kind of fact (opens, refusals) the file that proves most is believed within its
span, of the clients that it tells of, and the others only outside of it: what two files saw is told
once, and a log of each machine tells of its own. Samples give share modes
and users to opens that lack them, and the opens that are older than a recording. Names of machines
count for all files. A clock that differs is found by the opens that both files saw, and set right;
where they saw none, it is said that the offset is unknown.

Files of one format that follow each other are the parts of one that was rotated, and read so.

To know all that before the first record, each file is read twice, unless there is only one.
"""

from __future__ import annotations

import heapq
import itertools
import statistics
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import Final

from despoolr_core.phrases import counted
from despoolr_core.rules.fold import fold
from despoolr_lab.imports.fold.clients import Client, KnownClients
from despoolr_lab.imports.fold.names import Names
from despoolr_lab.imports.fold.time_order import in_order
from despoolr_lab.imports.formats.table import Format
from despoolr_lab.imports.traces.samples import Sampler
from despoolr_lab.imports.traces.seen import (
    ALL_MODES,
    Connected,
    Deleted,
    HandleClosed,
    Noted,
    OpenDenied,
    Opened,
    Renamed,
    Seen,
    Who,
)
from despoolr_lab.imports.traces.source import Rotated, TraceFile, is_address, lines_in_common

TIMES_MAX: Final = 200_000
"""Opens and refusals that are remembered for finding them in another file: of all files, the same
number of each.
"""
SERVERS_MAX: Final = 64
"""Servers of a track that are remembered, to tell whose log goes on; one that has so many may tell
of any.
"""
SHARES_MAX: Final = 1000
"""Shares of a file that are remembered."""
SAME_S: Final = 2.0
"""How far apart two files may tell the same open, once their clocks agree."""
AGREE_S: Final = 1.5
"""An offset that is no more than what a log in whole seconds cannot tell."""
EDGE_S: Final = 0.5
"""How long after a file's end another one may tell its last refusal. Before its beginning it is
`AGREE_S`: whole seconds are always early.
"""
TIMES_OF_PATH_MAX: Final = 64
OVERLAPS_MAX: Final = 100
"""Files that are looked at for parts of one log that overlap."""
CLIENTS_MAX: Final = 100_000
"""Clients of whom it is remembered which files may know them."""
DIFFERENCES_MAX: Final = 200_000
PAIRS_MIN: Final = 2


class Track:
    """One stream of facts: a file, or the samples of one format in the order of their times."""

    def __init__(self, index: int, kind: Format, sources: list[TraceFile]) -> None:
        self.index = index
        self.kind = kind
        self.sources = sources
        self.offset_s = 0.0
        self.survey: Survey | None = None

    @property
    def name(self) -> str:
        """Its file, or how many files it has."""
        first = self.sources[0].name
        return first if len(self.sources) == 1 else f"{first} and {len(self.sources) - 1:,} more"

    @cached_property
    def grade(self) -> str:
        """The letter of what it proves, as `GRADES` explains it."""
        return self.kind.grade_of(self.sources[0])

    def facts(self) -> Iterator[Seen]:
        """What it saw. Damage is counted anew each time. Raises `ImportFailed`, also where it is
        newest first.
        """
        for source in self.sources:
            source.damage_count = source.odd_text_count = 0
            source.damages.clear()
        return in_order(self.name, self._facts(), is_sampled=self.kind.samples is not None)

    def _facts(self) -> Iterator[Seen]:
        if len(self.sources) == 1:
            return self.kind.read(self.sources[0])
        read = self.kind.samples
        if read is None:
            return self.kind.read(Rotated(self.sources))
        ordered = sorted(self.sources, key=lambda one: (one.sampled_at, one.name))
        return Sampler(self.kind.gap).read(sample for one in ordered for sample in read(one))


class Survey:
    """What a track holds, as far as other tracks need to know."""

    def __init__(self, times_max: int = TIMES_MAX) -> None:
        self.first_at = self.last_at = 0.0
        self.begin = self.end = 0.0
        """The first and the last time in it that cannot be older than itself, as that of an open
        can.
        """
        self.count = 0
        self.opens: dict[str, list[tuple[float, Opened]]] = {}
        self.refusals: dict[str, list[tuple[float, OpenDenied]]] = {}
        self.clients = KnownClients()
        self.shares: set[str] = set()
        self.servers: dict[str, str] = {}
        """Those that it names, the first ones."""
        self._times_left = times_max

    def take(self, fact: Seen, names: Names) -> None:
        """Count a fact in, and remember the time of an open or a refusal."""
        if isinstance(fact, Noted):
            return
        if isinstance(fact, Connected | Opened):
            names.learn(fact.who.address, fact.who.machine)
            self._take_place(fact.who.server, fact.share)
        if isinstance(fact, Connected | Opened | OpenDenied):
            self.clients.add(fact.who)
        if isinstance(fact, Opened):
            if fact.is_older:
                return
            if self._times_left:
                self._times_left -= 1
                self.opens.setdefault(fold(fact.path), []).append((fact.at, fact))
        elif isinstance(fact, OpenDenied) and self._times_left:
            self._times_left -= 1
            self.refusals.setdefault(fold(fact.path), []).append((fact.at, fact))
        if not isinstance(fact, Opened) or not (fact.who.is_stranger or fact.at < self.last_at):
            self.begin = self.begin or fact.at
            self.end = max(self.end, fact.at)
        if not self.count:
            self.first_at = fact.at
        self.first_at = min(self.first_at, fact.at)
        self.last_at = max(self.last_at, fact.at)
        self.count += 1

    def _take_place(self, server: str, share: str) -> None:
        if server and len(self.servers) < SERVERS_MAX:
            self.servers.setdefault(fold(server), server)
        if share and len(self.shares) < SHARES_MAX:
            self.shares.add(share)

    def may_be_of(self, server: str) -> bool:
        """Whether it may tell of that server: a name may be that of any address."""
        if not server or not self.servers or fold(server) in self.servers:
            return True
        if len(self.servers) >= SERVERS_MAX:
            return True  # it may have more
        return all(is_address(one) != is_address(server) for one in self.servers)

    def go_on(self, later: Survey) -> None:
        """Count in what a later part holds."""
        for path, opens in later.opens.items():
            self.opens.setdefault(path, []).extend(opens)
        for path, refusals in later.refusals.items():
            self.refusals.setdefault(path, []).extend(refusals)
        self.clients.update(later.clients)
        self.shares |= later.shares
        self.servers |= later.servers
        self.first_at = min(self.first_at, later.first_at)
        self.last_at = max(self.last_at, later.last_at)
        self.end = later.end
        self.count += later.count

    def seen(self, path: str) -> list[tuple[float, Opened | OpenDenied]]:
        """When a path was opened or refused, the first few times, and by whom."""
        found = [*self.opens.get(path, ())[:TIMES_OF_PATH_MAX]]
        return [*found, *self.refusals.get(path, ())[:TIMES_OF_PATH_MAX]]


class Merge:
    """The tracks of an import, put together."""

    def __init__(self, tracks: list[Track], names: Names) -> None:
        self.tracks = tracks
        self.notes: list[tuple[str, str]] = []
        """What is to be said of the merging: about what, and a sentence."""
        self._names = names
        self._share = ""
        self.server = ""
        """The first address of a server that a file names, once there is more than one file."""
        self._of_opens: list[Track] = []
        self._of_refusals: list[Track] = []
        self._sampled: list[Track] = []
        self._known: dict[tuple[bool, Who], list[Track]] = {}
        self._kept: set[tuple[int, str]] = set()

    def facts(self) -> Iterator[tuple[int, Seen]]:
        """Every fact with its track, in the order of time."""
        if len(self.tracks) == 1:
            for fact in self.tracks[0].facts():
                yield 0, fact
            return
        self._survey()
        streams = [self._stream(track) for track in self.tracks]
        for fact, index in heapq.merge(*streams, key=lambda pair: pair[0].at):
            yield index, fact

    # -- before

    def _survey(self) -> None:
        for track in self.tracks:
            self._take_survey(track)
        self._cut_overlaps()
        self._join_parts()
        for track in self.tracks:
            _survey(track).clients.settle(self._names)
        self._note_overlaps()
        self._sampled = [one for one in self.tracks if one.kind.samples is not None]
        shares = {share for track in self.tracks for share in _survey(track).shares}
        if len({fold(share) for share in shares}) == 1:
            self._share = next(iter(sorted(shares)))
        self.server = next((s for one in self.tracks for s in _survey(one).servers.values()), "")
        ranked = sorted(self.tracks, key=_rank)
        self._of_opens = [one for one in ranked if _survey(one).opens]
        self._of_refusals = [
            one for one in ranked if one.kind.has_refusals and _survey(one).refusals
        ]
        anchor = min(ranked, key=lambda one: (one.kind.clock != "utc", _rank(one)))
        apart = [one for one in self.tracks if one is not anchor and not self._align(one, anchor)]
        if apart:
            more = f" and {len(apart) - 1:,} more" if len(apart) > 1 else ""
            self.notes.append(
                (
                    "clock",
                    f"clock offset of {apart[0].name}{more} against {anchor.name} unknown: they "
                    f"have fewer than {PAIRS_MIN} opens in common; their times are taken as they "
                    "are",
                )
            )

    def _join_parts(self) -> None:
        """Files of one format that follow each other are the parts of one, which was rotated: what
        was opened in one is closed in another.
        """
        found: list[Track] = []
        for track in sorted(self.tracks, key=lambda one: _survey(one).begin):
            survey = _survey(track)
            before = next((one for one in found if _goes_on(one, track)), None)
            if before is None or not survey.end:
                found.append(track)
                continue
            pause_s = survey.begin - _survey(before).end
            self.notes.append(
                (
                    "source",
                    f"{track.name} begins {max(pause_s, 0.0):,.1f} s after the end of "
                    f"{before.sources[-1].name}: they are read as one",
                )
            )
            before.sources += track.sources
            _survey(before).go_on(survey)
        self.tracks[:] = sorted(found, key=lambda one: one.index)
        for index, track in enumerate(self.tracks):
            track.index = index

    def _take_survey(self, track: Track) -> None:
        survey = track.survey = Survey(TIMES_MAX // len(self.tracks))
        for fact in track.facts():
            survey.take(fact, self._names)

    def _cut_overlaps(self) -> None:
        """Lines at the end of one part of a log that are those at the beginning of the next one
        are read once. Each part is compared with the one that begins last before it.
        """
        before: dict[Track, Track] = {}
        for first, other in self._overlaps():
            known = before.setdefault(other, first)
            if _survey(known).first_at < _survey(first).first_at:
                before[other] = first
        for other, first in before.items():
            if len(first.sources) > 1 or len(other.sources) > 1:
                continue
            count = lines_in_common(first.sources[0], other.sources[0])
            if not count:
                continue
            other.sources[0].skipped_lines = count
            self._take_survey(other)
            self.notes.append(
                (
                    "source",
                    f"{first.name} ends with what {other.name} begins with: "
                    f"{counted(count, 'line')}, read once",
                )
            )

    def _overlaps(self) -> Iterator[tuple[Track, Track]]:
        """What may be parts of one log, of which the second begins before the end of the first."""
        tracks = [one for one in self.tracks if one.kind.is_rotated][:OVERLAPS_MAX]
        for first, other in itertools.permutations(tracks, 2):
            here, there = _survey(first), _survey(other)
            if (
                first.kind == other.kind
                and here.first_at + AGREE_S < there.first_at
                and _begins_within(there, here)
                and here.last_at + AGREE_S < there.last_at
            ):
                yield first, other

    def _note_overlaps(self) -> None:
        """Of two parts of one log that overlap, and have no lines in common, one is believed within
        its span: said once.
        """
        for first, other in self._overlaps():
            if _survey(first).clients.shares_any(_survey(other).clients):
                self.notes.append(
                    (
                        "gap",
                        f"{other.name} begins before the end of {first.name} and tells of the same "
                        "clients: where they overlap one of them is believed, and what only the "
                        "other has may be missing; parts that end where the next begins, or with "
                        "its first lines, are read as one",
                    )
                )
                return

    def _align(self, track: Track, anchor: Track) -> bool:
        offset, pairs = offset_of(_survey(track), _survey(anchor), self._names)
        if offset is None:
            return False
        if abs(offset) <= AGREE_S:
            text = (
                f"the clocks of {track.name} and {anchor.name} agree within {AGREE_S} s, by "
                f"{counted(pairs, 'open')} that both saw"
            )
        else:
            track.offset_s = -offset
            text = (
                f"the clock of {track.name} is {abs(offset):,.1f} s "
                f"{'ahead of' if offset > 0 else 'behind'} that of {anchor.name}, by {pairs:,} "
                "opens that both saw: it was set right"
            )
        self.notes.append(("clock", text))
        return True

    # -- while

    def _stream(self, track: Track) -> Iterator[tuple[Seen, int]]:
        for fact in track.facts():
            if track.offset_s:
                fact.at += track.offset_s
            kept = self._judge(track, fact)
            if kept is not None:
                yield kept, track.index

    def _judge(self, track: Track, fact: Seen) -> Seen | None:
        """The fact as it goes into the run, or None where another file tells it."""
        if isinstance(fact, Opened) and (track.index, fact.goes_on) in self._kept:
            self._kept.discard((track.index, fact.goes_on))
            self._kept.add((track.index, fact.handle))
            return fact
        if isinstance(fact, Opened | OpenDenied | Renamed | Deleted):
            fact.share = fact.share or self._share
            is_stranger = fact.who.is_stranger and track.kind.samples is None
            tellers = self._others(track) if is_stranger else self._tellers(track, fact)
            if any(self._is_told_by(one, fact, is_named=not is_stranger) for one in tellers):
                return None
            if isinstance(fact, Opened):
                self._kept.add((track.index, fact.handle))
                return self._enrich(track, fact)
            return fact
        handle = getattr(fact, "handle", "")
        if handle and (track.index, handle) not in self._kept:
            return None
        if isinstance(fact, HandleClosed):
            self._kept.discard((track.index, handle))
        return fact

    def _others(self, track: Track) -> Iterator[Track]:
        """The other files that tell of opens: any of them may have the name of a stranger."""
        return (one for one in self._of_opens if one is not track)

    def _tellers(
        self, track: Track, fact: Opened | OpenDenied | Renamed | Deleted
    ) -> Iterator[Track]:
        """The files that prove more than a track does and may know a fact's client."""
        is_refusal = isinstance(fact, OpenDenied)
        who = Who(fact.who.address, fact.who.machine, fact.who.user, server=fact.who.server)
        known = self._known.get((is_refusal, who))
        if known is None:
            tellers = self._of_refusals if is_refusal else self._of_opens
            client = Client(who, self._names)
            surveys = [(one, _survey(one)) for one in tellers]
            known = [
                one
                for one, survey in surveys
                if survey.clients.may_have(client) and survey.may_be_of(who.server)
            ]
            if len(self._known) >= CLIENTS_MAX:
                self._known.clear()
            self._known[is_refusal, who] = known
        for one in known:
            if one is track:
                return
            yield one

    def _is_told_by(
        self, teller: Track, fact: Opened | OpenDenied | Renamed | Deleted, *, is_named: bool
    ) -> bool:
        """Whether another file covers the time of a fact, or tells the same open beside it."""
        survey, at = _survey(teller), fact.at - teller.offset_s
        if survey.first_at <= at <= survey.last_at and is_named:
            return True
        if isinstance(fact, OpenDenied):
            slack_s = AGREE_S if at < survey.first_at else EDGE_S
            if not survey.first_at - slack_s <= at <= survey.last_at + slack_s:
                return False
            refusals = survey.refusals.get(fold(fact.path), ())
            return any(abs(time - at) <= slack_s for time, _ in refusals)
        return isinstance(fact, Opened) and bool(_nearest(survey.opens.get(fold(fact.path)), at))

    def _enrich(self, track: Track, fact: Opened) -> Opened:
        """What samples know of an open that its own file does not tell."""
        if fact.known == ALL_MODES and fact.who.user:
            return fact
        best: Opened | None = None
        for other in self._sampled:
            if other is track:
                continue
            found = _nearest(_survey(other).opens.get(fold(fact.path)), fact.at - other.offset_s)
            if found is not None and self._is_same(fact.who, found.who):
                best = found
        if best is None:
            return fact
        if best.known > fact.known:
            fact.share_mode, fact.known = best.share_mode, best.known
        if best.access >= 0:
            fact.access = best.access
        if not fact.who.user:
            fact.who = Who(
                fact.who.address,
                fact.who.machine or best.who.machine,
                best.who.user,
                fact.who.program,
                fact.who.server,
            )
        return fact

    def _is_same(self, one: Who, other: Who) -> bool:
        names = self._names
        first = names.machine(one.address, one.machine)
        second = names.machine(other.address, other.machine)
        return (
            first == second or not first or not second or bool(one.user and one.user == other.user)
        )


def _begins_within(later: Survey, survey: Survey) -> bool:
    """Whether something begins before the end of something else. Where times are whole seconds,
    what begins in the last one goes on there: lines of one second may be alike.
    """
    at, end = later.first_at, survey.last_at
    return at < end or (at == end and not at.is_integer())


def _goes_on(before: Track, track: Track) -> bool:
    """Whether a track begins where another of the same server ends; a log in whole seconds may have
    both in one.
    """
    here, there = _survey(track).servers, _survey(before).servers
    return (
        track.kind.is_rotated
        and (before.kind, before.grade) == (track.kind, track.grade)
        and (not here or not there or bool(here.keys() & there))
        and 0.0 < int(_survey(before).end) <= _survey(track).begin
        and before.sources[-1].machine == track.sources[0].machine
    )


def offset_of(survey: Survey, anchor: Survey, names: Names) -> tuple[float | None, int]:
    """How far a track's clock is ahead of another's, in seconds, by the opens and refusals of a
    client that both saw, and by how many; None where there are too few, or they do not agree.
    """
    differences: list[float] = []
    most = 0
    for path in {**survey.opens, **survey.refusals}:
        theirs = [(at, Client(one.who, names)) for at, one in anchor.seen(path)]
        if not theirs:
            continue
        paired: set[int] = set()
        count = 0
        for at, one in survey.seen(path):
            client = Client(one.who, names)
            same = [place for place, (_, other) in enumerate(theirs) if client.may_be(other)]
            differences += [at - theirs[place][0] for place in same]
            paired.update(same)
            count += bool(same)
        most += min(count, len(paired))
        if len(differences) > DIFFERENCES_MAX:
            break
    bins = Counter(round(one) for one in differences)
    near = {place: sum(bins[place + step] for step in (-1, 0, 1)) for place in bins}
    best = min(near, key=lambda place: (-near[place], abs(place)), default=None)
    if best is None or near[best] < PAIRS_MIN or near[best] * 2 < most:
        return None, 0
    matching = [one for one in differences if abs(one - best) <= 1.5]
    return statistics.median(matching), len(matching)


def _nearest(opens: list[tuple[float, Opened]] | None, at: float) -> Opened | None:
    if not opens:
        return None
    place = bisect_left(opens, at, key=lambda pair: pair[0])
    near = opens[max(0, place - 1) : place + 1]
    best = min(near, key=lambda pair: abs(pair[0] - at), default=None)
    return best[1] if best is not None and abs(best[0] - at) <= SAME_S else None


def _survey(track: Track) -> Survey:
    assert track.survey is not None, "a track is surveyed before it is merged"
    return track.survey


def _rank(track: Track) -> tuple[str, int]:
    return track.grade, -_survey(track).count
