"""From a load file to what each process is told: which clients it has, when each polls, who holds
which file. Pure.

The law: every process has its share of every group, so that all are equally busy. Clients are
counted from 0, group after group; their numbers at the site follow the processes, since each has
one range of them. `ClientLayout` knows both ways.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from random import Random
from typing import Any, Final

import msgspec

from despoolr_core.share.fleet_api import ServerCard
from despoolr_core.times import span_s
from despoolr_lab.load.spec.model import LoadFile
from despoolr_lab.load.spec.shapes import ClientSchedule, schedules
from despoolr_lab.load.workers.protocol import HoldOrder, Orders, Part

PLANNED_MAX: Final = 300_000
"""Polls that are gone through to tell how many are planned."""


class LoadSite(msgspec.Struct, frozen=True):
    """Where a load is played: what it must know of the site. `packages` is name to id and file
    names.
    """

    url: str
    token: str
    scale: float
    logons: Sequence[ServerCard]
    first: int
    """The number of the first client."""
    packages: Mapping[str, tuple[str, Sequence[str]]]
    holders_meet: Mapping[str, Sequence[ServerCard]]
    """Package to the servers it is put on."""


class ClientLayout:
    """Which process has which clients. `pieces[p]` are its clients, in the order of their
    numbers.
    """

    def __init__(self, counts: Sequence[int], processes: int) -> None:
        self.pieces: list[list[int]] = [[] for _ in range(processes)]
        self.groups: list[list[range]] = [[] for _ in range(processes)]
        """Of each process, the clients of each group."""
        first = 0
        for count in counts:
            cuts = [first + count * n // processes for n in range(processes + 1)]
            for process, (begin, end) in enumerate(pairwise(cuts)):
                self.pieces[process].extend(range(begin, end))
                self.groups[process].append(range(begin, end))
            first += count
        row = [client for piece in self.pieces for client in piece]
        self._slots = {client: slot for slot, client in enumerate(row)}

    def slot(self, client: int) -> int:
        """Where a client stands in the row of all numbers, from 0."""
        return self._slots[client]

    def first_of(self, process: int) -> int:
        """The slot of a process's first client."""
        return sum(len(piece) for piece in self.pieces[:process])


def layout_of(load: LoadFile, processes: int) -> ClientLayout:
    """The layout of a load on so many processes, or on one for each client if there are fewer of
    those.
    """
    return ClientLayout([group.count for group in load.clients], min(processes, load.client_count))


def pace_of(load: LoadFile, scale: float) -> list[ClientSchedule]:
    """The schedule of every client, in seconds of this machine's time since the start."""
    return [
        schedule
        for group in load.clients
        for schedule in schedules(
            group.shape,
            group.count,
            span_s(group.at) / scale,
            group.over_s / scale,
            span_s(group.poll_every) / scale,
            f"{load.load.seed}/{group.name}",
        )
    ]


def planned_of(load: LoadFile, scale: float) -> dict[int, float]:
    """Second to how many polls are meant to begin in it. Of a load of more than `PLANNED_MAX` polls
    every n-th client stands for n.
    """
    end = span_s(load.load.for_) / scale
    each = [
        (schedule, span_s(group.poll_every) / scale)
        for group, piece in zip(load.clients, _by_group(load, scale), strict=True)
        for schedule in piece
    ]
    count = sum(max(0.0, min(one.until, end) - one.first) / every_s + 1 for one, every_s in each)
    step = max(1, math.ceil(count / PLANNED_MAX))
    found = dict.fromkeys(range(math.ceil(end)), 0.0)
    for schedule, every_s in each[::step]:
        for at in schedule.polls(every_s, end):
            found[int(at)] += step
    return found


def _by_group(load: LoadFile, scale: float) -> list[list[ClientSchedule]]:
    pace = iter(pace_of(load, scale))
    return [[next(pace) for _ in range(group.count)] for group in load.clients]


def holds_of(load: LoadFile, place: LoadSite) -> list[HoldOrder]:
    """Who holds which file: clients in an order that the seed chose, files and servers in turn.
    `client` counts over all.
    """
    found: list[HoldOrder] = []
    taken: set[int] = set()
    for number, table in enumerate(load.holders):
        (members,) = load.members([table.clients])
        clients = list(members)
        Random(f"{load.load.seed}/holders/{number}").shuffle(clients)
        package, files = place.packages[table.package]
        servers = place.holders_meet[table.package]
        at, for_s = span_s(table.at) / place.scale, span_s(table.for_) / place.scale
        for index, client in enumerate(sorted(clients, key=lambda c: c in taken)[: table.count]):
            taken.add(client)
            file = files[
                index // len(servers) % len(files) if table.files == "*" else int(table.files) - 1
            ]
            server = servers[index % len(servers)]
            where = (server.name, server.package_share, f"{package}/{file}")
            found.append(
                HoldOrder(
                    client, at, at + for_s, *where, table.access, table.share_mode, table.program
                )
            )
    return found


def orders_of(load: LoadFile, place: LoadSite, layout: ClientLayout) -> list[Orders]:
    """What each process is told."""
    pace = pace_of(load, place.scale)
    holds = holds_of(load, place)
    programs: list[dict[str, Any]] = [msgspec.to_builtins(program) for program in load.program]
    found: list[Orders] = []
    for process, groups in enumerate(layout.groups):
        local = {client: index for index, client in enumerate(layout.pieces[process])}
        parts = [
            Part(
                group.name,
                [_told(pace[client]) for client in members],
                span_s(group.poll_every) / place.scale,
                span_s(group.poll_every),
                group.when_warned,
            )
            for group, members in zip(load.clients, groups, strict=True)
        ]
        found.append(
            Orders(
                site_url=place.url,
                token=place.token,
                logons=list(place.logons),
                first=place.first + layout.first_of(process),
                parts=parts,
                programs=programs,
                holds=[
                    msgspec.structs.replace(hold, client=local[hold.client])
                    for hold in holds
                    if hold.client in local
                ],
                packages=[package for package, _ in place.packages.values()],
                seed=load.load.seed,
                end=span_s(load.load.for_) / place.scale,
                late_max=span_s(load.load.late_max),
                first_measured=math.ceil(span_s(load.load.warm_up) / place.scale),
            )
        )
    return found


def _told(schedule: ClientSchedule) -> tuple[float, float | None]:
    return schedule.first, None if math.isinf(schedule.until) else schedule.until
