"""The dead properties of a directory tree's files (RFC 4918, 4), in readable files beside them.

The law: properties belong to a name's key; they follow it when it is renamed and go when it is
removed. Those of the names in one directory lie in one file, `properties.jsonl`, in a tree of
directories that mirrors the keys: what `CS100005/b.dat` has stands in
`.despoolr/properties/CS100005/properties.jsonl`. A line is a name, all its properties as of then
and the CRC-32 of both; the last line of a name counts, an empty one says it has none, one that a
crash cut short is passed over. A change appends a line; a file that is mostly history is written
anew. A directory whose key is longer than a file system takes is mirrored under its SHA-256. A
change that the disk does not take is none.
"""
# Paths are plain strings where names may be too long for the disk: `os.path` then says no instead
# of raising.

# ruff: noqa: PTH112, PTH106, PTH108

from __future__ import annotations

import errno
import hashlib
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from despoolr_core.rules.plain_json import read_json
from despoolr_server.files.system.descriptors import replace_whole, write_at

FILE: Final = "properties.jsonl"
"""In lower case, where every key is in upper case: no mirrored directory can have that name."""

FINDINGS_MAX: Final = 16
"""Damages that are told of; more of them change nothing."""

PART_MAX: Final = 255
"""Bytes of one part of a path that every file system takes."""

DIRECTORY_SIZE_MAX: Final = 16 * 1024 * 1024
"""Characters of all properties of the names in one directory."""
KNOWN_SIZE_MAX: Final = 64 * 1024 * 1024
"""Characters of properties that are kept in memory, over all directories; beyond it all are read
again.
"""

_NONE_THERE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
"""There is no such file, or a name so long that nothing can be kept for it."""
_DIRECTORIES_MAX: Final = 4096
_HISTORY_MAX: Final = 64
_NONE: Final[Mapping[str, str]] = {}

_Names = dict[str, dict[str, str]]


class _Line(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """`check` is 0 in lines of the version before."""

    name: str
    properties: dict[str, str]
    check: int = 0


class PropertyList:
    """The properties by key, kept below `root`. What is wrong with a file goes to `findings`."""

    def __init__(self, root: Path, findings: list[str]) -> None:
        self._findings = findings
        self._touched: set[Path] = set()
        self._root = root
        self._directories: dict[str, _Names] = {}
        self._line_counts: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        """Characters of what is kept of a directory in memory."""
        self._known_size = 0
        self._is_empty = not root.is_dir()

    @property
    def is_touched(self) -> bool:
        """Whether any file has changed since."""
        return bool(self._touched)

    def take_touched(self) -> tuple[Path, ...]:
        """The files that have changed since this was last asked, in order."""
        touched, self._touched = self._touched, set()
        return tuple(sorted(touched)) if touched else ()

    def check(self) -> None:
        """Read every file once, for what is wrong with it."""
        ahead = [str(self._root)]
        while ahead:
            directory = ahead.pop()
            with suppress(OSError), os.scandir(directory) as entries:
                ahead += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
            self._lines(Path(directory, FILE))

    def get(self, key: str) -> Mapping[str, str]:
        """`{namespace}name` to the element's XML; empty for most names."""
        if self._is_empty:
            return _NONE
        directory, _, last = key.rpartition("/")
        return self._names(directory).get(last, _NONE)

    def keeps_in(self, directory: str) -> bool:
        """Whether any name in a directory has some."""
        return not self._is_empty and bool(self._names(directory))

    def set(self, key: str, properties: Mapping[str, str]) -> None:
        """Keep exactly these properties of a name. Raises `OSError`, and has changed nothing
        then.
        """
        if self._is_empty and not properties:
            return
        directory, _, last = key.rpartition("/")
        names = self._names(directory)
        before = names.get(last, _NONE)
        if before == properties:
            return
        self.check_room(key, properties)
        size = self._sizes[directory] + _size(last, properties) - _size(last, before)
        self._known_size += size - self._sizes[directory]
        self._sizes[directory] = size
        if properties:
            names[last] = dict(properties)
        else:
            del names[last]
        self._append(directory, names, _Line(last, dict(properties)))
        self._make_room(0)

    def check_room(self, key: str, properties: Mapping[str, str]) -> None:
        """Raises `OSError` if these properties of a name are too much for its directory."""
        if not properties:
            return
        directory, _, last = key.rpartition("/")
        before = self._names(directory).get(last, _NONE)
        size = self._sizes[directory] + _size(last, properties) - _size(last, before)
        if size > max(DIRECTORY_SIZE_MAX, self._sizes[directory]):
            raise OSError(errno.ENOSPC, "the properties in this directory take too much")

    def knows(self, key: str) -> bool:
        """Whether a name has any, or may have some below it."""
        return not self._is_empty and bool(self.get(key) or os.path.isdir(self._mirror(key)))

    def forget_below(self, key: str) -> None:
        """A directory is gone with all that was in it: what is still kept there is history."""
        if not self._is_empty:
            _remove_tree(self._mirror(key))
            self._forget(key)

    def rename(self, key: str, new_key: str) -> None:
        """A name and all below it get another; what had the new one is gone. Raises `OSError`, and
        has changed nothing then.
        """
        if self._is_empty or key == new_key:
            return
        properties, replaced = self.get(key), self.get(new_key)
        self.set(new_key, properties)
        try:
            self._move_mirror(key, new_key)
            try:
                self.set(key, _NONE)
            except BaseException:
                self._move_mirror(new_key, key)
                raise
        except BaseException:
            with suppress(OSError):
                self.set(new_key, replaced)
            raise

    def _move_mirror(self, key: str, new_key: str) -> None:
        mirror, new_mirror = self._mirror(key), self._mirror(new_key)
        if not os.path.isdir(mirror):
            return
        _remove_tree(new_mirror)
        new_mirror.parent.mkdir(parents=True, exist_ok=True)
        mirror.rename(new_mirror)
        self._forget(key)
        self._forget(new_key)

    def _mirror(self, directory: str) -> Path:
        return (
            self._root.joinpath(*map(_mirrored, directory.split("/"))) if directory else self._root
        )

    def _names(self, directory: str) -> _Names:
        names = self._directories.get(directory)
        if names is None:
            names = self._read(directory)
            size = sum(_size(*pair) for pair in names.items())
            self._make_room(size)
            self._directories[directory], self._sizes[directory] = names, size
            self._known_size += size
        return names

    def _make_room(self, size: int) -> None:
        """For a directory with so many characters of properties."""
        is_full = len(self._directories) >= _DIRECTORIES_MAX
        if is_full or (self._directories and self._known_size + size > KNOWN_SIZE_MAX):
            self._directories.clear()
            self._sizes.clear()
            self._known_size = 0

    def _read(self, directory: str) -> _Names:
        lines = self._lines(self._mirror(directory) / FILE)
        names: _Names = {}
        for line in lines:
            names.pop(line.name, None)
            if line.properties:
                names[line.name] = line.properties
        self._line_counts[directory] = len(lines)
        return names

    def _lines(self, file: Path) -> list[_Line]:
        """The lines of a file, but for those that a crash cut short."""
        try:
            texts = file.read_bytes().split(b"\n")
        except OSError as error:
            if error.errno not in _NONE_THERE:
                self._tell(f"{self._name(file)} cannot be read ({error.strerror})")
            return []
        lines: list[_Line] = []
        for number, text in enumerate(texts, 1):
            try:
                line = read_json(text, _Line)
            except msgspec.DecodeError as error:
                if text and number < len(texts) and "truncated" not in str(error):
                    self._tell_line(file, number)
                continue
            if line.check not in (0, _check(line)):
                self._tell_line(file, number)
            lines.append(line)
        return lines

    def _tell_line(self, file: Path, number: int) -> None:
        self._tell(
            f"line {number} of {self._name(file)} is damaged: mend it, restore the file, or take "
            "the line out"
        )

    def _tell(self, finding: str) -> None:
        if finding not in self._findings and len(self._findings) < FINDINGS_MAX:
            self._findings.append(finding)

    def _name(self, file: Path) -> Path:
        return file.relative_to(self._root.parent.parent)

    def _append(self, directory: str, names: _Names, line: _Line) -> None:
        count = self._line_counts[directory] = self._line_counts.get(directory, 0) + 1
        file = self._mirror(directory) / FILE
        self._touched.add(file)
        self._is_empty = False
        try:
            if count > 2 * len(names) + _HISTORY_MAX:
                self._rewrite(file, names)
                self._line_counts[directory] = len(names)
                return
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("ab", buffering=0) as out:
                size = out.tell()
                end = b""
                if size and not _ends_a_line(size, file):
                    size, end = _end_of_lines(file)
                    out.truncate(size)
                try:
                    write_at(out.fileno(), size, end + _render(line))
                except OSError:
                    out.truncate(size)  # what is left of a full disk is for who deletes
                    raise
        except BaseException:
            self._let_go(directory)  # what the disk has is what counts
            raise

    def _rewrite(self, file: Path, names: _Names) -> None:
        if not names:
            file.unlink(missing_ok=True)
            return
        lines = b"".join(_render(_Line(*pair)) for pair in names.items())
        replace_whole(file, lines, file.with_suffix(".new"))

    def _forget(self, key: str) -> None:
        """Read again what was remembered of a directory and those below it."""
        if key:
            for known in [
                known for known in self._directories if known == key or known.startswith(f"{key}/")
            ]:
                self._let_go(known)

    def _let_go(self, directory: str) -> None:
        self._directories.pop(directory, None)
        self._known_size -= self._sizes.pop(directory, 0)


def _size(name: str, properties: Mapping[str, str]) -> int:
    """Characters of a name's properties, and of the name; nothing where it has none."""
    if not properties:
        return 0
    return len(name) + sum(len(key) + len(xml) for key, xml in properties.items())


def _render(line: _Line) -> bytes:
    line.check = _check(line)
    return msgspec.json.encode(line) + b"\n"


def _check(line: _Line) -> int:
    return zlib.crc32(msgspec.json.encode((line.name, line.properties))) or 1


def _mirrored(part: str) -> str:
    """What stands for a part of a key on disk. In lower case, where every key is in upper case: the
    two never meet.
    """
    encoded = part.encode()
    return part if len(encoded) <= PART_MAX else f"long-{hashlib.sha256(encoded).hexdigest()}"


def _remove_tree(top: Path) -> None:
    """Remove a directory of ours with all that is in it, as far as the disk lets us: nothing in it
    counts any more.
    """
    ahead = [str(top)]
    while ahead and os.path.isdir(ahead[-1]):
        inside: list[str] = []
        with suppress(OSError):
            with os.scandir(ahead[-1]) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        inside.append(entry.path)
                    else:
                        os.unlink(entry.path)
            if not inside:
                os.rmdir(ahead.pop())
                continue
        if not inside:
            return
        ahead += inside


def _ends_a_line(size: int, file: Path) -> bool:
    with file.open("rb") as content:
        content.seek(size - 1)
        return content.read(1) == b"\n"


def _end_of_lines(file: Path) -> tuple[int, bytes]:
    """Where the last line ends that counts, and what it lacks: who mends a file by hand may leave
    its end out. What a crash left of a line would be damage between lines, zeros mostly.
    """
    data = file.read_bytes()
    start = data.rfind(b"\n") + 1
    try:
        read_json(data[start:], _Line)
    except msgspec.DecodeError:
        return start, b""
    return len(data), b"\n"
