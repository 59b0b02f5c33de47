"""Playing a unit of steps against a server, as an HTTP client would, and judging the answers.

The law: a step is one or a few calls of the public API and is judged by the `nt_status` that comes
back; nothing looks into the server. The sessions of a unit are its own, and end with it. After a
step in which Windows and Samba part, the disk that Samba left says nothing about ours, so it is not
compared any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from despoolr_lab.oracle.asker import Asker, OracleReply
from despoolr_lab.oracle.calls import Inexpressible, UnitCalls, Unready
from despoolr_lab.oracle.cases import SUCCESS, Step, Unit, truth


@dataclass(slots=True)
class CaseOutcome:
    """What became of one case: `difference` is empty if it agrees, `cannot` says what could not be
    expressed.
    """

    case: str
    difference: str = ""
    cannot: str = ""


class Replay:
    """One unit, played in a directory of its own."""

    def __init__(self, asker: Asker, unit: Unit, directory: str) -> None:
        self._unit = unit
        self._directory = directory
        self._calls = UnitCalls(asker, unit, directory)

    async def run(self) -> list[CaseOutcome]:
        """Play it all; what became of each case."""
        outcomes = [CaseOutcome(case, cannot=self._unit.cannot) for case in self._unit.cases]
        if self._unit.cannot:
            return outcomes
        try:
            await self._calls.prepare()
            await self._play(outcomes)
        except (OSError, Unready, KeyError) as error:  # a step that lacks a key is none we know
            for outcome in outcomes:
                outcome.difference = outcome.difference or f"it could not be played: {error!r}"
        finally:
            await self._calls.clean_up()
        return outcomes

    async def _play(self, outcomes: list[CaseOutcome]) -> None:
        parted = False
        for number, step in enumerate(self._unit.steps):
            mine = outcomes if step.get("case") is None else [outcomes[step["case"]]]
            try:
                difference = await self._step(step, parted)
            except Inexpressible as error:
                for outcome in mine:
                    outcome.cannot = str(error)
                return
            if difference:
                for outcome in mine:
                    outcome.difference = (
                        outcome.difference or f"step {number}: {step['op']}: {difference}"
                    )
                if self._unit.is_script or step.get("case") is None:
                    return
            parted = parted or (self._unit.is_script and truth(step) != step["status"])

    # -- judging

    async def _step(self, step: Step, parted: bool) -> str:
        """Play a step; how its answer differs from the truth, or `""`."""
        op = step["op"]
        if op == "await_count":
            return await self._await_count(step)
        reply = await self._calls.play(step)
        if op == "close_if_open":
            return ""
        if op == "disk":
            return "" if parted else _compare_disk(step, reply)
        if step["status"].startswith("("):
            return "" if reply.status == SUCCESS else reply.status
        expected = truth(step)
        if reply.status != expected:
            return f"{reply.status} instead of {expected}"
        if expected != SUCCESS or step["status"] != SUCCESS or parted:
            return ""
        return self._details(step, reply.body)

    def _details(self, step: Step, body: Any) -> str:
        """What else the step tells of a success."""
        told: dict[str, Any] = {}
        op = step["op"]
        if op in ("open", "open_until", "probe"):
            told = {
                key: body[key]
                for key in ("action", "size")
                if key in step and not (op == "probe" and key == "action")
            }
        elif op == "query_standard":
            names = {
                "end_of_file": "size",
                "links": "links",
                "delete_pending": "delete_pending",
                "directory": "directory",
            }
            told = {"info": {name: body[names[name]] for name in step["info"] if name in names}}
            if body["directory"]:
                # a directory's size is nobody's business
                step = step | {"info": step["info"] | {"end_of_file": body["size"]}}
        elif op == "query_name":
            told = {"name": body["path"].replace("/", "\\").removeprefix(self._directory + "\\")}
        elif (
            op == "list" and "names" in step
        ):  # a step without them tells nothing of what is listed
            told = {"names": [entry["name"] for entry in body["entries"]]}
        elif op == "read" and "result" in step:
            told = {"result": f"{len(body)} bytes"}
        for key, value in told.items():
            if value != step[key]:
                return f"{key} {value} instead of {step[key]}"
        return ""

    async def _await_count(self, step: Step) -> str:
        handles = step["handles"]
        granted = await self._calls.granted_count(handles, step.get("timeout"))
        got = f"({granted} of {len(handles)} granted)"
        return "" if got == step["status"] else f"{got} instead of {step['status']}"


def _compare_disk(step: Step, reply: OracleReply) -> str:
    got = "present" if reply.status == SUCCESS else "absent"
    if got != step["result"]:
        return f"{step['path']} is {got} instead of {step['result']}"
    if "size" in step and got == "present" and reply.body.get("size", 0) != step["size"]:
        return f"{step['path']} has {reply.body.get('size', 0)} bytes instead of {step['size']}"
    return ""
