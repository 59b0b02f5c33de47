"""A logon server that is killed under writers, again and again, and what must be there afterwards:
all that was answered.

Each writer has a directory of its own and one call under way at most. So at any moment its files
are those of its answered calls, or those and of the one call that was never answered; whatever else
is found was lost, came back or is there twice.
"""

from __future__ import annotations

import http.client
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from urllib.parse import urlsplit
from xml.etree import ElementTree

from despoolr_server.engine.names import Name, parse_name
from despoolr_server.files import StoreError
from despoolr_server.files.journal.chain import JOURNAL_HEADER_SIZE, SECTOR
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.files.journal.records import FRAME
from despoolr_server.files.path_index import PRIVATE

BOX = "CCR.BOX"
PROPERTY = "{urn:chaos}p"
Files = dict[str, bytes]


@dataclass
class Writer:
    """One client. `files` and `properties` are what was answered, `pending` what the call under way
    would make of them.
    """

    number: int
    rng: Random
    files: Files = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    pending: tuple[Files, dict[str, str]] | None = None
    answered: int = 0
    serial: int = 0
    has_begun: bool = False

    @property
    def home(self) -> str:
        return f"{BOX}/W{self.number}"

    def run(self, url: str, token: str, until: threading.Event) -> None:
        """Write until the server is gone."""
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        with suppress(OSError, http.client.HTTPException):
            while not until.is_set():
                self.step(connection, {"Authorization": f"Bearer {token}"})
        connection.close()

    def step(self, connection: http.client.HTTPConnection, headers: dict[str, str]) -> None:
        """One call; what it changes counts from when it is answered."""
        files, properties = dict(self.files), dict(self.properties)
        self.serial += 1
        draw, names = self.rng.random(), sorted(name for name in files if "/" not in name)
        path, body = self.home, b""
        if not self.has_begun:
            method = "MKCOL"
        elif draw < 0.65 or not names:
            method, name = "PUT", f"F{self.rng.randrange(6)}"
            path, body = (
                f"{self.home}/{name}",
                b"%d of %d\r\n" % (self.serial, self.number) * self.rng.randrange(1, 200),
            )
            files[name] = body
        elif draw < 0.75:
            method, name = "DELETE", self.rng.choice(names)
            path = f"{self.home}/{name}"
            del files[name]
            properties.pop(name, None)
        elif draw < 0.9:
            method, name, new = "MOVE", self.rng.choice(names), f"F{self.rng.randrange(6)}"
            path = f"{self.home}/{name}"
            headers = headers | {"Destination": f"/SMS_SHR/{self.home}/{new}"}
            if new != name:
                files[new] = files.pop(name)
                properties.pop(new, None)
                if name in properties:
                    properties[new] = properties.pop(name)
        elif draw < 0.98:
            method, name = "PROPPATCH", self.rng.choice(names)
            path = f"{self.home}/{name}"
            properties[name] = f"v{self.serial}"
            body = (
                b'<propertyupdate xmlns="DAV:"><set><prop><p '
                b'xmlns="urn:chaos">%s</p></prop></set></propertyupdate>'
                % properties[name].encode()
            )
        else:
            inside = [name for name in files if "/" in name]
            if not inside:
                method, path = "MKCOL", f"{self.home}/D"
            else:
                method, path = "MOVE", f"{self.home}/{inside[0].partition('/')[0]}"
                new = "E" if path.endswith("/D") else "D"
                headers = headers | {"Destination": f"/SMS_SHR/{self.home}/{new}", "Overwrite": "F"}
                files[f"{new}/in"] = files.pop(inside[0])
        if (
            method == "MOVE"
            and path.rpartition("/")[2] == headers["Destination"].rpartition("/")[2]
        ):
            return
        self.pending = (files, properties)
        self.call(connection, method, path, body, headers)
        # a directory gets its one file at once, so that it is seen
        if method == "MKCOL" and self.has_begun:
            files["D/in"] = b"in"
            self.call(connection, "PUT", f"{path}/in", b"in", headers)
        self.has_begun = True
        self.files, self.properties, self.pending = files, properties, None
        self.answered += 1

    def call(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes,
        headers: dict[str, str],
    ) -> None:
        connection.request(method, f"/SMS_SHR/{path}", body, headers)
        answer = connection.getresponse()
        said = answer.read()
        there = method == "MKCOL" and answer.status == 405
        assert 200 <= answer.status < 300 or there, (method, path, answer.status, said[:300])

    def check(
        self, files: Files, properties: dict[str, str] | None = None, *, goes_on: bool = False
    ) -> None:
        """Hold what is there against what may be; `goes_on`: it is what the next start has."""
        allowed = [(self.files, self.properties), *([self.pending] if self.pending else [])]
        for may_files, may_properties in allowed:
            if files == may_files and (properties is None or properties == may_properties):
                if goes_on:
                    self.files, self.properties, self.pending = may_files, may_properties, None
                return
        differs = {
            name: (
                files.get(name, b"(none)")[:24],
                [may[0].get(name, b"(none)")[:24] for may in allowed],
            )
            for name in sorted({*files, *(name for may in allowed for name in may[0])})
            if any(files.get(name) != may[0].get(name) for may in allowed)
        }
        raise AssertionError(
            f"writer {self.number} after {self.answered} answers: {differs}, {properties} for "
            f"{allowed[0][1]}"
        )


def write_for(
    writers: list[Writer], url: str, token: str, kill: Callable[[], None], answers: int
) -> None:
    """Let all write at once, and kill the server when that many calls were answered."""
    before, done = sum(writer.answered for writer in writers), threading.Event()
    threads = [threading.Thread(target=writer.run, args=(url, token, done)) for writer in writers]
    for thread in threads:
        thread.start()
    try:
        while sum(writer.answered for writer in writers) < before + answers and any(
            thread.is_alive() for thread in threads
        ):
            done.wait(0.002)
        kill()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert sum(writer.answered for writer in writers) >= before + answers, (
        "the writers did not come that far"
    )


def on_disk(store: JournalledFileStore, home: str) -> tuple[Files, dict[str, str]]:
    """What a store has in a writer's directory."""
    files: Files = {}
    properties: dict[str, str] = {}
    ahead = [_name(home)] if store.find(_name(home)) else []
    while ahead:
        for facts in store.list(ahead.pop()):
            name, inside = _name(facts.path), facts.path[len(home) + 1 :]
            if facts.directory:
                ahead.append(name)
                continue
            files[inside] = store.read(name)
            if kept := store.properties(name).get(PROPERTY):
                properties[inside] = ElementTree.fromstring(kept).text or ""
    return files, properties


def over_http(url: str, token: str, writer: Writer) -> tuple[Files, dict[str, str]]:
    """What the server shows of a writer's directory."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    headers = {"Authorization": f"Bearer {token}"}
    files: Files = {}
    properties: dict[str, str] = {}
    asked = b'<propfind xmlns="DAV:"><prop><p xmlns="urn:chaos"/></prop></propfind>'
    for name in [*(f"F{number}" for number in range(6)), "D/in", "E/in"]:
        connection.request("GET", f"/SMS_SHR/{writer.home}/{name}", headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status in (200, 404), (name, answer.status)
        if answer.status == 200:
            files[name] = content
            connection.request(
                "PROPFIND", f"/SMS_SHR/{writer.home}/{name}", asked, headers | {"Depth": "0"}
            )
            if found := re.search(rb">(v\d+)<", connection.getresponse().read()):
                properties[name] = found[1].decode()
    connection.close()
    return files, properties


def _name(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


# -- damage


def newest(root: Path) -> Path:
    """The journal that was written last."""
    used = [
        path
        for path in (root / ".despoolr/journal").glob("*")
        if path.name.isdigit() and _frames(path.read_bytes())
    ]
    return max(used, key=lambda path: int(path.name))


def _frames(data: bytes) -> list[tuple[int, int]]:
    found, offset = [], JOURNAL_HEADER_SIZE
    while offset + FRAME.size <= len(data) and (length := FRAME.unpack_from(data, offset)[0]):
        found.append((offset, offset + FRAME.size + length))
        offset = found[-1][1]
    return found


def _looks_cut(data: bytes, begin: int, end: int) -> bool:
    """Whether a frame has nothing but zeros in one of its sectors, by chance, as one that a power
    cut left: if nobody was answered yet, damage of it is no damage.
    """
    starts = range(begin - begin % SECTOR, end, SECTOR)
    return not all(any(data[max(start, begin) : min(start + SECTOR, end)]) for start in starts)


def _flip(file: Path, offset: int) -> None:
    with file.open("r+b") as content:
        content.seek(offset)
        byte = content.read(1)[0]
        content.seek(offset)
        content.write(bytes([byte ^ 0x10]))


def _frame(which: float) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        file = newest(root)
        data = file.read_bytes()
        frames = [frame for frame in _frames(data) if not _looks_cut(data, *frame)]
        begin, end = frames[int(which * (len(frames) - 1))]
        _flip(file, (begin + end) // 2)

    return damage


def _cut(part: float) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        file = newest(root)
        with file.open("r+b") as content:
            content.truncate(int(_frames(file.read_bytes())[-1][1] * part))

    return damage


def _swap(root: Path) -> None:
    file = newest(root)
    data = file.read_bytes()
    frames = _frames(data)
    one, other = frames[len(frames) // 3], frames[len(frames) // 3 + 1]
    file.write_bytes(data[: one[0]] + data[slice(*other)] + data[slice(*one)] + data[other[1] :])


def _lines(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        for file in (root / ".despoolr/properties").rglob("properties.jsonl"):
            file.write_bytes(change(file.read_bytes()))

    return damage


def _without_journal(root: Path) -> None:
    for path in (root / ".despoolr/journal").glob("[0-9]*"):
        path.unlink()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a byte of the first frame": _frame(0.0),
    "a byte of a middle frame": _frame(0.5),
    "a byte of the last frame": _frame(1.0),
    "a byte of the header": lambda root: _flip(newest(root), 12),
    "half a journal": _cut(0.5),
    "nothing left of it": _cut(0.0),
    "two frames changed places": _swap,
    "zeros": lambda root: newest(root).write_bytes(bytes(newest(root).stat().st_size)),
    "something else": lambda root: newest(root).write_text("nothing of ours\n" * 1000),
    "no journal": _without_journal,
    "another number": lambda root: newest(root).rename(root / ".despoolr/journal/999"),
    "an attribute list that is none": lambda root: (root / ".despoolr/attributes.json").write_text(
        '{"A":'
    ),
    "a property changed by hand": _lines(lambda data: data.replace(b">v", b">w")),
    "properties that are none": _lines(lambda data: b"\x00\xff\n" + data),
}


def _link(source: str, target: str) -> None:
    """The very same file, as a journal names it by its inode; but not of what is written in
    place.
    """
    if f"/{PRIVATE}/" in source and f"/{PRIVATE}/tmp/" not in source:
        shutil.copy(source, target)
    else:
        Path(target).hardlink_to(source)


def copies(
    root: Path, scratch: Path, damages: list[str]
) -> Iterator[tuple[str, JournalledFileStore]]:
    """A copy of a killed server's share for each damage (`""`: none), opened as the next start
    would.
    """
    for damage in ["", *damages]:
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(root, scratch, copy_function=_link)
        if damage:
            DAMAGES[damage](scratch)
        yield damage, JournalledFileStore(scratch, threads=False)


def check_copies(root: Path, scratch: Path, writers: list[Writer], damages: list[str]) -> None:
    """Nothing that was answered is lost, doubled or old, damaged or not; and a damaged share says
    so and takes nothing.
    """
    for damage, store in copies(root, scratch, damages):
        try:
            assert bool(store.findings) == bool(damage), (damage, store.findings)
            for writer in writers:
                files, properties = on_disk(store, writer.home)
                # damaged, a move under way is not ended
                writer.check(files, None if damage else properties)
        except StoreError as error:
            raise AssertionError(f"{damage}: {error.status}") from error
        if damage:
            try:
                store.write_whole(_name("X"), b"", 0.0)
            except StoreError:
                continue
            raise AssertionError(f"{damage}: the share took a file")
