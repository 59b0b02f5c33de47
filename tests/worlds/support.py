"""What several tests need: the data beside them, what other people wrote, and programs that are
Debian's.

The law: what a test needs lies in `tests/data`. What other people wrote is not ours to give away:
tests of it are marked `theirs`, run where it is found in a directory `shared` beside the
repository, and are counted in one line where it is not. A program that is missing, or a machine
that cannot do what a test needs, leaves a test out and says why, so that `make test` needs make and
Python alone; with CI=true that is a failure. No test skips by itself.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest

from despoolr_lab.reserved_ports import ReservedPorts
from despoolr_server.http.openapi.document import MORE

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = REPOSITORY / "tests" / "data"
SHARED = REPOSITORY.parent / "shared"
THEIR_MIFS = SHARED / "mif-corpus"
"""MIFs that vendors published. There or not: see the mark `theirs`."""
THEIR_TRACES = SHARED / "traces" / "public"
"""Captures that others published, and a CSV of Procmon. There or not, in the same way."""


FAST_LANE: Final = os.environ.get("DESPOOLR_FAST_LANE") != "0"
"""Whether servers of tests have the fast lane: as served ones, they are told by the variable."""


def data(*parts: str) -> Path:
    """A file or directory of `tests/data`."""
    path = DATA.joinpath(*parts)
    assert path.exists(), f"{path} is missing"
    return path


def leave_out(why: str) -> NoReturn:
    """End a test that cannot be tried on this machine: left out, with the reason; a failure where
    CI=true.
    """
    if os.environ.get("CI") == "true":
        pytest.fail(f"this cannot be tried, and CI leaves nothing out: {why}")
    pytest.skip(why)


def program(name: str, package: str) -> str:
    """Where a program is. Without it, the test is left out and says which package of Debian's has
    it.
    """
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    return found or leave_out(f"{name} is not installed; on Debian: apt-get install {package}")


RESERVED: Final[list[ReservedPorts]] = []


def free_port() -> int:
    """A port for a process that must be told one before it starts: nobody else is given it as long
    as this process of tests lives.
    """
    RESERVED.append(one := ReservedPorts(1))
    return one.ports[0]


def open_below(directory: Path) -> list[str]:
    """The names of what this process has open below a directory, as Linux tells it."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(descriptor.readlink())
    return sorted(path.name for path in found if directory in path.parents)


@cache
def oracle(name: str) -> Any:
    """One file of what a real SMB server answered."""
    return json.loads(data("oracle", f"{name}.json").read_text(encoding="utf-8"))


def operations(document: Mapping[str, Any]) -> Iterable[tuple[str, str, dict[str, Any]]]:
    """Every operation of an OpenAPI document: method, address, operation; WebDAV's too."""
    for path, item in document["paths"].items():
        for name, found in item.items():
            if name == MORE:
                yield from ((method, path, operation) for method, operation in found.items())
            else:
                yield name.upper(), path, found
