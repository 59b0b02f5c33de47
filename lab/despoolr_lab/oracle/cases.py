"""Case files of the SMB oracle as units of steps.

The law: every matrix row and every script is one case, and is known by its columns or its `steps`,
not by the name of its file. A step's truth is `ms_fsa` where it has one, else `status`; a matrix's
is its last column that says what Windows does. A unit is what is played in one directory by the
same sessions: a script, or several rows that do not disturb each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

Step = dict[str, Any]

ROWS_PER_UNIT: Final = 32
DIRECTORY: Final = "<directory>"
ALL: Final = "READ|WRITE|DELETE"
SUCCESS: Final = "STATUS_SUCCESS"
_EVERYTHING: Final = "READ_DATA|WRITE_DATA|DELETE"
_ACTORS: Final = {
    "same-handle": "",
    "other-handle-same-session": "A",
    "other-session-same-connection": "A2",
    "other-session": "B",
}
_PAIR: Final = ["first_access", "first_share", "second_access", "second_share", "second_status"]


class CaseFileError(Exception):
    """A file that is no case file; the message says why."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Files to make, steps to play, and the cases they decide. A step with `case` belongs to that
    one, others to all.

    In a `script` nothing is worth playing after the first disagreement; the rows of a matrix go on
    without each other.
    """

    files: dict[str, Any]
    steps: tuple[Step, ...]
    cases: tuple[str, ...]
    section: str
    is_script: bool = False
    cannot: str = ""
    """Why none of it can be expressed, if so."""


def read_units(path: Path) -> list[Unit]:
    """Every case of a file. Raises `CaseFileError` if it cannot be read as JSON."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CaseFileError(f"{path}: {error}") from None
    return list(_find(content, path.stem))


def truth(step: Step) -> str:
    """What Windows answers to a step."""
    return str(step.get("ms_fsa") or step["status"])


def _find(node: Any, section: str) -> Iterator[Unit]:
    """Scripts and matrices, wherever they stand."""
    if isinstance(node, list):
        for child in node:
            if isinstance(child, dict):
                yield from _find(child, section)
        return
    if not isinstance(node, dict):
        return
    if isinstance(node.get("steps"), list) and "id" in node:
        yield _script(node, section)
        return
    columns, rows = node.get("columns"), node.get("rows")
    if isinstance(columns, list) and isinstance(rows, list):
        yield from _matrix(columns, rows, section)
    for key, child in node.items():
        if key == "closed_handle" and isinstance(child, dict):
            yield from _closed_handle(child, f"{section}/{key}")
        elif key not in ("rows", "meta") and isinstance(child, dict | list):
            yield from _find(child, f"{section}/{key}")


def _script(node: Step, section: str) -> Unit:
    steps = tuple(node["steps"])
    cannot = next((why for step in steps if (why := _inexpressible(step))), "")
    name = f"{section}/{node['id']}"
    return Unit(
        dict(node.get("files") or {}), steps, (name,), section, is_script=True, cannot=cannot
    )


def _inexpressible(step: Step) -> str:
    """What a step asks for that HTTP has no counterpart for."""
    if str(step.get("oplock") or "NONE").upper() not in ("NONE", "0"):
        return "oplocks"
    if step.get("durable") or step.get("contexts"):
        return "durable handles"
    if step["op"] == "set_disposition_ex":
        return "POSIX deletes"
    return ""


# -- matrices, by their columns


def _matrix(columns: list[str], rows: list[list[Any]], section: str) -> Iterator[Unit]:
    named = [dict(zip(columns, row, strict=False)) for row in rows]
    kinds = {
        "newcomer_with_bit": _single_bit,
        "third_access": _three,
        "held_status": _lock_pair,
        "io": _transfer,
    }
    if columns == _PAIR:
        yield from _pairs(named, section)
        return
    if "disposition" in columns:
        yield from _dispositions(named, section)
        return
    steps_of = next((steps for column, steps in kinds.items() if column in columns), None)
    for start in range(0, len(named), ROWS_PER_UNIT):
        part = named[start : start + ROWS_PER_UNIT]
        cases = tuple(
            f"{section}/row {start + n}: {' '.join(map(str, row.values()))}"
            for n, row in enumerate(part)
        )
        if steps_of is None:
            yield Unit(
                {}, (), cases, section, cannot=f"a matrix with the columns {', '.join(columns)}"
            )
            continue
        files: dict[str, Any] = {}
        steps: list[Step] = []
        for number, row in enumerate(part):
            size, more = steps_of(row, f"f{number}")
            files[f"f{number}"] = size
            steps += [step | {"case": number} for step in more]
        yield Unit(files, tuple(steps), cases, section)


def _pairs(rows: list[Step], section: str) -> Iterator[Unit]:
    """Pairs of opens. One holder serves all rows that begin with it; each newcomer is another
    session, then the same one.
    """
    is_directory = section.endswith("directories")
    other, same = ("A2", "") if "same_connection" in section else ("B", "A")
    options = "DIRECTORY_FILE" if is_directory else "NON_DIRECTORY_FILE"
    groups: dict[tuple[str, str], list[tuple[int, Step]]] = {}
    for number, row in enumerate(rows):
        groups.setdefault((row["first_access"], row["first_share"]), []).append((number, row))
    for (access, share), members in groups.items():
        steps = [_open("A", "h", "f", access, share, options=options)]
        for case, (_, row) in enumerate(members):
            for who in filter(None, (other, same)):
                asked = (row["second_access"], row["second_share"], row["second_status"])
                steps.append(_open(who, "g", "f", *asked, options=options) | {"case": case})
                steps.append({"op": "close_if_open", "handle": "g", "case": case})
        cases = tuple(
            f"{section}/row {number}: {' '.join(map(str, row.values()))}" for number, row in members
        )
        yield Unit({"f": DIRECTORY if is_directory else 10}, tuple(steps), cases, section)


def _dispositions(rows: list[Step], section: str) -> Iterator[Unit]:
    """Second opens with every disposition. Those that leave the file as it is share one file and
    its holder.
    """
    groups: dict[tuple[str, str], list[tuple[int, Step]]] = {}
    for number, row in enumerate(rows):
        groups.setdefault((row["first_access"], row["first_share"]), []).append((number, row))
    for (access, share), members in groups.items():
        for start in range(0, len(members), ROWS_PER_UNIT):
            part = members[start : start + ROWS_PER_UNIT]
            files: dict[str, Any] = {"f": 10}
            steps = [_open("A", "h", "f", access, share)]
            for case, (_, row) in enumerate(part):
                status = row.get("ms_fsa_status") or row["second_status"]
                is_agreed = status == row["second_status"]
                size = row["disk_size"] if is_agreed else 10
                path = "f"
                if size != 10:
                    path = f"f{case}"
                    files[path] = 10
                    steps.append(_open("A", f"h{case}", path, access, share) | {"case": case})
                second = _open(
                    "B",
                    "g",
                    path,
                    row["second_access"],
                    row["second_share"],
                    status,
                    row["disposition"],
                )
                action = {"action": row["create_action"]} if is_agreed and status == SUCCESS else {}
                steps.append(second | action | {"case": case})
                disk = {
                    "op": "disk",
                    "path": path,
                    "result": "present",
                    "status": "(disk)",
                    "size": size,
                }
                steps.append(disk | {"case": case})
                steps.append({"op": "close_if_open", "handle": "g", "case": case})
            cases = tuple(
                f"{section}/row {number}: {' '.join(map(str, row.values()))}"
                for number, row in part
            )
            yield Unit(files, tuple(steps), cases, section)


def _single_bit(row: Step, path: str) -> tuple[int, list[Step]]:
    return 10, [
        _open("A", f"{path}h", path, _EVERYTHING, "NONE"),
        _open("B", f"{path}g", path, row["bit"], "NONE", row["newcomer_with_bit"]),
        {"op": "close_if_open", "handle": f"{path}g"},
        {"op": "close", "handle": f"{path}h", "status": SUCCESS},
        _open("A", f"{path}h", path, row["bit"], "NONE", row["holder_with_bit_opens"]),
        _open("B", f"{path}g", path, _EVERYTHING, "NONE", row["newcomer_wanting_all"]),
    ]


def _three(row: Step, path: str) -> tuple[int, list[Step]]:
    return 10, [
        _open("A", f"{path}h", path, row["first_access"], ALL),
        _open("B", f"{path}g", path, row["second_access"], ALL),
        _open("C", f"{path}n", path, row["third_access"], row["third_share"], row["third_status"]),
    ]


def _lock_pair(row: Step, path: str) -> tuple[int, list[Step]]:
    held = _lock(
        f"{path}h", row["held_kind"], row["held_offset"], row["held_length"], row["held_status"]
    )
    steps, handle = _actor(row["actor"], path, held)
    return 400, [*steps, _lock(handle, row["kind"], row["offset"], row["length"], row["status"])]


def _transfer(row: Step, path: str) -> tuple[int, list[Step]]:
    held = _lock(
        f"{path}h", row["held_kind"], row.get("held_offset", 100), row.get("held_length", 10)
    )
    steps, handle = _actor(row["actor"], path, held)
    io = {
        "op": row["io"],
        "handle": handle,
        "offset": row["offset"],
        "length": row["length"],
        "status": row["status"],
    }
    return 400, [*steps, io]


def _actor(actor: str, path: str, held: Step) -> tuple[list[Step], str]:
    """A holds a lock; the steps that lead there, and the handle of whoever comes next."""
    steps = [_open("A", f"{path}h", path, "READ_DATA|WRITE_DATA", ALL), held]
    who = _ACTORS[actor]
    if not who:
        return steps, f"{path}h"
    return [*steps, _open(who, f"{path}g", path, "READ_DATA|WRITE_DATA", ALL)], f"{path}g"


def _closed_handle(answers: dict[str, str], section: str) -> Iterator[Unit]:
    """Each operation on a handle that was closed."""
    arguments: dict[str, Step] = {
        "read": {"offset": 0, "length": 1},
        "write": {"offset": 0, "length": 1},
        "lock": {"elements": [[0, 1, "EXCLUSIVE|FAIL_IMMEDIATELY"]]},
        "set_disposition": {"delete": True},
        "rename": {"new": "f2", "replace": False},
        "set_attributes": {"attributes": "HIDDEN"},
        "set_eof": {"size": 0},
    }
    for op, status in answers.items():
        step = {"op": op, "handle": "h", "status": status, **arguments.get(op, {})}
        close = {"op": "close", "handle": "h", "status": SUCCESS}
        yield Unit(
            {"f": 10},
            (_open("A", "h", "f", _EVERYTHING, ALL), close, step),
            (f"{section}/{op}",),
            section,
            is_script=True,
        )


def _open(
    who: str,
    handle: str,
    path: str,
    access: str,
    share: str,
    status: str = SUCCESS,
    disposition: str = "OPEN",
    options: str = "NON_DIRECTORY_FILE",
) -> Step:
    return {
        "op": "open",
        "who": who,
        "handle": handle,
        "path": path,
        "access": access,
        "share": share,
        "disposition": disposition,
        "options": options,
        "status": status,
    }


def _lock(handle: str, kind: str, offset: int, length: int, status: str = SUCCESS) -> Step:
    return {
        "op": "lock",
        "handle": handle,
        "elements": [[offset, length, f"{kind}|FAIL_IMMEDIATELY"]],
        "status": status,
    }
