"""What all clients of a site share: one frozen object, so that a client costs only what is its own.

Everything a client reaches the world by is here: the clock, the way to a server's shares, the
recorder, and a maker of seeded generators. A generator is made when chance is needed and thrown
away: a `random.Random` for each of fifty thousand clients would be 125 MB.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from enum import StrEnum
from random import Random
from typing import Any, Final, Protocol, TypeVar

import msgspec

from despoolr_client.agent.machine.habits import AS_SHIPPED, Habits
from despoolr_client.agent.machine.programs import NO_PROGRAMS, Programs
from despoolr_client.agent.polling import Told, Wanted
from despoolr_client.pcm.behaviour import PLATFORM, PcmBehaviour
from despoolr_client.pcm.history import History, HistoryState
from despoolr_client.pcm.state import Records
from despoolr_client.transport.limiter import PriorityLimiter
from despoolr_core.clock import Clock
from despoolr_core.formats.instructions.winst import WorkstationInstruction
from despoolr_core.records.stream import Recorder
from despoolr_core.share.contract import Share, Watch, unwatched

K = TypeVar("K")
V = TypeVar("V")

INTERNED_MAX: Final = 10_000


class KnownServer(Protocol):
    """A server as one client sees it: its shares, and an end."""

    def share(self, name: str) -> Share:
        """One of the server's shares, by name."""

    async def messages(self) -> list[str]:
        """What was sent to this machine's user since it was asked last."""

    async def close(self) -> None:
        """End the session, if one was begun: what it had open is closed."""

    def abandon(self) -> None:
        """Fall silent, as a machine without power does: nothing is closed and no lease is renewed
        any more.
        """


class WhenWarned(StrEnum):
    """What a user who holds files open does when told to close them: nothing; save and close; or
    the machine is switched off.
    """

    IGNORE = "ignore"
    CLOSE = "close"
    CRASH = "crash"


MESSAGES_EVERY_S: Final = 60.0
"""How often a machine that listens looks for messages, while its user holds a file."""


Connect = Callable[[str, str, str], KnownServer]
"""`connect(server, machine, user)`: reach a server by name, as this user on this machine. Costs
nothing until it is used.
"""

Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]
"""How an agent gets a task: the `create_task` of the group that drives it."""

MakeRandom = Callable[[str], Random]
"""A generator for one purpose of one actor, e.g. `lambda label: Random(f"{seed}/{label}")`. Same
label, same numbers.
"""

WatchFile = Callable[[str, str], Watch]
"""`watch(server, sms_id)`: what tells, without a call, that a client's instruction file on a logon
server is as it was.
"""

ReadIfChanged = Callable[[str, str, str, str], Awaitable["tuple[bytes, str] | None"]]
"""`read(server, machine, path, etag)`: a file of a logon share as `Share.read_if_changed` has it,
with no connection made for it.
"""


class AsksSeveral(Protocol):
    """Asks a logon server for many clients' instruction files at once."""

    def may_ask(self, server: str) -> bool:
        """Whether it may be asked so, now."""

    async def ask(self, server: str, wanted: Sequence[Wanted]) -> list[Told | None]:
        """What `read_if_changed` of each would return or raise, in their order. Those that are left
        over ask alone.
        """


LogSink = Callable[[str, float, str], None]
"""`log(machine, at, text)`: one line of a client's PCM log, `at` by the client's clock."""


def nobody_tells(_server: str, _sms_id: str) -> Watch:
    """Over a network one asks."""
    return unwatched


class Interner:
    """Equal instruction records, lists and histories of them are one object, however many clients
    have them. Bounded: when there are too many of a kind, that kind starts anew.
    """

    def __init__(self, records_max: int = INTERNED_MAX) -> None:
        self._records: dict[WorkstationInstruction, WorkstationInstruction] = {}
        self._lists: dict[Records, Records] = {}
        self._histories: dict[tuple[tuple[str, HistoryState], ...], History] = {}
        self.records_max = records_max

    def intern(self, record: WorkstationInstruction) -> WorkstationInstruction:
        """The one object that stands for all records equal to this one."""
        return _one(self._records, record, record, self.records_max)

    def intern_all(self, records: Records) -> Records:
        """The one list that stands for all lists of records equal to these."""
        interned = tuple(map(self.intern, records))
        return _one(self._lists, interned, interned, self.records_max)

    def intern_history(self, history: History) -> History:
        """The one history that stands for all that say the same in the same order."""
        return _one(self._histories, tuple(history.items()), history, self.records_max)


def _one(known: dict[K, V], key: K, value: V, most: int) -> V:
    found = known.get(key)
    if found is not None:
        return found
    if len(known) >= most:
        known.clear()
    known[key] = value
    return value


class ClientSettings(msgspec.Struct, frozen=True):
    """One site's clients. `limiter` bounds the clients that talk to servers at one time."""

    clock: Clock
    connect: Connect
    recorder: Recorder
    random: MakeRandom
    limiter: PriorityLimiter
    site: str
    domain: str
    logon_servers: tuple[str, ...]
    """`[Servers]` of SMS.INI: Client Setup copies the first eight (Q140145, Q279752). The first is
    the current one.
    """

    behaviour: PcmBehaviour = msgspec.field(default_factory=PcmBehaviour)
    programs: Programs = NO_PROGRAMS
    polling_interval_s: float = 3600.0
    """Site Properties > Clients, default 60 minutes (Q125934)."""

    platform: int = 0
    """Bits of the Operating System mask that are this machine's; 0: those of the PCM variant."""

    results: str = ""
    r"""`ResultSharePoint`: UNC directory for reports (Q135768); empty: `\\<current logon
    server>\SMS_SHR\DESPOOLR.BOX`.
    """

    log: LogSink | None = None
    when_warned: WhenWarned = WhenWarned.IGNORE
    """What a user does who is told that files will be closed (Q128458)."""

    habits: Habits = AS_SHIPPED
    """How its machines treat the files of packages."""

    watch: WatchFile = nobody_tells

    read_if_changed: ReadIfChanged | None = None
    """How instruction files are asked for where thousands are; None: as any other file."""

    asks_several: AsksSeveral | None = None
    """How clients that are due at one time ask together; None: each asks alone."""

    records_idle_polls: bool = True
    """Whether a poll that brought nothing is a record too; a fleet of thousands says no."""

    interner: Interner = msgspec.field(default_factory=Interner)

    def __post_init__(self) -> None:
        if not self.logon_servers:
            raise ValueError("a client needs at least one logon server")

    @property
    def machine_platform(self) -> int:
        """The mask a record's Operating System field is compared with."""
        return self.platform or PLATFORM[self.behaviour.variant]
