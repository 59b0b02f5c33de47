"""Files in memory: the twin for virtual time and tests, with a capacity so that a full disk can be
had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.names import ROOT, Name
from despoolr_server.engine.rows import DIRECTORY, STORED_ATTRIBUTES, FileFacts
from despoolr_server.files.protocol import Look, StoreError
from despoolr_server.loop.pace import batches, breathe


class _Node:
    """One file (`data`) or directory (`children`: key to None, in order of arrival)."""

    __slots__ = ("children", "data", "facts", "properties")

    def __init__(
        self, facts: FileFacts, data: bytes | bytearray, children: dict[str, None] | None
    ) -> None:
        self.facts = facts
        self.data = data
        self.children = children
        self.properties: Mapping[str, str] = {}


class MemoryFileStore:
    """A store that forgets. `capacity` is in bytes of content and may be changed at any time
    (None: no limit).

    `quotas` are directories that are disks of their own: path to the bytes a file written there
    may have.
    """

    inline_max = 1 << 62
    is_safe_at_once = True
    findings: Sequence[str] = ()

    def __init__(self, capacity: int | None = None) -> None:
        self.capacity = capacity
        self.used = 0
        self.quotas: dict[str, int] = {}
        self.change_count = 0
        self._keeps_properties = False
        self._staged: dict[str, tuple[bytes, float]] = {}
        root = FileFacts("", 0, 0.0, True, DIRECTORY, '"0"')
        self._nodes: dict[str, _Node] = {"": _Node(root, b"", {})}

    def set_free(self, name: Name, free: int | None) -> None:
        """Leave so many bytes for files in a directory, which is a disk of its own from then on, or
        (the root) in all; None: as many as there were.
        """
        if name == ROOT:
            self.capacity = None if free is None else self.used + free
        elif free is None:
            self.quotas.pop(name.key, None)
        else:
            self.quotas[name.key] = free

    def fill(self, name: Name) -> None:
        """Leave no byte more for files in a directory."""
        self.set_free(name, 0)

    def make_room(self, name: Name) -> None:
        """Leave as many bytes as there were before."""
        self.set_free(name, None)

    def find(
        self,
        name: Name,
        *,
        is_brief: bool = False,  # noqa: ARG002 - it always is
    ) -> FileFacts | None:
        """The facts are kept ready: one look-up."""
        node = self._nodes.get(name.key)
        return node.facts if node else None

    def is_unread(
        self,
        _name: Name,
        *,
        for_any: bool = False,  # noqa: ARG002 - none is
    ) -> bool:
        """There are no directories to read."""
        return False

    async def read_ahead(self, name: Name) -> None:
        """Nobody changes it but by its calls."""

    def look(self, name: Name) -> Look:
        """The parent is looked up only where nothing is under the name."""
        facts = self.find(name)
        return Look(facts, facts is not None or self.has_directory(name.parent))

    def has_directory(self, name: Name) -> bool:
        node = self._nodes.get(name.key)
        return node is not None and node.facts.directory

    def list(self, name: Name) -> list[FileFacts]:
        prefix = f"{name.key}/" if name.key else ""
        return [self._nodes[prefix + key].facts for key in sorted(self._children(name))]

    def each(self, name: Name) -> Iterator[FileFacts | None]:
        prefix = f"{name.key}/" if name.key else ""
        for key in sorted(self._children(name)):
            node = self._nodes.get(prefix + key)
            if node is not None:
                yield node.facts

    async def tally(self, name: Name) -> tuple[int, tuple[str, ...]]:
        """One look at each child."""
        count, below = 0, list[str]()
        for batch in batches([*self._children(name)]):
            keys = (f"{name.key}/{part}" if name.key else part for part in batch)
            facts = [self._nodes[key].facts for key in keys if key in self._nodes]
            below += (one.path for one in facts if one.directory)
            count += len(facts)
            await breathe(len(batch))
        return count - len(below), tuple(below)

    def below(self, name: Name) -> Iterator[str]:
        ahead = [name.key]
        while ahead:
            key = ahead.pop()
            node = self._nodes.get(key)
            for part in [*(node.children or ())] if node is not None else ():
                inner = f"{key}/{part}" if key else part
                if inner not in self._nodes:
                    continue
                yield self._nodes[inner].facts.path[len(name.path) :].lstrip("/")
                ahead.append(inner)

    def has_children(self, name: Name) -> bool:
        return bool(self._children(name))

    def read(self, name: Name, offset: int = 0, length: int | None = None) -> bytes:
        """A copy only where the content is not already that."""
        data = self._file(name).data
        if offset == 0 and (length is None or length >= len(data)):
            return bytes(data)
        return bytes(data[offset : None if length is None else offset + length])

    def content(self, name: Name, _facts: FileFacts) -> bytes:
        return self.read(name)

    async def read_large(self, name: Name, offset: int = 0, length: int | None = None) -> bytes:
        return self.read(name, offset, length)

    def write_whole(
        self,
        name: Name,
        data: bytes,
        at: float,
        attributes: int = 0,
        look: Look | None = None,  # noqa: ARG002 - a look-up costs nothing here
        *,
        passing: bool = False,  # noqa: ARG002 - nor does any file
    ) -> FileFacts:
        """The old content goes when the new is in."""
        self._check_quota(name, len(data))
        node = self._nodes.get(name.key)
        if node is None:
            self._enter(name, FileFacts("", 0, at, False, 0, ""), b"", None)
            node = self._nodes[name.key]
            try:
                self._reserve(len(data))
            except StoreError:
                self._leave(name)
                raise
        else:
            self._file(name)
            self._reserve(len(data) - len(node.data))
            parent = self._nodes[name.parent.key]
            self._touch(parent, parent.facts.modified_at, parent.facts.attributes)
        node.data = bytes(data)
        self._touch(node, at, attributes & STORED_ATTRIBUTES)
        return node.facts

    def put_again(self, _name: Name, _data: bytes, _at: float) -> None:
        """Nothing: it would cost no less here."""

    def create_together(
        self,
        _files: Iterable[tuple[Name, bytes]],
        _at: float,
        *,
        passing: bool,  # noqa: ARG002 - none come
    ) -> Sequence[FileFacts]:
        """None: it would cost no less here."""
        return []

    def remove_together(self, _names: Iterable[Name]) -> Sequence[FileFacts]:
        """None: it would cost no less here."""
        return []

    async def stage(self, data: bytes, at: float) -> str:
        self.change_count += 1
        self._staged[str(self.change_count)] = (data, at)
        return str(self.change_count)

    def publish(self, staged: str, name: Name, attributes: int = 0) -> None:
        data, at = self._staged.pop(staged)
        self.write_whole(name, data, at, attributes)

    def discard(self, staged: str) -> None:
        del self._staged[staged]

    def write_at(self, name: Name, offset: int, data: bytes, at: float) -> None:
        """In place; the content becomes a bytearray the first time."""
        node = self._file(name)
        end = offset + len(data)
        self._check_quota(name, end)
        self._reserve(max(0, end - len(node.data)))
        content = node.data = (
            node.data if isinstance(node.data, bytearray) else bytearray(node.data)
        )
        if offset > len(content):
            content.extend(bytes(offset - len(content)))
        content[offset:end] = data
        self._touch(node, at, node.facts.attributes)

    def set_size(self, name: Name, size: int, at: float) -> None:
        node = self._file(name)
        self._reserve(size - len(node.data))
        node.data = bytes(node.data[:size]) + bytes(max(0, size - len(node.data)))
        self._touch(node, at, node.facts.attributes)

    def make_directory(self, name: Name, at: float) -> None:
        if name.key in self._nodes:
            raise StoreError(NtStatus.OBJECT_NAME_COLLISION)
        self._enter(name, FileFacts("", 0, at, True, DIRECTORY, ""), b"", {})

    async def ready(self, name: Name, new_name: Name | None = None) -> None:
        """There is no disk to wait for."""

    def remove(self, name: Name, look: Look | None = None) -> None:  # noqa: ARG002 - nor here
        node = self._node(name)
        if name == ROOT:
            raise StoreError(NtStatus.ACCESS_DENIED, "the share's root stays")
        if node.children:
            raise StoreError(NtStatus.DIRECTORY_NOT_EMPTY)
        self.used -= len(node.data)
        self._leave(name)

    def rename(self, name: Name, new_name: Name) -> None:
        node = self._node(name)
        parent = self._directory(new_name.parent)
        taken = self._nodes.get(new_name.key)
        if taken is not None and taken is not node:
            if taken.children is not None:
                raise StoreError(NtStatus.ACCESS_DENIED, "a directory is not replaced")
            self.used -= len(taken.data)
            self._leave(new_name)
        self._leave(name)
        path = new_name.child_of(parent.facts.path)
        self._nodes[new_name.key] = node
        assert parent.children is not None
        parent.children[new_name.key.rpartition("/")[2]] = None
        self._relabel(node, path, name.key, new_name.key)
        self._touch(parent, parent.facts.modified_at, parent.facts.attributes)

    def set_attributes(self, name: Name, attributes: int) -> None:
        node = self._node(name)
        self._touch(node, node.facts.modified_at, attributes & STORED_ATTRIBUTES)

    def properties(self, name: Name) -> Mapping[str, str]:
        node = self._nodes.get(name.key)
        return node.properties if node else {}

    def keeps_properties_in(self, _directory: Name) -> bool:
        """Whether anything at all ever got any."""
        return self._keeps_properties

    def set_properties(self, name: Name, properties: Mapping[str, str]) -> None:
        self._node(name).properties = dict(properties)
        self._keeps_properties = True

    def free_bytes(self) -> int:
        return (1 << 40) if self.capacity is None else max(0, self.capacity - self.used)

    def used_bytes(self) -> int:
        """What the files have in them."""
        return self.used

    def when_safe(self, call: Callable[[StoreError | None], None]) -> None:
        """At once, as `sync` has nothing to wait for."""
        call(None)

    async def sync(self) -> None:
        """Nothing here survives, and nothing was promised."""

    # -- inside

    def _node(self, name: Name) -> _Node:
        node = self._nodes.get(name.key)
        if node is None:
            missing = (
                NtStatus.OBJECT_NAME_NOT_FOUND
                if name.parent.key in self._nodes
                else NtStatus.OBJECT_PATH_NOT_FOUND
            )
            raise StoreError(missing)
        return node

    def _file(self, name: Name) -> _Node:
        node = self._node(name)
        if node.children is not None:
            raise StoreError(NtStatus.FILE_IS_A_DIRECTORY)
        return node

    def _directory(self, name: Name) -> _Node:
        node = self._nodes.get(name.key)
        if node is None or node.children is None:
            raise StoreError(NtStatus.OBJECT_PATH_NOT_FOUND)
        return node

    def _children(self, name: Name) -> dict[str, None]:
        children = self._node(name).children
        if children is None:
            raise StoreError(NtStatus.NOT_A_DIRECTORY)
        return children

    def _check_quota(self, name: Name, size: int) -> None:
        for path, free in self.quotas.items():
            if size > free and name.key.startswith(f"{path}/"):
                raise StoreError(NtStatus.DISK_FULL, free=free)

    def _reserve(self, more: int) -> None:
        if more > 0 and more > self.free_bytes():
            raise StoreError(NtStatus.DISK_FULL)
        self.used += more

    def _enter(
        self, name: Name, facts: FileFacts, data: bytes, children: dict[str, None] | None
    ) -> None:
        parent = self._directory(name.parent)
        assert parent.children is not None
        self.change_count += 1
        path = name.child_of(parent.facts.path)
        facts = FileFacts(
            path,
            0,
            facts.modified_at,
            facts.directory,
            facts.attributes,
            f'"{self.change_count:x}"',
        )
        self._nodes[name.key] = _Node(facts, data, children)
        parent.children[name.key.rpartition("/")[2]] = None
        self._touch(parent, facts.modified_at, parent.facts.attributes)

    def _leave(self, name: Name) -> None:
        del self._nodes[name.key]
        parent = self._nodes[name.parent.key]
        assert parent.children is not None
        del parent.children[name.key.rpartition("/")[2]]
        self._touch(parent, parent.facts.modified_at, parent.facts.attributes)

    def _touch(self, node: _Node, at: float, attributes: int) -> None:
        self.change_count += 1
        facts = node.facts
        kept = attributes | DIRECTORY if facts.directory else attributes
        node.facts = FileFacts(
            facts.path, len(node.data), at, facts.directory, kept, f'"{self.change_count:x}"'
        )

    def _relabel(self, node: _Node, path: str, old_key: str, new_key: str) -> None:
        ahead = [(node, path, old_key, new_key)]
        while ahead:
            node, path, old_key, new_key = ahead.pop()
            facts = node.facts
            node.facts = FileFacts(
                path, facts.size, facts.modified_at, facts.directory, facts.attributes, facts.etag
            )
            for part in node.children or ():
                old, new = f"{old_key}/{part}", f"{new_key}/{part}"
                child = self._nodes[new] = self._nodes.pop(old)
                ahead.append((child, f"{path}/{child.facts.path.rpartition('/')[2]}", old, new))
