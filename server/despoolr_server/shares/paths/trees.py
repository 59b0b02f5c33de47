"""Operations on whole trees, as WebDAV has them: copy, move and delete a directory with all that is
in it.

The law: each name is asked for by itself, in its caller's name, like any other (`paths`); what
stands in the way is reported by name and the rest goes on, except that nothing is taken out from
around what stays. A move is one rename, and so all or nothing: what is open inside is named and
nothing moves. A directory that has to go for what comes in its place is looked through first, and
goes only if all of it can, and if all of what comes may be read and made there. Dead properties go
where their file goes. Sources: RFC 4918, 9.6 to 9.9; what a rename obeys is in `engine.renames`.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import Final

from despoolr_core.share.modes import Access, CreateOption, Disposition, NtStatus, ShareMode
from despoolr_core.share.wire import Problem
from despoolr_server.engine.dispositions import STAYS
from despoolr_server.engine.names import Name, found_name, parse_name
from despoolr_server.engine.rows import FileFacts, Open, Refusal
from despoolr_server.files.protocol import StoreError
from despoolr_server.loop.pace import FILES_A_TURN, batches, begun, breathe, turn
from despoolr_server.shares.base.gate import Gate, Visit
from despoolr_server.shares.base.principal import Caller, Content
from despoolr_server.shares.base.problems import problem
from despoolr_server.shares.paths.paths import Paths

Failures = list[tuple[str, Problem]]
"""What could not be done to which path, in the order in which it was found. Empty: all was done."""

FAILURES_MAX: Final = 256
"""Refusals that one answer tells; whoever comes so far gives up."""

_SYNCED_EACH: Final = 32
"""Names that are deleted in one turn, and made safe together: 64 took 8 to 15 ms with a journal."""

_READ: Final = int(Access.READ_DATA)
_WRITE: Final = int(Access.WRITE_DATA)
_DELETE: Final = int(Access.DELETE)
_SHARE_READ: Final = int(ShareMode.READ)
_SHARE_ALL: Final = int(ShareMode.ALL)
_DIRECTORY: Final = int(CreateOption.DIRECTORY_FILE)
_FILLED: Final = Refusal(NtStatus.DIRECTORY_NOT_EMPTY)


class Trees:
    """DELETE, COPY and MOVE of collections, name by name through `paths`."""

    def __init__(self, gate: Gate, paths: Paths) -> None:
        self._gate = gate
        self._paths = paths
        self._engine = gate.engine
        self._dav_locks = gate.dav_locks
        self._refusals = gate.refusals

    async def delete(self, caller: Caller, share: str, path: str) -> Problem | Failures:
        """Delete a file, or a directory with all that is in it; what is in use stays, and with it
        what it stands in.
        """
        visit = self._gate.visit(caller, share, path)
        if isinstance(visit, Problem):
            return visit
        facts = visit.share.store.find(visit.name)
        if facts is None or not facts.directory:
            return await self._paths.delete(caller, share, path) or []
        if not visit.name.key:
            return self._gate.refuse_visit(
                visit,
                Refusal(NtStatus.ACCESS_DENIED, reason="the share's root stays"),
                _DELETE,
                _SHARE_ALL,
            )
        if visit.fixed:
            return self._gate.refuse_visit(
                visit, Refusal(NtStatus.ACCESS_DENIED, reason=STAYS), _DELETE, _SHARE_ALL
            )
        await visit.share.store.ready(visit.name)
        failures = await self._delete_below(caller, visit, and_itself=True)
        return failures[0][1] if len(failures) == 1 and failures[0][0] == facts.path else failures

    async def copy(
        self,
        caller: Caller,
        share: str,
        path: str,
        new_path: str,
        *,
        replace: bool,
        infinite: bool = True,
    ) -> Problem | Failures:
        """Copy a file, or a directory (with all that is in it, if `infinite`): each file as a read
        and a write.

        An existing target is replaced, if `replace`: a file's content, a directory's whole
        contents.
        """
        pair = self._gate.visit_pair(caller, share, path, new_path)
        if isinstance(pair, Problem):
            return pair
        visit, target = pair
        store = visit.share.store
        facts, target_facts = store.find(visit.name), store.find(target)
        if target.key == visit.name.key or (
            facts is not None and facts.directory and is_inside(target, visit.name)
        ):
            reason = "it cannot be copied onto or into itself"
            return self._gate.refuse_visit(
                visit, Refusal(NtStatus.ACCESS_DENIED, reason=reason), _READ
            )
        if target_facts is not None and target_facts.directory and is_inside(visit.name, target):
            reason = "it stands in the directory it would replace"
            return self._gate.refuse_visit(
                visit, Refusal(NtStatus.ACCESS_DENIED, reason=reason), _READ
            )
        if target_facts is not None and not replace and facts is not None:
            collision = Refusal(NtStatus.OBJECT_NAME_COLLISION)
            return self._refusals.refuse(
                visit.actor, visit.share.name, target.path, collision, _WRITE, _SHARE_READ
            )
        if facts is None or not facts.directory:
            return await self._copy_file(caller, visit, target, target_facts)
        return await self._copy_directory(caller, visit, target, target_facts, infinite=infinite)

    async def move(  # noqa: C901 - its refusals in their order
        self, caller: Caller, share: str, path: str, new_path: str, *, replace: bool
    ) -> Problem | Failures:
        """Rename a file or a directory; with `replace`, what has the new name goes first, with all
        that is in it.
        """
        pair = self._gate.visit_pair(caller, share, path, new_path)
        if isinstance(pair, Problem):
            return pair
        visit, target = pair
        store = visit.share.store
        facts, target_facts = store.find(visit.name), store.find(target)
        if (
            facts is None
            or target.key == visit.name.key
            or (target_facts is None and not self._dav_locks)
        ):
            return await self._move_here(caller, visit, target, replace=replace)
        refusal = self._gate.check(
            visit, visit.ask(_DELETE, _SHARE_ALL), facts
        ) or self._may_be_put(caller, visit, target)
        if refusal is not None:
            return refusal
        held = self._held_below(caller, visit) if facts.directory else []
        if held or (target_facts is not None and not replace):
            return held or await self._move_here(caller, visit, target, replace=False)
        if target_facts is not None:
            if is_inside(target, visit.name) or is_inside(visit.name, target):
                reason = "one stands inside the other"
                return self._gate.refuse_visit(
                    visit, Refusal(NtStatus.ACCESS_DENIED, reason=reason), _DELETE, _SHARE_ALL
                )
            if (
                not facts.directory
                and not target_facts.directory
                and self._engine.opens_of(visit.share.name, target)
            ):
                return await self._move_over_open_file(caller, visit, target, facts, target_facts)
        if target_facts is not None and (facts.directory or target_facts.directory):
            refusal = self._paths.may_move(
                caller, visit, target, facts, None, replace=replace, ends_below=True
            )
            if refusal is None and facts.directory:
                refusal = await self._paths.why_too_far(visit, target)
            gone = refusal or await self._make_way(caller, share, target)
            if gone:
                return gone
        return await self._move_here(caller, visit, target, replace=replace)

    # -- inside

    async def _move_here(
        self, caller: Caller, visit: Visit, target: Name, *, replace: bool
    ) -> Problem | Failures:
        """One rename. The locks that the caller acts under end with it, and stay if it is refused:
        whatever may be in its way is looked for in the turn in which it happens.
        """
        held = self._held_below(caller, visit)
        if held:
            return held
        pair = self._gate.visit_pair(caller, visit.share.name, visit.name.path, target.path)
        if isinstance(pair, Problem):
            return pair
        refused = await self._paths.why_not_moved(caller, *pair, replace=replace, ends_below=True)
        return refused or self._held_below(caller, pair[0]) or await self._paths.rename(*pair) or []

    async def _move_over_open_file(
        self, caller: Caller, visit: Visit, target: Name, facts: FileFacts, target_facts: FileFacts
    ) -> Problem | Failures:
        """A target that is locked by the caller keeps its lock (RFC 4918, 7.6): it gets the
        content, the source goes.
        """
        refusal = self._engine.check_delete(visit.ask(_DELETE, _SHARE_ALL), facts, True, False)
        if refusal is not None:
            return self._gate.refuse_visit(visit, refusal, _DELETE, _SHARE_ALL)
        copied = await self._copy_file(caller, visit, target, target_facts)
        if copied:
            return copied
        return await self._paths.delete(caller, visit.share.name, visit.name.path) or []

    def _may_be_put(self, caller: Caller, visit: Visit, target: Name) -> Problem | None:
        """Whether a name may be made where the target is, by rights and locks; asked before
        anything is undone.
        """
        return (
            None
            if visit.share.store.find(target) is not None
            else self._may_be_made(caller, visit, target)
        )

    def _may_be_made(
        self, caller: Caller, visit: Visit, target: Name, options: int = 0
    ) -> Problem | None:
        """The same where what has that name now goes first."""
        goal = self._gate.visit(caller, visit.share.name, target)
        if isinstance(goal, Problem):
            return goal
        return self._gate.check(
            goal, goal.ask(_WRITE, _SHARE_ALL, Disposition.CREATE, options), None
        )

    def _held_below(self, caller: Caller, visit: Visit) -> Failures:
        """Who has what open inside a directory, by file, but for the locks that the caller acts
        under.
        """
        held: dict[str, list[Open]] = {}
        for row in self._engine.open_below(visit.share.name, visit.name):
            name = found_name(row.path)
            covering_handles = (
                self._gate.covering_handles(caller, visit.share.name, name)
                if caller.tokens
                else visit.covering_handles
            )
            if row.handle in covering_handles:
                continue
            if row.path not in held and len(held) == FAILURES_MAX:
                break
            held.setdefault(row.path, []).append(row)
        blockers_max = self._engine.blockers_max
        return [
            (
                path,
                self._refusals.refuse(
                    visit.actor, visit.share.name, path, refusal, _DELETE, _SHARE_ALL
                ),
            )
            for path, rows in held.items()
            for refusal in [
                Refusal(NtStatus.SHARING_VIOLATION, tuple(rows[:blockers_max]), len(rows))
            ]
        ]

    async def _delete_below(self, caller: Caller, visit: Visit, *, and_itself: bool) -> Failures:
        """Delete what is in a directory, the deepest first."""
        names = await self._below(visit, visit.name)
        if and_itself:
            names.insert(0, visit.name)
        failures: Failures = []
        kept: set[str] = set()
        for count, name in enumerate(reversed(names), 1):
            if name.key in kept:
                kept.add(name.parent.key)
                continue
            one = self._gate.visit(caller, visit.share.name, name)
            refusal = one if isinstance(one, Problem) else self._paths.delete_unsynced(one)
            if refusal is not None and refusal.nt_status != NtStatus.OBJECT_NAME_NOT_FOUND:
                failures.append((name.path, refusal))
                kept.add(name.parent.key)
                if len(failures) >= FAILURES_MAX:
                    return [*failures, _given_up(visit)]
            if count % _SYNCED_EACH == 0:
                if failure := await self._sync_failures(visit):
                    return failures + failure
                await turn()
        return failures + await self._sync_failures(visit)

    async def _sync_failures(self, visit: Visit) -> Failures:
        failure = await self._gate.sync(visit.actor, visit.share.name, visit.name.path, _DELETE)
        return [] if failure is None else [(visit.name.path, failure)]

    async def _below(self, visit: Visit, top: Name) -> list[Name]:
        """Every name below a directory, each after the directory it stands in."""
        store = visit.share.store
        names: list[Name] = []
        ahead = [top]
        while ahead:
            directory = ahead.pop()
            with suppress(StoreError):  # it went while others had a turn
                for batch in batches(await begun(store.each(directory))):
                    for facts in batch:
                        name = found_name(facts.path)
                        names.append(name)
                        if facts.directory:
                            ahead.append(name)
                    await breathe(len(batch))
        return names

    async def _copy_file(
        self, caller: Caller, visit: Visit, target: Name, target_facts: FileFacts | None
    ) -> Problem | Failures:
        share = visit.share.name
        content = await self._paths.get(caller, share, visit.name.path)
        if isinstance(content, Problem):
            return content
        assert isinstance(content, Content), "a copy asks for no ETag"
        if target_facts is not None and target_facts.directory:
            gone = self._may_be_made(caller, visit, target) or await self._make_way(
                caller, share, target
            )
            if gone:
                return gone
        written = await self._paths.put(
            caller, share, target.path, content.data, create_only=target_facts is None
        )
        return (
            written
            if isinstance(written, Problem)
            else await self._copy_properties(visit, visit.name, target)
        )

    async def _copy_directory(
        self,
        caller: Caller,
        visit: Visit,
        target: Name,
        target_facts: FileFacts | None,
        *,
        infinite: bool,
    ) -> Problem | Failures:
        share, store = visit.share.name, visit.share.store
        refused = self._gate.check(visit, visit.ask(_READ, _SHARE_ALL), store.find(visit.name))
        if refused is not None:
            return refused
        if infinite:
            too_far = await visit.share.too_far_below(visit.name, target, anew=True)
            if too_far is not None:
                return self._gate.refuse_visit(visit, too_far, _READ)
        if target_facts is not None:
            refused = self._may_be_made(caller, visit, target, _DIRECTORY)
            if refused is not None:
                return refused
        below = await self._below(visit, visit.name) if infinite else []
        if target_facts is not None:
            gone = await self._why_not_copied(caller, visit, target, below) or await self._clear(
                caller, share, target, target_facts
            )
            if gone:
                return gone
        made = await self._paths.make_directory(caller, share, target.path, parents=False)
        if made is not None and made.nt_status != NtStatus.OBJECT_NAME_COLLISION:
            return made
        failures = await self._copy_properties(visit, visit.name, target)
        return await self._copy_below(caller, visit, target, below, failures)

    async def _why_not_copied(
        self, caller: Caller, visit: Visit, target: Name, below: list[Name]
    ) -> Failures:
        """What keeps some of these from being read, or from being made where something else goes
        first.
        """
        share, failures = visit.share.name, Failures()
        for batch in batches(below):
            for name in batch:
                one = self._gate.visit(caller, share, name)
                path = _path_in(target, visit, name)
                goal = self._gate.visit(caller, share, path)
                refusal: Problem | None = None
                if isinstance(one, Problem):
                    refusal = one
                elif isinstance(goal, Problem):
                    refusal = goal
                else:
                    facts = one.share.store.find(name)
                    if facts is None:
                        continue  # it went while others had a turn
                    options = _DIRECTORY if facts.directory else 0
                    ask = goal.ask(_WRITE, _SHARE_ALL, Disposition.CREATE, options)
                    refusal = (
                        None if facts.directory else self._paths.why_not_read(one, facts)
                    ) or self._gate.check(goal, ask, None, has_parent=True)
                if refusal is not None:
                    failures.append((path, refusal))
                    if len(failures) >= FAILURES_MAX:
                        return [*failures, _given_up(visit)]
            await breathe(len(batch))
        return failures

    async def _clear(
        self, caller: Caller, share: str, target: Name, facts: FileFacts
    ) -> Problem | Failures:
        """Let a directory be empty, or a file gone, where a directory comes."""
        if not facts.directory:
            return await self._paths.delete(caller, share, target.path) or []
        goal = self._gate.visit(caller, share, target.path)
        assert isinstance(goal, Visit), "a target that was accepted is a name"
        held = await self._why_it_stays(caller, goal, and_itself=False)
        return held or await self._delete_below(caller, goal, and_itself=False)

    async def _make_way(self, caller: Caller, share: str, target: Name) -> Problem | Failures:
        """`delete` of what is where something else comes: nothing of it goes unless all can."""
        goal = self._gate.visit(caller, share, target.path)
        if isinstance(goal, Problem):
            return goal
        held = await self._why_it_stays(caller, goal, and_itself=True)
        if len(held) == 1 and held[0][0] == goal.name.path:
            return held[0][1]
        return held or await self.delete(caller, share, target.path)

    async def _why_it_stays(self, caller: Caller, visit: Visit, *, and_itself: bool) -> Failures:
        """What keeps parts of a directory from being deleted, before anything is; also an open that
        would only put it off.
        """
        names = await self._below(visit, visit.name)
        if and_itself:
            names.append(visit.name)
        failures: Failures = []
        for batch in batches(names):
            for name in batch:
                one = self._gate.visit(caller, visit.share.name, name)
                refusal = one if isinstance(one, Problem) else self._paths.why_not_deleted(one)
                if refusal is not None and refusal.nt_status != NtStatus.OBJECT_NAME_NOT_FOUND:
                    failures.append((name.path, refusal))
                    if len(failures) >= FAILURES_MAX:
                        return [*failures, _given_up(visit)]
            await breathe(len(batch))
        return (
            failures
            or self._held_below(caller, visit)
            or await self._why_not_emptied(caller, visit, names, and_itself=and_itself)
        )

    async def _why_not_emptied(
        self, caller: Caller, visit: Visit, names: list[Name], *, and_itself: bool
    ) -> Failures:
        """Directories with something in them that a share neither shows nor deletes."""
        shown = {name.key: name for name in [visit.name, *names]}
        left = set(shown)
        filled: dict[str, Name] = {}
        with suppress(StoreError):  # it went while others had a turn
            for batch in batches(visit.share.store.below(visit.name)):
                for path in batch:
                    key = found_name(f"{visit.name.path}/{path}").key
                    above = key.rpartition("/")[0]
                    if key not in left and above in shown:
                        filled[above] = shown[above]
                    left.discard(key)
                await breathe(len(batch))
        if not and_itself:
            filled.pop(visit.name.key, None)
        failures: Failures = []
        for name in islice(filled.values(), FAILURES_MAX):
            one = self._gate.visit(caller, visit.share.name, name)
            failures.append(
                (
                    name.path,
                    one
                    if isinstance(one, Problem)
                    else self._gate.refuse_visit(one, _FILLED, _DELETE, _SHARE_ALL),
                )
            )
        return [*failures, _given_up(visit)] if len(filled) > FAILURES_MAX else failures

    async def _copy_below(
        self,
        caller: Caller,
        visit: Visit,
        target: Name,
        below: list[Name],
        failures: list[tuple[str, Problem]],
    ) -> Failures:
        """Copy these names, parents first; what stands in a directory that failed is left out."""
        share = visit.share.name
        skipped: set[str] = set()
        for count, name in enumerate(below, 1):
            if count % FILES_A_TURN == 0:
                await turn()
            if name.parent.key in skipped:
                skipped.add(name.key)
                continue
            path = _path_in(target, visit, name)
            place = parse_name(path)
            result: Problem | Failures | None
            if not isinstance(place, Name):
                result = self._refusals.bad_name(visit.actor, share, path, place)
            else:
                result = await self._copy_one(caller, share, name, place)
            if isinstance(result, Problem):
                failures.append((place.path if isinstance(place, Name) else name.path, result))
                skipped.add(name.key)
            else:
                failures += result
            if len(failures) >= FAILURES_MAX:
                return [*failures, _given_up(visit)]
        return failures

    async def _copy_one(
        self, caller: Caller, share: str, name: Name, place: Name
    ) -> Problem | Failures:
        visit = self._gate.visit(caller, share, name)
        if isinstance(visit, Problem):
            return visit
        facts = visit.share.store.find(name)
        if facts is None or not facts.directory:
            return await self._copy_file(caller, visit, place, None)
        made = await self._paths.make_directory(caller, share, place.path, parents=False)
        return made if made is not None else await self._copy_properties(visit, name, place)

    async def _copy_properties(self, visit: Visit, source: Name, target: Name) -> Failures:
        store = visit.share.store
        properties = store.properties(source)
        if not properties and not store.properties(target):
            return []
        try:
            store.set_properties(target, properties)
            await store.sync()
        except StoreError as error:
            return [
                (
                    target.path,
                    self._refusals.store_failed(
                        visit.actor, visit.share.name, target.path, error, _WRITE
                    ),
                )
            ]
        return []


def _path_in(target: Name, visit: Visit, name: Name) -> str:
    """Where a name below a directory is to be in the one that it is copied to."""
    return target.path + name.path[len(visit.name.path) :]


def _given_up(visit: Visit) -> tuple[str, Problem]:
    path = visit.name.path
    detail = (
        f"{path}: so much was refused that the rest was not tried; mend what is named, "
        "then ask again"
    )
    refusal = problem(NtStatus.INSUFFICIENT_RESOURCES, visit.share.name, path, detail=detail)
    refusal.status = 507
    return path, refusal


def is_inside(name: Name, directory: Name) -> bool:
    """Whether a name is below a directory, at any depth."""
    return name.key.startswith(f"{directory.key}/") if directory.key else bool(name.key)
