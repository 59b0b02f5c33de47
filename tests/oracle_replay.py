"""Replays the oracle's scripts (`../shared/oracle`) against a `ShareHost`, step by step.

A step's expected answer is `ms_fsa` where it has one, else `status` (the oracle's README). What the host cannot be asked
yet (byte-range locks, oplocks, durable handles, TCP) makes a script *inexpressible*, never silently passed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from despoolr_core.records import Recorder
from despoolr_core.sharing import NtStatus, Role
from despoolr_core.wire import OpenReply, OpenRequest, Problem, SessionRequest
from despoolr_server.share.host import Caller, Principal, ShareHost
from despoolr_server.store.files import MemoryFileStore
from share_world import StillClock
from support import shared

SHARE = "T"

INEXPRESSIBLE_OPS = {"lock", "await", "await_count", "lock_until", "set_disposition_ex"}
"""Byte-range locks come later; POSIX deletes have no counterpart."""


def load(name: str) -> Any:
    """One file of the oracle."""
    return json.loads(shared("oracle", f"{name}.json").read_text(encoding="utf-8"))


def expected(step: dict[str, Any]) -> str:
    """The Windows answer to a step."""
    return str(step.get("ms_fsa") or step["status"])


class Inexpressible(Exception):
    """The script asks for something the host has no word for."""


@dataclass
class Replay:
    """One script's world: a host with one share, a session for each `who`, the handles by their names in the script."""

    files: dict[str, Any]
    clock: StillClock = field(default_factory=StillClock)
    sessions: dict[str, str] = field(default_factory=dict)
    handles: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = MemoryFileStore()
        self.host = ShareHost("S", self.clock, Recorder(self.clock.now))
        self.host.add_share(SHARE, self.store)
        self.admin = Principal("ADMIN", "ADMIN", Role.SERVICE)

    async def prepare(self) -> None:
        """Make the files the script wants beforehand; a directory's value is `<directory>`."""
        caller = Caller(self.admin)
        for path, content in self.files.items():
            if content == "<directory>":
                assert await self.host.make_directory(caller, SHARE, path, parents=True) is None
            else:
                assert not isinstance(await self.host.put(caller, SHARE, path, b"x" * content), Problem)

    def who(self, name: str) -> Principal:
        """The machine behind a name of the script."""
        return Principal(name, name, Role.SERVICE)

    def session(self, name: str) -> str:
        """The session of a name, begun at first use."""
        if name not in self.sessions:
            reply = self.host.start_session(self.who(name), SessionRequest(program="oracle"))
            assert not isinstance(reply, Problem)
            self.sessions[name] = reply.session
        return self.sessions[name]

    async def open(self, step: dict[str, Any]) -> OpenReply | Problem:
        """An open step; a granted handle is remembered."""
        if step.get("oplock") or step.get("durable") or step.get("contexts"):
            raise Inexpressible("oplocks and durable handles")
        who = step.get("who", "Z")
        request = OpenRequest(
            session=self.session(who),
            share=SHARE,
            path=step["path"],
            access=step["access"],
            share_mode=step["share"],
            disposition=step.get("disposition", "OPEN"),
            options=step.get("options", "NON_DIRECTORY_FILE"),
            attributes=step.get("attributes", ""),
        )
        reply = await self.host.open(self.who(who), request)
        if isinstance(reply, OpenReply):
            self.handles[step["handle"]] = (who, reply.open)
        return reply

    async def run(self, step: dict[str, Any]) -> list[str]:
        """Do one step; what differs from the oracle, in words."""
        op = step["op"]
        if op in INEXPRESSIBLE_OPS:
            raise Inexpressible(op)
        answer: Any = await getattr(self, f"_{op}")(step)
        if op in ("disk", "drop_tcp", "forget", "sleep", "new_session_replacing"):
            return [answer] if answer else []
        status = answer.nt_status if isinstance(answer, Problem) else NtStatus.SUCCESS.value
        if status != expected(step):
            return [f"{op}: {status} instead of {expected(step)}"]
        if status != NtStatus.SUCCESS or step["status"] != status:
            return []
        return self._details(step, answer)

    def _details(self, step: dict[str, Any], answer: Any) -> list[str]:
        wrong = []
        if isinstance(answer, OpenReply) and "action" in step:
            got = (answer.action, answer.size)
            if got != (step["action"], step["size"]):
                wrong.append(f"open: {got} instead of {(step['action'], step['size'])}")
        if step["op"] == "query_standard":
            got_info = {
                "end_of_file": answer.size,
                "links": answer.links,
                "delete_pending": answer.delete_pending,
                "directory": answer.directory,
            }
            if got_info != step["info"]:
                wrong.append(f"query_standard: {got_info} instead of {step['info']}")
        if step["op"] == "query_name" and answer.path.replace("/", "\\") != step["name"]:
            wrong.append(f"query_name: {answer.path} instead of {step['name']}")
        if step["op"] == "list" and answer != step["names"]:
            wrong.append(f"list: {answer} instead of {step['names']}")
        if step["op"] == "read" and f"{len(answer)} bytes" != step["result"]:
            wrong.append(f"read: {len(answer)} bytes instead of {step['result']}")
        return wrong

    # -- the operations, by the oracle's names

    async def _open(self, step: dict[str, Any]) -> OpenReply | Problem:
        return await self.open(step)

    async def _open_until(self, step: dict[str, Any]) -> OpenReply | Problem:
        return await self.open(step)

    async def _close(self, step: dict[str, Any]) -> Problem | None:
        who, handle = self.handles[step["handle"]]
        return await self.host.close(self.who(who), handle)

    async def _read(self, step: dict[str, Any]) -> bytes | Problem:
        who, handle = self.handles[step["handle"]]
        return await self.host.read_open(self.who(step.get("who", who)), handle, step["offset"], step["length"])

    async def _write(self, step: dict[str, Any]) -> int | Problem:
        who, handle = self.handles[step["handle"]]
        return await self.host.write_open(self.who(who), handle, step["offset"], b"y" * step["length"])

    async def _set_disposition(self, step: dict[str, Any]) -> Problem | None:
        who, handle = self.handles[step["handle"]]
        return await self.host.mark_delete(self.who(who), handle, step["delete"])

    async def _rename(self, step: dict[str, Any]) -> Problem | None:
        who, handle = self.handles[step["handle"]]
        return await self.host.rename_open(self.who(who), handle, step["new"], replace=bool(step["replace"]))

    async def _set_attributes(self, step: dict[str, Any]) -> Problem | None:
        who, handle = self.handles[step["handle"]]
        return await self.host.set_attributes(self.who(who), handle, step["attributes"])

    async def _set_eof(self, step: dict[str, Any]) -> Problem | None:
        who, handle = self.handles[step["handle"]]
        return await self.host.set_size(self.who(who), handle, step["size"])

    async def _query_standard(self, step: dict[str, Any]) -> Any:
        who, handle = self.handles[step["handle"]]
        return self.host.query(self.who(who), handle)

    async def _query_name(self, step: dict[str, Any]) -> Any:
        return await self._query_standard(step)

    async def _list(self, step: dict[str, Any]) -> Any:
        who, handle = self.handles[step["handle"]]
        facts = self.host.query(self.who(who), handle)
        assert not isinstance(facts, Problem)
        entries = self.host.list(Caller(self.admin), SHARE, facts.path)
        return entries if isinstance(entries, Problem) else [entry.name for entry in entries]

    async def _probe(self, step: dict[str, Any]) -> OpenReply | Problem:
        asked = {"path": step["path"], "access": "READ_ATTRIBUTES", "share": "READ|WRITE|DELETE", "options": "", "handle": "?"}
        reply = await self.open(asked)
        if isinstance(reply, OpenReply):
            assert await self.host.close(self.who("Z"), reply.open) is None
        return reply

    async def _disk(self, step: dict[str, Any]) -> str:
        stat = self.host.stat(Caller(self.admin), SHARE, step["path"])
        got = "absent" if isinstance(stat, Problem) else "present"
        return "" if got == step["result"] else f"disk: {step['path']} is {got} instead of {step['result']}"

    async def _drop_tcp(self, step: dict[str, Any]) -> None:
        """HTTP has no connection: what a drop frees, the end of the lease frees."""
        for name in [name for name in self.sessions if name.rstrip("2") == step["who"]]:
            self.host.end_session(self.who(name), self.sessions.pop(name), "dropped")

    async def _forget(self, step: dict[str, Any]) -> None:
        return None

    async def _sleep(self, step: dict[str, Any]) -> None:
        await self.clock.sleep(step["seconds"])

    async def _new_session_replacing(self, step: dict[str, Any]) -> None:
        raise Inexpressible("PreviousSessionId")


async def replay(case: dict[str, Any]) -> list[str]:
    """Run one script; every difference, in words. Raises `Inexpressible`."""
    world = Replay(case["files"])
    await world.prepare()
    deviated = False
    for number, step in enumerate(case["steps"]):
        wrong = await world.run(step)
        world.host.engine.validate()
        # After a step in which Windows and Samba part, Samba's disk no longer is what ours must be.
        if wrong and not (deviated and step["op"] == "disk"):
            return [f"step {number}: {line}" for line in wrong]
        deviated = deviated or expected(step) != step["status"]
    return []
