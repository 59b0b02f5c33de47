"""What a load file can say: clients by exact counts and how they come, packages, jobs, holders,
updates, and what is expected.

The structs are the schema; `docs/load.md` explains them in the same order. The law: times are those
of scenario files, spans of site time since the start of the run, warm-up included. What a server is
judged by (`p99`, `within`, `late_max`) is this machine's time. In `machines` and `clients` stand
names of groups: a load has no use for one machine's name.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from msgspec import Meta, field

from despoolr_client.agent.settings import WhenWarned
from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import Access, ShareMode, parse_flags
from despoolr_core.suggest import one_of
from despoolr_core.times import span_s
from despoolr_lab.breaking.tables import FaultTable
from despoolr_lab.scenario import model
from despoolr_lab.scenario.tables.loads import SHAPES, LoadExpectation, LoadTable
from despoolr_lab.toml.schema import schema_of
from despoolr_lab.toml.tables import Moment, Name, Span, Table

CLIENTS_MAX: Final = 200_000
"""Clients of one run."""
POLLS_MAX: Final = 20_000_000
"""Polls that one run may mean to make."""
FILES_MAX: Final = 10_000
"""Files of one package."""
PACKAGE_SIZE_MAX: Final = 60 * 1024 * 1024
"""Bytes of one package: the site packs it into one file, and a share takes 64 MiB."""
SECONDS_MAX: Final = 48 * 3600
"""Seconds of this machine's time that one run may last: each has a row."""

Size = Annotated[str, Meta(description="Bytes: 800, 12KB, 1MB (1 KB is 1,024 bytes)")]
_SIZE: Final = re.compile(r"(\d+)\s*(B|KB|MB)?", re.IGNORECASE)
_UNITS: Final = {"": 1, "B": 1, "KB": 1024, "MB": 1024 * 1024}


def size_of(text: str) -> int:
    """Bytes of a size such as `12KB`. Raises `ValueError`."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a size such as 800, 12KB or 1MB")
    return int(found[1]) * _UNITS[fold(found[2] or "")]


class ClientGroup(Table, kw_only=True):
    """`[[clients]]`: clients that are alike: exactly so many, how often they poll, how they
    come.
    """

    name: Name
    count: Annotated[int, Meta(ge=1, le=CLIENTS_MAX)]
    poll_every: Span = "1h"
    shape: str = "steady"
    at: Moment = "0s"
    over: Span = ""
    """How long the shape takes; left out, the polling interval."""
    when_warned: str = "ignore"

    def __post_init__(self) -> None:
        one_of(self.shape, SHAPES, "shape")
        one_of(self.when_warned, WhenWarned, "way to take a warning")
        span_s(self.at)
        if span_s(self.poll_every) <= 0 or span_s(self.over or self.poll_every) < 0:
            raise ValueError("poll_every must be longer than 0 s")

    @property
    def over_s(self) -> float:
        """Site seconds the shape takes."""
        return span_s(self.over or self.poll_every)


class LoadPackage(Table, kw_only=True):
    """`[[package]]`: a package of so many files of such a size. What is in them follows from the
    seed and the version.
    """

    name: Name
    files: Annotated[int, Meta(ge=1, le=FILES_MAX)] = 10
    size: Size = "1KB"

    def __post_init__(self) -> None:
        if self.files * size_of(self.size) > PACKAGE_SIZE_MAX:
            limit = PACKAGE_SIZE_MAX // 1024**2
            raise ValueError(
                f"{self.files:,} files of {self.size} are more than {limit} MiB, the limit of "
                "one package"
            )


class LoadJob(Table, kw_only=True):
    """`[[job]]`: a package put on servers, and with `command` run by groups of clients."""

    name: Name
    package: Name
    at: Moment = "0s"
    command: str = ""
    machines: list[str] = field(default_factory=lambda: ["*"])
    mandatory_after: str = "0s"
    """Span after `at` from which it runs without asking; empty: only offered."""
    put_on: list[str] = []

    def __post_init__(self) -> None:
        span_s(self.at)
        span_s(self.mandatory_after or "0s")


class HolderGroup(Table, kw_only=True):
    """`[[holders]]`: so many clients of a group open a file of a package and keep it open."""

    clients: Name
    count: Annotated[int, Meta(ge=1, le=CLIENTS_MAX)]
    package: Name
    at: Moment
    for_: Span = field(name="for")
    files: str = "*"
    """`*`: each holder takes one of the package's files, in turn; a number: all take that file."""
    access: str = "READ"
    share_mode: str = "READ"
    program: str = "WINWORD.EXE"

    def __post_init__(self) -> None:
        span_s(self.at)
        if span_s(self.for_) <= 0:
            raise ValueError(f"{self.for_!r} must be longer than 0 s")
        parse_flags(Access, self.access)
        parse_flags(ShareMode, self.share_mode)
        if self.files != "*" and not self.files.isdecimal():
            raise ValueError(
                f"files {self.files!r} is neither '*' nor the number of a file, from 1"
            )


class Update(Table, kw_only=True):
    """`[[update]]`: a new version of a package's files, and the job that refreshes every server
    that has it.
    """

    name: Name
    package: Name
    at: Moment

    def __post_init__(self) -> None:
        span_s(self.at)


class LoadFile(Table, kw_only=True):
    """What a load file says, checked."""

    name: Name
    title: str
    load: LoadTable
    clients: list[ClientGroup]
    story: str = ""
    package: list[LoadPackage] = []
    program: list[model.Program] = []
    job: list[LoadJob] = []
    holders: list[HolderGroup] = []
    update: list[Update] = []
    fault: list[FaultTable] = []
    expect: list[LoadExpectation] = []

    def __post_init__(self) -> None:
        if not self.clients:
            raise ValueError("a load needs clients: [[clients]] with a name and a count")

    @property
    def client_count(self) -> int:
        """All clients of all groups."""
        return sum(group.count for group in self.clients)

    def members(self, names: list[str]) -> list[range]:
        """The clients (counted from 0, group after group) of the groups that are named; `*` is all
        of them.
        """
        found: list[range] = []
        first = 0
        for group in self.clients:
            if "*" in names or group.name in names:
                found.append(range(first, first + group.count))
            first += group.count
        return found

    def target_count(self, job: LoadJob) -> int:
        """How many clients are to run a job."""
        return sum(map(len, self.members(job.machines))) if job.command else 0


def schema() -> dict[str, Any]:
    """The format as JSON Schema 2020-12, for editors."""
    return schema_of(LoadFile, "Despoolr load")


def file_name(number: int) -> str:
    """The name of a package's n-th file."""
    return f"F{number:05}.DAT"
