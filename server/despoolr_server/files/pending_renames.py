"""Files that take their places when a server starts, before anybody can have one open: what NT's
session manager does with its list of pending renames.

The law: beside a directory lies another, called as it is and `.$BOOT`, whose files have the paths
that they will have; one that ends in `.$DEL` is a file to be deleted. Each is one rename, and what
is left of it when a server dies is carried out by the next start. What cannot be done stays; so
does what would have a name that no share accepts, which whoever may write to the share can make.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.names import ROOT, Name, found_name, parse_name
from despoolr_server.files.protocol import FileStore, StoreError

STAGED: Final = ".$BOOT"
DELETED: Final = ".$DEL"


def staged(directory: str, path: str = "", *, deleted: bool = False) -> str:
    """Where a file waits that is to have a path below a directory, or to be deleted there."""
    return f"{directory}{STAGED}/{path}{DELETED if deleted else ''}".rstrip("/")


def carry_out(store: FileStore, at: float) -> Iterator[tuple[str, str]]:
    """Let every file that waits take its place: where it waited, and its place (empty: it is
    deleted). Raises `StoreError` where the store cannot be listed.
    """
    for top in store.list(ROOT):
        if not top.directory or not fold(top.path).endswith(STAGED):
            continue
        directory = top.path[: -len(STAGED)]
        inside = sorted(store.below(found_name(top.path)))
        for path in inside:
            facts = store.find(found_name(f"{top.path}/{path}"))
            if facts is not None and not facts.directory:
                with suppress(StoreError):  # nothing can have the name, or a directory has it
                    yield _take_place(store, f"{top.path}/{path}", f"{directory}/{path}", at)
        for path in [*reversed(inside), ""]:
            name = found_name(f"{top.path}/{path}".rstrip("/"))
            with suppress(StoreError):
                if store.has_directory(name) and not store.has_children(name):
                    store.remove(name)


def _take_place(store: FileStore, waiting: str, place: str, at: float) -> tuple[str, str]:
    if not fold(place).endswith(DELETED):
        name = _name(place)
        _make_directories(store, place, at)
        store.rename(found_name(waiting), name)
        return waiting, place
    place = place[: -len(DELETED)]
    if store.find(name := _name(place)) is not None:
        store.remove(name)
    store.remove(found_name(waiting))
    return place, ""


def _make_directories(store: FileStore, path: str, at: float) -> None:
    parts = path.split("/")[:-1]
    for count in range(1, len(parts) + 1):
        name = _name("/".join(parts[:count]))
        if not store.has_directory(name):
            store.make_directory(name, at)


def _name(path: str) -> Name:
    name = parse_name(path)
    if not isinstance(name, Name) or name.path != path:
        raise StoreError(NtStatus.OBJECT_NAME_INVALID)
    return name
