"""The live page as structs: what a server sends, whole and then as merge patches of it.

Times are site time in seconds since 1970. Nothing in it grows with time alone: what has lasted
since when is told, not for how long, so that a page on which nothing happened is the same page. A
sum of waiting is two numbers for that reason: `waiters` and `waited_from`, the sum of their first
refusals; at a time `t` they have waited `waiters * t - waited_from` seconds. Lists that are cut
come with the number of what was left out.
"""

from __future__ import annotations

import msgspec


class _Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of the page: what is at its default is left out of the JSON."""


class LiveHold(_Part, frozen=True):
    """One open in the way of an update. `alone`: closing it lets the update through, by the
    sharing rule and the opens of now. `lets` and `why` are words.
    """

    open: str
    machine: str
    program: str
    user: str
    path: str
    lets: str
    why: str
    opened_at: float
    refusals: int
    alone: bool = False
    lock: bool = False
    since: str = ""


class LiveWaiter(_Part, frozen=True):
    """Who waits: a machine and its program, since when, refused how often."""

    episode: str
    machine: str
    program: str
    first_at: float
    last_at: float
    refused: int
    says: str
    """The episode in one sentence."""


class LiveOpen(_Part, frozen=True):
    """An open that stands, whether in anybody's way or not."""

    open: str
    server: str
    share: str
    path: str
    machine: str
    program: str
    user: str
    lets: str
    opened_at: float


class LiveBlock(_Part, frozen=True):
    """What is blocked: one update on one server, or one file that nobody's update is about.

    `holds` are the first of `hold_count` opens in the way, by file. `next_at` is when it will be
    tried again (None: no record tells). `free`: nobody is in the way any more of what was refused;
    `later_count` opens of other files of its package would refuse it next.
    """

    id: str
    server: str
    share: str
    wants: str
    waiters: int
    waited_from: float
    refused: int
    file_count: int
    hold_count: int
    first_at: float
    last_at: float
    files: list[str]
    holds: list[LiveHold]
    waiting: list[LiveWaiter]
    job: str = ""
    package: str = ""
    next_at: float | None = None
    free: bool = False
    later_count: int = 0


class LiveHolder(_Part, frozen=True):
    """A program on a machine that keeps others out: of which blocks, and for which it waits
    itself.
    """

    machine: str
    program: str
    user: str
    server: str
    files: list[str]
    file_count: int
    opened_at: float
    waiters: int
    waited_from: float
    keeps_out: list[str]
    """Blocks, by id."""
    keeps_out_count: int
    waits_for: list[str]
    """Blocks in which this machine waits, by id."""


class LiveBar(_Part, frozen=True):
    """One open on a lane: from when, to when (None: it is held)."""

    open: str
    machine: str
    program: str
    user: str
    path: str
    opened_at: float
    closed_at: float | None = None
    since: str = ""


class LiveLane(_Part, frozen=True):
    """One update's wait: `ticks` are the moments of refusals with their numbers. `ended_at` is
    None while it waits.
    """

    id: str
    server: str
    share: str
    path: str
    machine: str
    program: str
    first_at: float
    state: str
    ticks: list[tuple[float, int]]
    bars: list[LiveBar]
    bar_count: int
    job: str = ""
    package: str = ""
    ended_at: float | None = None
    next_at: float | None = None
    says: str = ""


class LiveJob(_Part, frozen=True):
    """A job: what its database says over time, and what was true on the shares.

    `said` is (time, status); `truth` is (time, folders new, old, mixed, with files missing).
    `reported` counts the rows of Job Details by kind and status. `untrue`: the database says
    Complete, and it is not so.
    """

    job: str
    name: str
    type: str
    package: str
    status: str
    status_at: float
    said: list[tuple[float, str]]
    truth: list[tuple[float, int, int, int, int]]
    reported: dict[str, dict[str, int]]
    pcs_right: int
    pcs_wrong: int
    replaced_by: str = ""
    untrue: bool = False
    why: str = ""


class LivePackage(_Part, frozen=True):
    """The version map of a package. `files` has one letter for each of `servers`: `n` new, `o`
    old, `m` missing, `x` somebody else's; `folders` counts them: (new, old, missing, other).
    """

    package: str
    job: str
    servers: list[str]
    files: dict[str, str]
    folders: list[tuple[int, int, int, int]]
    more_files: int
    more_servers: int


class LiveClients(_Part, frozen=True):
    """The clients in one state: the first of `count` by name. `tone` is `wrong`, `wait`, `old` or
    `right`.
    """

    state: str
    tone: str
    count: int
    machines: list[str]


class LiveMark(_Part, frozen=True):
    """Something that somebody did, or that broke: `kind` is `fault`, `step`, `intervention` or
    `job`. `lasts`: a fault that was caused on purpose and is not over.
    """

    at: float
    kind: str
    text: str
    ended_at: float | None = None
    lasts: bool = False


class LiveRetry(_Part, frozen=True):
    """When a job will be tried again, on which servers."""

    at: float
    job: str
    name: str
    servers: list[str]
    server_count: int
    attempt: int


class LiveRemedy(_Part, frozen=True):
    """What would let blocked updates through, by the sharing rule on the opens of now.

    `by_one` are the updates for which closing one open is enough, with that open; `strategy` is
    the cheapest way to copy that gets past every holder of the others, and `strategy_says` what it
    does.
    """

    by_one: list[tuple[str, str]]
    by_one_count: int
    block_count: int
    strategy: str = ""
    strategy_says: str = ""


class LiveTotals(_Part, frozen=True, omit_defaults=False):
    """How much there is of what, whatever the lists show."""

    files: int = 0
    blocks: int = 0
    waiters: int = 0
    holders: int = 0
    holding_machines: int = 0
    refused: int = 0
    opens: int = 0
    jobs: int = 0
    retrying: int = 0
    untrue: int = 0
    folders: int = 0
    folders_broken: int = 0
    clients: int = 0
    clients_wrong: int = 0
    updates: int = 0
    """Jobs that blocked updates are for."""


class LivePage(_Part, frozen=True):
    """All that the page shows. `more` says of each list how many of its rows were left out."""

    scope: str
    servers: list[str]
    record: int
    at: float
    """When the newest record was made."""
    totals: LiveTotals
    remedy: LiveRemedy
    blocks: dict[str, LiveBlock]
    block_order: list[str]
    holders: dict[str, LiveHolder]
    holder_order: list[str]
    opens: list[LiveOpen]
    """The oldest."""
    lanes: dict[str, LiveLane]
    lane_order: list[str]
    jobs: dict[str, LiveJob]
    job_order: list[str]
    packages: dict[str, LivePackage]
    clients: list[LiveClients]
    retries: list[LiveRetry]
    marks: list[LiveMark]
    more: dict[str, int]
    silent: dict[str, float] = {}
    """Servers that are not heard, and since when."""


class LiveWatched(_Part, frozen=True):
    """Why nothing is closed from a page: its server is another's, and is only watched.

    `proves` says what its sources can tell, `by_hand` what closes a file there, a command each.
    """

    run: str
    proves: str
    by_hand: list[str]
    sees_waits: bool = False
    """Whether refusals are in the sources: where they are not, nobody is known to wait."""
