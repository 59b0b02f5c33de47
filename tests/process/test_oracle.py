"""`python -m despoolr_lab.oracle`: all that a real SMB server answered, asked of ours in a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support import REPOSITORY, SHARED, shared

FILES = ("byte_range_locks", "delete_semantics", "dispositions", "sessions", "share_modes", "deviations")
INEXPRESSIBLE = {"posix-disposition", "durable-v2-drop-share-none", "durable-v2-drop-rename"}
"""The sample's scripts about oplocks, durable handles and POSIX deletes."""


def replay(*files: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "despoolr_lab.oracle", *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_every_case_agrees_over_http_and_only_what_http_has_no_word_for_is_inexpressible() -> None:
    assert SHARED.is_dir()
    done = replay(*(shared("oracle", f"{name}.json") for name in FILES))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    *lines, last = done.stdout.splitlines()
    counts = re.fullmatch(r"agree (\d+), disagree 0, inexpressible (\d+)", last)
    assert counts
    assert int(counts[1]) > 4700
    cannot = {line.partition(": ")[0].rpartition("/")[2] for line in lines if line.startswith("inexpressible")}
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
    rows = [["READ_DATA", "READ", "READ_DATA", "READ", s] for s in ("STATUS_SUCCESS", "STATUS_SHARING_VIOLATION")]
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"cases": [script, unknown], "pairs": {"columns": columns, "rows": rows}}))
    done = replay(file)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-1] == "agree 1, disagree 2, inexpressible 1"
    assert "mine/cases/not-so: step 1: open: STATUS_SHARING_VIOLATION instead of STATUS_SUCCESS" in done.stdout
    assert "mine/pairs/row 1:" in done.stdout
    assert "mine/cases/what: the operation juggle" in done.stdout


def test_the_example_of_the_document_is_answered_as_shown(tmp_path: Path) -> None:
    text = (REPOSITORY / "docs" / "commands.md").read_text("utf-8")
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
