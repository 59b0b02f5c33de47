"""`--anonymise`: no name of a person, a machine, a share or a file is in the run, and equal names
stay equal.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from despoolr_core.records.kinds.share import OpenGranted
from despoolr_core.records.stream import encode, of
from despoolr_lab.imports.fold.names import Names
from worlds.traces import TRACES, Found, Truth, imported

SALT = b"one and the same"
REAL = [
    ("1-one-holder-blocks", "smbd.log"),
    ("1-one-holder-blocks", "audit.log"),
    ("1-one-holder-blocks", "smbstatus.jsonl"),
    ("1-one-holder-blocks", "tshark-fields.tsv"),
    ("5-delete-pending", "smbstatus.jsonl"),
    ("8-connection-dies", "smbd.log"),
]
INVENTED = [
    "security-events.xml",
    "procmon-all-columns.csv",
    "openfiles-v_2026-10-05_091000Z.csv",
    "Get-SmbOpenFile_2026-10-05_091000Z.json",
]


def hidden(*paths: Path, **wishes: Any) -> Found:
    return imported(paths, is_hidden=True, salt=SALT, **wishes)


def said(found: Found) -> str:
    """All that a run of it holds, but the words of the program and of the protocol."""
    records = b"\n".join(map(encode, found.records)).decode()
    return records + msgspec.json.encode(found.imported.files()).decode()


def names_of(truth: dict[str, Any]) -> set[str]:
    """Every name of a truth file that could tell who, where or what."""
    found = {truth["server"].get("name", ""), truth["server"].get("share", "")}
    for row in truth["opens"]:
        found |= {row.get(key) or "" for key in ("user", "ip", "machine")}
        found |= {part.partition(".")[0] for part in row["path"].split("/")}
    return {name for name in found if len(name) > 1}


@pytest.mark.parametrize(("name", "file"), REAL)
def test_no_name_of_a_recording_is_in_a_hidden_run(name: str, file: str) -> None:
    truth = Truth.of(name)
    text = said(hidden(truth.file(file), **truth.wishes()))
    found = {one for one in names_of(truth.told) if re.search(rf"\b{re.escape(one)}\b", text, re.I)}
    assert found == set() and file not in text


@pytest.mark.parametrize("file", INVENTED)
def test_no_name_of_an_invented_story_is_in_a_hidden_run(file: str) -> None:
    truth = msgspec.json.decode((TRACES / "synthetic" / "truth.json").read_bytes())
    text = said(hidden(TRACES / "synthetic" / file))
    found = {one for one in names_of(truth) if re.search(rf"\b{re.escape(one)}\b", text, re.I)}
    assert found == set() and file not in text and "deploy" not in text


def test_names_that_are_shown_stand_in_notes_too() -> None:
    found = imported([TRACES / "synthetic" / "security-events.xml"])
    assert "the first: deploy from 192.0.2.21" in found.notes


def test_what_is_damaged_is_only_counted_where_names_are_hidden(tmp_path) -> None:
    text = (TRACES / "synthetic" / "security-events.xml").read_text("utf-8")
    path = tmp_path / "alice.xml"
    path.write_text(text.replace("<EventID>4656</EventID>", "<EventID>4656</alice>", 1))
    assert "alice" in imported([path]).notes
    assert "1 damaged" in hidden(path).notes and "alice" not in said(hidden(path))


def test_equal_names_are_equal_over_runs_with_one_salt_and_only_then() -> None:
    path = TRACES / "synthetic" / "Get-SmbOpenFile_2026-10-05_091000Z.json"

    def columns(**wishes: Any) -> list[tuple[str, ...]]:
        records = imported([path], **wishes).records
        rows = [(one.share, one.path, one.user) for _, one in of(records, OpenGranted)]
        return list(zip(*rows, strict=True))

    covered = columns(is_hidden=True, salt=SALT)
    assert covered == columns(is_hidden=True, salt=SALT) != columns(is_hidden=True, salt=b"another")
    assert [len(set(one)) for one in covered] == [len(set(one)) for one in columns()]


def test_administrative_shares_and_extensions_keep_their_names() -> None:
    names = Names(is_hidden=True, salt=SALT)
    assert names.share("C$") == "C$" and names.share("apps").startswith("share-")
    assert names.path("office/b.dat").endswith(".dat") and names.path("a/b").count("/") == 1
