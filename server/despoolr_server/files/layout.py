"""Making the directories that Setup makes: each level of each path, those that exist left alone."""

from __future__ import annotations

from collections.abc import Iterable

from despoolr_server.engine.names import Name, parse_name
from despoolr_server.files.protocol import FileStore


def make_directories(store: FileStore, paths: Iterable[str], at: float) -> None:
    """Make every directory in `paths` (with `/`), and those above it, unless nothing in the store
    can be changed.

    Raises `StoreError`, and `ValueError` for a bad name.
    """
    if store.findings:
        return
    for path in paths:
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            name = parse_name("/".join(parts[:depth]))
            if not isinstance(name, Name):
                raise ValueError(f"{path!r}: {name.reason}")
            if store.find(name) is None:
                store.make_directory(name, at)
