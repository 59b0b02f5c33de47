"""Windows' paths: `\\\\FS9\\apps\\office\\b.dat`, `D:\\apps\\office\\b.dat`, `\\??\\D:\\apps`."""

from __future__ import annotations

from typing import NamedTuple

from despoolr_lab.imports.traces.source import name, path_below


class Located(NamedTuple):
    """Where a file lies. `server` is empty for one of the machine itself."""

    server: str
    share: str
    path: str


def place_of(path: str) -> Located:
    """A path as server, share and path; a drive is its administrative share (`D$`)."""
    text = path.replace("/", "\\")
    for prefix in ("\\??\\UNC\\", "\\\\?\\UNC\\"):
        if text.startswith(prefix):
            text = "\\\\" + text[len(prefix) :]
    text = text.removeprefix("\\??\\").removeprefix("\\\\?\\")
    if text.startswith("\\\\"):
        server, _, rest = text[2:].partition("\\")
        share, _, below = rest.partition("\\")
        return Located(name(server), name(share), path_below(below))
    if text[1:2] == ":":
        return Located("", f"{text[:1]}$", path_below(text[2:]))
    return Located("", "", path_below(text))
