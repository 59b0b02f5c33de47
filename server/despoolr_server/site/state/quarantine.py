"""A file that cannot be used is kept, with a text beside it that says why: `BAD\\X0000001.MIF` and
`BAD\\X0000001.MIF.TXT`.

The law: nothing is written over a file that nobody has read yet. Where another file has the name
already, the content gives a second one: `BAD\\X0000001~2f8c1b3e90a7d564.MIF`. The content first,
then the reason; the original goes last, and its service sees to that. Whoever dies in between finds
the original again, and does the same under the same names.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from despoolr_core.share.contract import Share, ShareError
from despoolr_core.share.modes import NtStatus

NAME_MAX: Final = 100
"""Characters of a name under which a file is kept: with a second name's mark and the reason's
`.TXT` it is one that a share accepts. Of a longer one so many are kept, and the content's mark.
"""


async def quarantine(
    root: Share, directory: str, name: str, data: bytes, reason: str, *, subject: str = ""
) -> str:
    """Keep a bad file's content in a directory, and the reason beside it, in a line of Latin-1 that
    begins with `subject` (the file's name, if that is all there is to say of it). Returns its new
    path. Raises `ShareError`.
    """
    short = name if len(name) <= NAME_MAX else f"{name[:NAME_MAX]}~{_mark(data)}"
    kept = await keep(root, directory, short, data)
    line = f"{subject or name}: {reason}\r\n"
    await keep(root, directory, f"{kept}.TXT", line.encode("latin-1", "replace"))
    return f"{directory}/{kept}"


async def keep(root: Share, directory: str, name: str, data: bytes) -> str:
    """Write a file into a directory, over no other. Returns the name it has there. Raises
    `ShareError`.
    """
    try:
        await root.create(f"{directory}/{name}", data)
    except ShareError as error:
        if error.nt_status is not NtStatus.OBJECT_NAME_COLLISION:
            raise
        if not await _is_there(root, f"{directory}/{name}", data):
            name = _second_name(name, data)
            await root.write(f"{directory}/{name}", data)
    return name


def _second_name(name: str, data: bytes) -> str:
    stem, dot, extension = name.rpartition(".")
    return f"{stem}~{_mark(data)}.{extension}" if dot else f"{name}~{_mark(data)}"


def _mark(data: bytes) -> str:
    return blake2b(data, digest_size=8).hexdigest()


async def _is_there(root: Share, path: str, data: bytes) -> bool:
    """Whether it was kept before, by a process that died then."""
    try:
        return await root.read(path) == data
    except ShareError as error:
        if not (error.is_refusal or error.is_missing):
            raise
        return False
