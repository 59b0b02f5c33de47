"""`python -m despoolr_lab.oracle`: all that a real SMB server answered, asked of ours in a process
of its own.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from worlds.support import REPOSITORY, data

FILES = (
    "byte_range_locks",
    "delete_semantics",
    "dispositions",
    "sessions",
    "share_modes",
    "deviations",
)
INEXPRESSIBLE = {"posix-disposition", "durable-v2-drop-share-none", "durable-v2-drop-rename"}
"""The sample's scripts about oplocks, durable handles and POSIX deletes."""


def replay(*files: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "despoolr_lab.oracle", *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_every_case_agrees_over_http_and_only_what_http_has_no_word_for_is_inexpressible() -> None:
    done = replay(*(data("oracle", f"{name}.json") for name in FILES))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    *lines, last = done.stdout.splitlines()
    counts = re.fullmatch(r"agree (\d+), disagree 0, inexpressible (\d+)", last)
    assert counts
    assert int(counts[1]) > 4700
    cannot = {
        line.partition(": ")[0].rpartition("/")[2]
        for line in lines
        if line.startswith("inexpressible")
    }
    assert cannot == INEXPRESSIBLE


def test_a_disagreement_is_told_with_its_case_and_is_exit_code_1(tmp_path: Path) -> None:
    opens = {
        "op": "open",
        "who": "A",
        "handle": "h",
        "path": "f",
        "access": "READ_DATA",
        "share": "NONE",
        "status": "STATUS_SUCCESS",
    }
    script: dict[str, Any] = {
        "id": "not-so",
        "title": "",
        "files": {"f": 1},
        "steps": [opens, opens | {"who": "B", "handle": "g"}],
    }
    unknown = script | {"id": "what", "steps": [{"op": "juggle", "status": "STATUS_SUCCESS"}]}
    columns = ["first_access", "first_share", "second_access", "second_share", "second_status"]
    rows = [
        ["READ_DATA", "READ", "READ_DATA", "READ", s]
        for s in ("STATUS_SUCCESS", "STATUS_SHARING_VIOLATION")
    ]
    file = tmp_path / "mine.json"
    file.write_text(
        json.dumps({"cases": [script, unknown], "pairs": {"columns": columns, "rows": rows}})
    )
    done = replay(file)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-1] == "agree 1, disagree 2, inexpressible 1"
    assert (
        "mine/cases/not-so: step 1: open: STATUS_SHARING_VIOLATION instead of STATUS_SUCCESS"
        in done.stdout
    )
    assert "mine/pairs/row 1:" in done.stdout
    assert "mine/cases/what: the operation juggle" in done.stdout


def open_step(
    who: str, handle: str, path: str = "f", access: str = "READ_DATA|WRITE_DATA", **more: Any
) -> dict[str, Any]:
    share = more.pop("share", "READ|WRITE|DELETE")
    return {
        "op": "open",
        "who": who,
        "handle": handle,
        "path": path,
        "access": access,
        "share": share,
    } | status("SUCCESS", **more)


def status(word: str, **more: Any) -> dict[str, Any]:
    return {"status": word if word.startswith("(") else f"STATUS_{word}", **more}


def lock_step(
    handle: str, flags: str = "EXCLUSIVE|FAIL_IMMEDIATELY", word: str = "SUCCESS", **more: Any
) -> dict[str, Any]:
    return {"op": "lock", "handle": handle, "elements": [[0, 10, flags]]} | status(word, **more)


READ = {"op": "read", "handle": "h", "offset": 0, "length": 1}
HELD = [
    open_step("A", "h"),
    open_step("B", "g"),
    lock_step("h"),
    lock_step("g", "EXCLUSIVE", "PENDING", request="q"),
]
FREED = [
    {"op": "await", "handle": "q", **status("SUCCESS")},
    {"op": "read", "handle": "g", "offset": 0, "length": 1, **status("SUCCESS")},
]
SCRIPTS: dict[str, list[dict[str, Any]]] = {
    "logoff": [
        *HELD,
        {"op": "logoff", "who": "A", **status("SUCCESS")},
        *FREED,
        READ | status("USER_SESSION_DELETED"),
    ],
    "logoff-then-open": [
        {"op": "logoff", "who": "A", **status("SUCCESS")},
        open_step("A", "h") | status("USER_SESSION_DELETED"),
        {"op": "forget", "who": "A", **status("(forgotten)")},
        open_step("A", "h"),
    ],
    "tree-disconnect": [
        *HELD,
        {"op": "tree_disconnect", "who": "A", **status("SUCCESS")},
        *FREED,
        READ | status("NETWORK_NAME_DELETED"),
        open_step("A", "n") | status("NETWORK_NAME_DELETED"),
    ],
    "cancel": [
        *HELD,
        {"op": "cancel", "handle": "q", **status("SUCCESS")},
        {"op": "await", "handle": "q", **status("CANCELLED")},
        {"op": "close", "handle": "h", **status("SUCCESS")},
        lock_step("g"),
    ],
    "two-machines-fall-silent": [
        *HELD,
        {"op": "drop_tcp", "who": "A", "how": "fin", **status("(dropped)")},
        *FREED,
        {"op": "drop_tcp", "who": "B", "how": "rst", **status("(dropped)")},
        open_step("C", "n", share="NONE"),
        lock_step("n"),
    ],
    "a-second-session-is-a-stranger": [
        open_step("A", "h"),
        open_step("A2", "g"),
        READ | {"who": "A2"} | status("FILE_CLOSED"),
        lock_step("h"),
        lock_step("g", word="LOCK_NOT_GRANTED"),
    ],
    "case-only": [
        open_step("A", "h", access="DELETE"),
        {"op": "rename", "handle": "h", "new": "F", "replace": False, **status("SUCCESS")},
        {"op": "query_name", "handle": "h", "name": "F", **status("SUCCESS")},
    ],
    "a-read-only-directory-stays": [
        open_step("A", "h", "d", "WRITE_ATTRIBUTES|DELETE", options="DIRECTORY_FILE"),
        {"op": "set_attributes", "handle": "h", "attributes": "READONLY", **status("SUCCESS")},
        {"op": "set_disposition", "handle": "h", "delete": True, **status("CANNOT_DELETE")},
        open_step("A", "g", "d\\new", disposition="CREATE"),
    ],
    "nothing-is-made-in-a-directory-that-goes": [
        open_step("A", "h", "d", "DELETE", options="DIRECTORY_FILE"),
        {"op": "set_disposition", "handle": "h", "delete": True, **status("SUCCESS")},
        open_step("A", "g", "d\\new", disposition="CREATE") | status("DELETE_PENDING"),
        open_step("B", "g", "d\\new", disposition="OPEN_IF", options="DIRECTORY_FILE")
        | status("DELETE_PENDING"),
        open_step("B", "n", access="DELETE"),
        {
            "op": "rename",
            "handle": "n",
            "new": "d\\f",
            "replace": False,
            **status("DELETE_PENDING"),
        },
        {"op": "close", "handle": "h", **status("SUCCESS")},
        {"op": "probe", "path": "d", **status("OBJECT_NAME_NOT_FOUND")},
    ],
}


def test_what_the_sample_does_not_ask_is_answered_as_windows_does(tmp_path: Path) -> None:
    cases = [
        {"id": name, "files": {"f": 10, "d": "<directory>"}, "steps": steps}
        for name, steps in SCRIPTS.items()
    ]
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"cases": cases}))
    done = replay(file)
    assert done.stdout.splitlines()[-1] == f"agree {len(SCRIPTS)}, disagree 0, inexpressible 0", (
        done.stdout + done.stderr
    )


def test_the_example_of_the_document_is_answered_as_shown(tmp_path: Path) -> None:
    text = (REPOSITORY / "docs" / "commands.md").read_text("utf-8")
    text = text.partition("`python -m despoolr_lab.oracle FILE...`")[2]
    example, shown = re.findall(r"```json\n(.*?)```.*?```text\n(.*?)```", text, re.DOTALL)[0]
    file = tmp_path / "mine.json"
    file.write_text(example)
    assert replay(file).stdout == shown


@pytest.mark.parametrize("content", [None, "{"])
def test_a_file_that_is_no_case_file_is_exit_code_2(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "bad.json"
    if content is not None:
        file.write_text(content)
    done = replay(file)
    assert done.returncode == 2
    assert "bad.json" in done.stderr
