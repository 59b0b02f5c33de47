"""PROPFIND of a directory tree that changes at random, from within and from outside: what is told
from what was kept is, byte for byte, what a server tells that has never looked.
"""

from __future__ import annotations

import os
import random
import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from despoolr_server.files.beside.properties import PropertyList
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.http.dav.fragments import Fragments, KeptFragments
from worlds.dav import lockinfo, propfind, proppatch
from worlds.share_server import Reply, Site, serving

SEEDS = range(8)
STEPS = 60

NAMES = ("a.txt", "A.TXT", "b.ini", "Ä &.ins", "c", "long" * 40, "ü" * 70, "a:b", "f", "x%41'.mif")
DIRECTORIES = ("", "D", "D/E", "d")
WINDOWS = (
    "creationdate displayname getcontentlength getcontenttype getetag getlastmodified "
    "iscollection ishidden isreadonly lockdiscovery name parentname resourcetype supportedlock"
)
QUESTIONS = (
    b"",
    b'<propfind xmlns="DAV:"><propname/></propfind>',
    b'<propfind xmlns="DAV:"><allprop/><include><quota-used-bytes/></include></propfind>',
    propfind(*WINDOWS.split()),
    propfind("displayname", "getlastmodified", "getcontentlength", "resourcetype", "getetag"),
    propfind("lockdiscovery", "supportedlock", "quota-available-bytes", "quota-used-bytes"),
    propfind("getetag", "getetag", "none").replace(b"none", b'n xmlns="urn:u"'),
)

Change = Callable[[random.Random, Site, Path], Awaitable[None]]


def where(random: random.Random) -> str:
    directory = random.choice(DIRECTORIES)
    name = random.choice(NAMES)
    return f"{directory}/{name}" if directory else name


def address(path: str) -> str:
    return f"/SMS_SHR/{path.replace('%', '%25')}"


async def put(random: random.Random, site: Site, _root: Path) -> None:
    await site.ask("PUT", address(where(random)), random.randbytes(random.randrange(4)))


async def delete(random: random.Random, site: Site, _root: Path) -> None:
    await site.ask("DELETE", address(where(random)))


async def make(random: random.Random, site: Site, _root: Path) -> None:
    await site.ask("MKCOL", address(random.choice(("D", "D/E", where(random)))))


async def move(random: random.Random, site: Site, _root: Path) -> None:
    target = site.base + address(where(random))
    await site.ask("MOVE", address(where(random)), Destination=target)


async def patch(random: random.Random, site: Site, _root: Path) -> None:
    inside = (
        random.choice(("<D:set><D:prop><u:n>1</u:n></D:prop></D:set>",) * 2)
        if (random.random() < 0.6)
        else "<D:remove><D:prop><u:n/></D:prop></D:remove>"
    )
    await site.ask("PROPPATCH", address(where(random)), proppatch(inside))


async def lock(random: random.Random, site: Site, _root: Path) -> None:
    held = [*site.host.dav_locks]
    if held and random.random() < 0.9:
        chosen = random.choice(held)
        await site.ask("UNLOCK", address(chosen.path), Lock_Token=f"<{chosen.token}>")
    else:
        depth = random.choice(("0", "infinity"))
        await site.ask("LOCK", address(where(random)), lockinfo("shared"), Depth=depth)


async def outside(random: random.Random, _site: Site, root: Path) -> None:
    """Another program at work in the directory. It gives what it writes a time of its own: a file
    that is as long, as old and the same as before is the same file. It leaves no two names that are
    one to us: which of them is found depends on which was there first.
    """
    path = root / where(random)
    if not path.parent.is_dir() or any(
        other.name != path.name and other.name.upper() == path.name.upper()
        for other in path.parent.iterdir()
    ):
        return
    what = random.choice(("write", "link", "rename", "remove", "directory"))
    if what == "remove" or (path.is_dir() and not path.is_symlink()):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(True)
    elif what == "write" and not path.is_symlink():
        path.write_bytes(random.randbytes(random.randrange(4)))
        at = random.randrange(10**18)
        os.utime(path, ns=(at, at))
    elif what == "link" and path.name.upper() != "A.TXT":
        path.unlink(missing_ok=True)
        path.symlink_to(random.choice((".", "nowhere", "c")))
    elif what == "rename" and path.is_file():
        target = path.with_name(random.choice((path.name.swapcase(), "f")))
        if not target.is_dir():
            path.rename(target)
    elif what == "directory" and not path.exists() and not path.is_symlink():
        path.mkdir()


CHANGES: tuple[Change, ...] = (put, put, put, delete, make, move, patch, lock, outside, outside)


def settled(reply: Reply) -> tuple[int, str, bytes]:
    """An answer without the seconds that a lock has left, and what the file system has: others use
    it as well.
    """
    passing = re.compile(rb"(<D:quota-[a-z]+-bytes>|<D:timeout>Second-)\d+")
    return reply.status, reply.headers["Content-Type"], passing.sub(rb"\1", reply.body)


@pytest.mark.parametrize("seed", SEEDS)
async def test_what_is_told_again_is_what_is_told_the_first_time(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    chance = random.Random(seed)
    told = 0
    async with serving(store=DiskFileStore(root)) as site:
        shares = site.host.gate.shares
        for directory in ("D", "D/E"):
            await site.ask("MKCOL", address(directory))
        for _ in range(STEPS):
            await chance.choice(CHANGES)(chance, site, root)
            for _ in range(2):
                target = address(chance.choice((*DIRECTORIES, where(chance))))
                body, depth = chance.choice(QUESTIONS), chance.choice(("0", "1", "1", "infinity"))
                again = await site.ask("PROPFIND", target, body, Depth=depth)
                with monkeypatch.context() as patched:
                    fresh = replace(shares["SMS_SHR"], store=DiskFileStore(root, journalled=True))
                    patched.setitem(shares, "SMS_SHR", fresh)
                    patched.setattr(KeptFragments, "of", lambda *_: Fragments())
                    patched.setattr(PropertyList, "keeps_in", lambda *_: True)
                    first = await site.ask("PROPFIND", target, body, Depth=depth)
                assert settled(again) == settled(first), (target, body, depth)
                told += again.status == 207
    assert told > STEPS
