"""A file that cannot be used is kept, with a text beside it that says why: `BAD\\X0000001.MIF` and
`BAD\\X0000001.MIF.TXT`.

The law: the content first, then the reason; the original goes last, and its service sees to that.
Whoever dies in between finds the original again, and does the same under the same names.
"""

from __future__ import annotations

from despoolr_core.share.contract import Share


async def quarantine(
    root: Share, directory: str, name: str, data: bytes, reason: str, *, subject: str = ""
) -> str:
    """Keep a bad file's content in a directory, and the reason beside it. Returns its new path.
    Raises `ShareError`. See `write_reason` for `subject`.
    """
    path = f"{directory}/{name}"
    await root.write(path, data)
    await write_reason(root, directory, name, reason, subject=subject)
    return path


async def write_reason(
    root: Share, directory: str, name: str, reason: str, *, subject: str = ""
) -> None:
    """Say why a file lies in a directory, in a line of Latin-1 beside it that begins with `subject`
    (the file's name, if that is all there is to say of it). Raises `ShareError`.
    """
    line = f"{subject or name}: {reason}\r\n"
    await root.write(f"{directory}/{name}.TXT", line.encode("latin-1", "replace"))
