"""The memory store's capacity: a full disk to be had."""

from __future__ import annotations

import pytest

from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.names import Name
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.files.protocol import StoreError

A, B = Name("A", "A"), Name("B", "B")


def test_space_is_counted_through_every_change() -> None:
    store = MemoryFileStore(capacity=100)
    store.write_whole(A, b"x" * 40, 0.0)
    store.write_at(A, 40, b"y" * 20, 0.0)
    store.write_whole(B, b"z" * 10, 0.0)
    assert store.free_bytes() == 30
    store.set_size(A, 5, 0.0)
    assert store.free_bytes() == 85
    store.rename(A, B)
    assert store.free_bytes() == 95
    store.remove(B)
    assert (store.free_bytes(), store.used) == (100, 0)


def test_what_does_not_fit_changes_nothing() -> None:
    store = MemoryFileStore(capacity=10)
    store.write_whole(A, b"x" * 8, 0.0)
    before = store.find(A)
    for change in (
        lambda: store.write_whole(A, b"y" * 11, 0.0),
        lambda: store.write_at(A, 8, b"yyy", 0.0),
        lambda: store.set_size(A, 11, 0.0),
        lambda: store.write_whole(B, b"yyy", 0.0),
    ):
        with pytest.raises(StoreError) as caught:
            change()
        assert caught.value.status is NtStatus.DISK_FULL
    assert store.find(A) == before
    assert store.find(B) is None
    assert store.used == 8


def test_the_disk_can_fill_up_and_be_cleared_while_it_is_used() -> None:
    store = MemoryFileStore()
    store.write_whole(A, b"x" * 8, 0.0)
    store.capacity = 8
    assert store.free_bytes() == 0
    store.capacity = 4
    assert store.free_bytes() == 0
    store.write_whole(A, b"x", 0.0)
    store.write_whole(B, b"xyz", 0.0)
