"""Any history of a store comes true again, whatever part of it the disk has kept."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from despoolr_server.engine.names import Name, parse_name
from despoolr_server.files import StoreError
from despoolr_server.files.journal.journalled import JournalledFileStore
from worlds.journals import LastingDirectories, contents, inodes_of_directories, same_inodes

AT = 833785200.0
NAMES = ["A", "A/B", "B", "D", "D/A", "D/A/B"]


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *["patch", "size", "sync", "attributes", "properties", "together"],
                *["put", "rename", "pass", "make", "remove"] * 2,
                *["put", "again", "large"],
            ]
        ),
        st.sampled_from(NAMES),
        st.sampled_from(NAMES),
        st.binary(min_size=1, max_size=6),
    ),
    max_size=25,
)


def carry_out(
    store: JournalledFileStore,
    operations: list[tuple[str, str, str, bytes]],
    snapshot: Path | None = None,
) -> None:
    """Do what can be done; what cannot be is voided. A large file is synced as it is staged, so a
    snapshot has it.
    """
    for kind, path, other, data in operations:
        try:
            if kind in ("put", "pass"):
                store.write_whole(n(path), data, AT, passing=kind == "pass")
            elif kind == "again":
                store.put_again(n(path), data, AT)
            elif kind == "large":
                staged = asyncio.run(store.stage(data, AT))
                if snapshot is not None:
                    os.link(staged, snapshot / ".despoolr" / "tmp" / Path(staged).name)
                store.publish(staged, n(path), 2 * (len(data) % 4))
            elif kind == "together":
                files = [(n(path), data), (n(other), data)]
                store.create_together(files, AT, passing=len(data) % 2 == 0)
            elif kind == "patch":
                store.write_at(n(path), 2, data, AT)
            elif kind == "size":
                store.set_size(n(path), len(data), AT)
            elif kind == "remove":
                store.remove(n(path))
            elif kind == "rename" and path != other and not store.has_directory(n(path)):
                store.rename(n(path), n(other))
            elif kind == "make":
                store.make_directory(n(path), AT)
            elif kind == "attributes":
                store.set_attributes(n(path), 2 * (len(data) % 4))
            elif kind == "properties":
                store.set_properties(n(path), {"{x}p": data.hex()} if len(data) % 4 else {})
            elif kind == "sync":
                asyncio.run(store.sync())
        except StoreError:
            continue


def told(store: JournalledFileStore) -> dict[str, tuple[bytes | None, int, dict[str, str]]]:
    """All that is told of every name: content, attributes, properties."""
    found = {}
    for path, content in contents(store).items():
        facts = store.find(n(path))
        assert facts is not None
        found[path] = content, facts.attributes, dict(store.properties(n(path)))
    return found


@settings(max_examples=25, deadline=None)
@example(before=[], after=[("remove", "D", "", b""), ("put", "D", "", b"1")], journal_max=1 << 20)
@example(
    before=[("put", "A", "", b"1")],
    after=[("remove", "A", "", b""), ("make", "A", "", b""), ("put", "A/B", "", b"2")],
    journal_max=1 << 20,
)
@example(
    before=[("make", "D/A", "", b"")],
    after=[("remove", "D/A", "", b""), ("make", "D/A", "", b""), ("remove", "D/A", "", b"")],
    journal_max=1 << 20,
)
@example(
    before=[("put", "A", "", b"1")],
    after=[("remove", "D", "", b""), ("rename", "A", "D", b""), ("make", "A", "", b"")],
    journal_max=1 << 20,
)
@example(
    before=[("put", "A", "", b"1"), ("attributes", "A", "", b"1")],
    after=[("put", "A", "", b"1")],
    journal_max=200,
)
@example(
    before=[],
    after=[("put", "A", "", b"1"), ("properties", "A", "", b"1"), ("large", "A", "", b"1")],
    journal_max=1 << 20,
)
@given(before=OPERATIONS, after=OPERATIONS, journal_max=st.sampled_from([200, 1 << 20]))
def test_any_history_comes_true_from_what_was_before_it_and_from_what_was_after_it(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[tuple[str, str, str, bytes]],
    after: list[tuple[str, str, str, bytes]],
    journal_max: int,
) -> None:
    base = tmp_path_factory.mktemp("journal")
    root, snapshot = base / "root", base / "snapshot"
    store = JournalledFileStore(root, threads=False, journal_max=1 << 20)
    store.make_directory(n("D"), AT)
    carry_out(store, before)
    asyncio.run(store.close())
    same_inodes(root, snapshot)
    inodes = inodes_of_directories(root)

    with pytest.MonkeyPatch.context() as monkeypatch:
        lasting = LastingDirectories(base / "graves", monkeypatch)
        # No journal is dropped here, however full, as long as nothing syncs: the power may fail at
        # any time.
        store = JournalledFileStore(root, threads=False, journal_max=journal_max)
        carry_out(store, [operation for operation in after if operation[0] != "sync"], snapshot)
        expected = told(store)

        shutil.rmtree(snapshot / ".despoolr" / "journal")
        shutil.copytree(root / ".despoolr" / "journal", snapshot / ".despoolr" / "journal")
        killed = JournalledFileStore(root, threads=False)
        assert told(killed) == expected
        lasting.give_to(snapshot, root, inodes)
    assert inodes_of_directories(snapshot) == inodes
    cut_off = JournalledFileStore(snapshot, threads=False)
    assert told(cut_off) == expected
    again = JournalledFileStore(snapshot, threads=False)
    assert told(again) == expected
