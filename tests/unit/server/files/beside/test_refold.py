"""What a root kept under keys of another fold is found under today's."""

from __future__ import annotations

import json
from pathlib import Path

from despoolr_core.rules.fold import FOLD
from despoolr_server.engine.names import Name, parse_name
from despoolr_server.engine.rows import HIDDEN
from despoolr_server.files.beside.properties import FILE
from despoolr_server.files.beside.refold import MARK
from despoolr_server.files.disk import DiskFileStore

DOTLESS = "\u0131"


def n(text: str) -> Name:
    name = parse_name(text)
    assert isinstance(name, Name)
    return name


def old_root(root: Path) -> Path:
    """A root as it was kept before: `ı/ı.txt` with the key of `I/I.TXT`, and `plain.txt` with its
    own.
    """
    (root / DOTLESS).mkdir(parents=True)
    (root / DOTLESS / f"{DOTLESS}.txt").write_text("x")
    (root / "plain.txt").write_text("x")
    private = root / ".despoolr"
    (private / "properties" / "I").mkdir(parents=True)
    (private / "attributes.json").write_text(json.dumps({"I/I.TXT": HIDDEN, "PLAIN.TXT": HIDDEN}))
    line = json.dumps({"name": "I.TXT", "properties": {"{x}a": "<a/>"}})
    (private / "properties" / "I" / FILE).write_text(line + "\n")
    return root


def test_attributes_and_properties_of_an_older_root_follow_their_file_to_its_key(
    tmp_path: Path,
) -> None:
    store = DiskFileStore(old_root(tmp_path / "root"))
    name = n(f"{DOTLESS}/{DOTLESS}.txt")
    facts, plain = store.find(name), store.find(n("plain.txt"))
    assert facts is not None
    assert plain is not None
    assert facts.attributes & HIDDEN
    assert plain.attributes & HIDDEN
    assert dict(store.properties(name)) == {"{x}a": "<a/>"}
    assert store.find(n("I/I.txt")) is None
    assert not store.properties(n("I/I.txt"))


def test_a_root_is_walked_once_and_says_of_which_fold_its_keys_are(tmp_path: Path) -> None:
    root = old_root(tmp_path / "root")
    DiskFileStore(root)
    assert (root / ".despoolr" / MARK).read_text("utf-8") == FOLD
    (root / "I.txt").write_text("new")
    store = DiskFileStore(root)
    store.set_properties(n("I.txt"), {"{x}b": "<b/>"})
    assert dict(DiskFileStore(root).properties(n("I.txt"))) == {"{x}b": "<b/>"}


def test_a_key_that_another_file_has_by_right_stays_with_it(tmp_path: Path) -> None:
    root = old_root(tmp_path / "root")
    (root / DOTLESS / "i.TXT").write_text("y")
    store = DiskFileStore(root)
    assert dict(store.properties(n(f"{DOTLESS}/I.txt"))) == {"{x}a": "<a/>"}
    assert not store.properties(n(f"{DOTLESS}/{DOTLESS}.txt"))
