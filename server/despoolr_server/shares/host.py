"""The shares of one server process: the one door between callers (HTTP handlers, local services)
and the table of opens.

Refusals are values (`Problem`). Decisions never await: between looking at the table and changing it
nothing else runs. Only moving bytes may await; meanwhile the open that was granted protects the
file. Each kind of operation is a part: `host.paths`, `host.polls`, `host.listings`,
`host.trees`, `host.dav`, `host.handles`, `host.file_info`, `host.range_locks`, `host.sessions`, all
behind one `Gate`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from despoolr_core.clock import Clock
from despoolr_core.records.stream import Recorder
from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import NtStatus, Role, render_access, render_share_mode
from despoolr_core.share.wire import RANGES_LISTED_MAX, EpisodeRow, OpenRow, Problem
from despoolr_server.engine.names import ROOT, BadName, Name, parse_name
from despoolr_server.engine.rows import Open
from despoolr_server.files.protocol import FileStore
from despoolr_server.shares.base.gate import Gate
from despoolr_server.shares.base.limits import ShareLimits
from despoolr_server.shares.base.network_share import NetworkShare
from despoolr_server.shares.base.principal import Principal
from despoolr_server.shares.base.problems import problem
from despoolr_server.shares.base.rights import EVERYONE, Rights, RightsTable
from despoolr_server.shares.dav import Dav
from despoolr_server.shares.directory_watch import DirectoryWatch
from despoolr_server.shares.handles.file_info import FileInfo
from despoolr_server.shares.handles.handles import Handles
from despoolr_server.shares.handles.range_locks import RangeLocks
from despoolr_server.shares.paths.boxes import Boxes
from despoolr_server.shares.paths.listings import Listings
from despoolr_server.shares.paths.paths import Paths
from despoolr_server.shares.paths.polls import Polls
from despoolr_server.shares.paths.puts import Puts
from despoolr_server.shares.paths.trees import Trees
from despoolr_server.shares.sessions import Sessions

FORCED: Final = "forced"
ROOT_MISSING: Final = (
    "its directory is not on the disk: put it back, or start the server again, "
    "which makes an empty one"
)


class ShareHost:
    """All shares of one server, their sessions and their table of opens.

    `recorder` gets the facts and feeds the host's own episode ledger.
    Ids are counters (`S1`, `O1`, `<server>-E1`): give a restarted server an `id_prefix` of its own.
    `dav_time_scale` is how many site seconds pass in one of a WebDAV client's.
    """

    def __init__(
        self,
        server: str,
        clock: Clock,
        recorder: Recorder,
        limits: ShareLimits | None = None,
        *,
        id_prefix: str = "",
        dav_time_scale: float = 1.0,
    ) -> None:
        self.server = server
        self.limits = ShareLimits() if limits is None else limits
        self.gate = Gate(server, clock, recorder, self.limits, id_prefix=id_prefix)
        self.engine = self.gate.engine
        self.ledger = self.gate.ledger
        self.dav_locks = self.gate.dav_locks
        self.sessions = Sessions(self.gate)
        self.paths = Paths(self.gate)
        self.polls = Polls(self.gate)
        self.puts = Puts(self.gate)
        self.boxes = Boxes(self.gate)
        self.listings = Listings(self.gate)
        self.handles = Handles(self.gate)
        self.file_info = FileInfo(self.gate)
        self.range_locks = RangeLocks(self.gate)
        self.trees = Trees(self.gate, self.paths)
        self.dav = Dav(self.gate, self.listings, time_scale=dav_time_scale)

    # -- what there is

    def add_share(self, name: str, store: FileStore, rights: RightsTable | None = None) -> None:
        """Serve a store under a name, case-insensitively, and put on record what is wrong with it.

        Raises `ValueError` for a name that is taken or no share name.
        """
        if isinstance(parse_name(name), BadName) or not name or "/" in name or "\\" in name:
            raise ValueError(f"{name!r} is not a name for a share")
        if fold(name) in self.gate.shares:
            raise ValueError(f"there is a share {name} already")
        self.gate.shares[fold(name)] = NetworkShare(
            name, store, (EVERYONE if rights is None else rights).copy()
        )
        for found in store.findings:
            self.gate.audit.damaged(name, found)

    def damages(self) -> list[str]:
        """What is wrong with the data of shares, so that nothing on them can be changed: a sentence
        each.
        """
        found = [
            (share.name, finding)
            for share in self.gate.shares.values()
            for finding in share.store.findings
        ]
        found += [
            (share.name, ROOT_MISSING)
            for share in self.gate.shares.values()
            if share.store.find(ROOT) is None
        ]
        return [f"{name}: {finding}" for name, finding in found]

    def share_names(self) -> list[str]:
        """The shares, in the order in which they were added."""
        return [share.name for share in self.gate.shares.values()]

    def watch(self, share: str, paths: Sequence[str], files: Sequence[str] = ()) -> DirectoryWatch:
        """What says whether anything changed in directories, or in who may look at them; and that
        nobody has `files` open.
        """
        return DirectoryWatch(self.gate, share, paths, files)

    def set_rights(
        self, share: str, prefix: str, role: Role, rights: Rights | None
    ) -> Rights | None:
        """Change what a role may do below a prefix from now on (None: as the directory above);
        returns what stood there.

        Opens already granted are not touched, as with Windows. Raises `KeyError` for an unknown
        share.
        """
        return self.gate.shares[fold(share)].rights.set(prefix, role, rights)

    @property
    def refusal_counts(self) -> Mapping[tuple[str, str], int]:
        """How many refusals are on record, by share and program (`other` beyond a bound)."""
        return self.gate.audit.refusal_counts

    @property
    def open_count(self) -> int:
        """How many opens there are."""
        return len(self.engine.table)

    @property
    def session_count(self) -> int:
        """How many sessions there are."""
        return len(self.engine.sessions)

    def stop(self, reason: str = "server stopped") -> None:
        """End every session: what a server does before it goes."""
        closing = self.gate.closing
        for ended in self.engine.end_all(reason, self.gate.clock.now()):
            closing.finish_session(ended)
        closing.close_all()

    # -- who holds what, who was refused what

    def opens(self, share: str = "", path: str = "", machine: str = "") -> list[OpenRow]:
        """Who holds what, oldest first; each filter that is not empty must match,
        case-insensitively.
        """
        found = [row for row in self.each_open(share, path, machine) if row is not None]
        return list(map(self.row_of, sorted(found, key=lambda row: row.number)))

    def first_opens(self, count: int) -> list[Open]:
        """So many of all opens, the oldest."""
        self.gate.now()
        return [*islice(self.engine.table, count)]

    def each_open(
        self, share: str = "", path: str = "", machine: str = ""
    ) -> Iterator[Open | None]:
        """The same of the opens that stand when their turn comes, one by one, for who has to let
        others have a turn. None: one left out. Oldest first where a path or a machine is said.
        """
        self.gate.now()
        name = parse_name(path) if path else None
        if isinstance(name, BadName):
            return
        share, machine = fold(share), fold(machine)
        for row in self._candidates(share, name, machine):
            is_asked = (
                (not share or share == fold(row.share))
                and (not machine or machine == fold(row.machine))
                and (name is None or name.key == fold(row.path))
            )
            yield row if is_asked else None

    def _candidates(self, share: str, name: Name | None, machine: str) -> Iterable[Open]:
        """The opens among which those asked for are: of one file or one machine where that is said,
        however many others there are.
        """
        if name is not None:
            shares = self.gate.shares
            found = [shares[share]] if share in shares else [] if share else shares.values()
            return heapq.merge(
                *(self.engine.opens_of(one.name, name) for one in found),
                key=lambda row: row.number,
            )
        if machine:
            return self.engine.opens_of_machine(machine)
        return self.engine.table.by_session()

    def episodes(self, machine: str = "", path: str = "") -> list[EpisodeRow]:
        """Who was refused what, by first refusal; `machine` is the waiter's or a blocker's."""
        return [row for row in self.each_episode(machine, path) if row is not None]

    def each_episode(self, machine: str = "", path: str = "") -> Iterator[EpisodeRow | None]:
        """`episodes`, one by one (None: one left out)."""
        return self.ledger.each(
            self.gate.now(), machine=machine, path=path.replace("\\", "/").strip("/")
        )

    def end_episode(self, who: Principal, episode: str, reason: str) -> Problem | None:
        """Put on record that an update will not be tried again (`given up`). Returns the reason if
        that is refused.
        """
        row = self.ledger.row(episode)
        if row is None:
            return problem(NtStatus.OBJECT_NAME_NOT_FOUND, detail=f"there is no episode {episode}")
        if who.role is Role.CLIENT and fold(row.machine) != fold(who.machine):
            return problem(NtStatus.ACCESS_DENIED, detail=f"episode {episode} is {row.machine}'s")
        if row.state == "waiting":
            self.gate.audit.gave_up(who.machine, episode, reason)
        return None

    def close_by_force(self, who: Principal, handle: str, reason: str) -> Problem | None:
        """Close somebody else's open, as Server Manager's *Close Resource* does; only for the
        service and administrators. A blank `reason` is `FORCED`. Returns why, if that is refused.
        """
        self.gate.now()
        if who.role is Role.CLIENT:
            return problem(
                NtStatus.ACCESS_DENIED,
                detail="only the service and administrators close others' opens",
            )
        row = self.engine.find(handle)
        if row is None:
            return problem(NtStatus.FILE_CLOSED, detail=f"handle {handle} is closed, or never was")
        self.gate.closing.close(row, reason.strip() or FORCED, self.gate.clock.now())
        return None

    def row_of(self, row: Open) -> OpenRow:
        """An open as it is told."""
        lock = self.dav_locks.of_handle(row.handle)
        ranges, waiting = self.range_locks.ranges_of(row, RANGES_LISTED_MAX)
        range_count, waiting_count = self.range_locks.counts_of(row)
        return OpenRow(
            open=row.handle,
            session=row.session,
            machine=row.machine,
            user=row.user,
            program=row.program,
            share=row.share,
            path=row.path,
            access=render_access(row.access),
            share_mode=render_share_mode(row.share_mode),
            opened_at=row.opened_at,
            delete_on_close=row.delete_on_close,
            purpose=row.purpose,
            kind=lock.kind if lock else "",
            ranges=tuple(ranges),
            range_count=range_count,
            waiting=tuple(waiting),
            waiting_count=waiting_count,
        )
