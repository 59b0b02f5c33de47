"""Every read of time or chance in the installed aiohttp is one we know of."""

from __future__ import annotations

import ast
from pathlib import Path

import aiohttp
import pytest

from despoolr_lab.sim.time.aiohttp_time import REDIRECTED, UNREACHED

PACKAGE = Path(aiohttp.__file__).parent

NOT_OURS = {"pytest_plugin", "test_utils", "worker"}

SOURCES = {"time", "random", "uuid", "secrets", "datetime", "os"}

PURE = {"gmtime", "strftime", "struct_time", "timedelta", "timezone", "tzinfo", "datetime", "UUID"}
"""They compute; `datetime` counts by what is called on it."""

OS_READS = {"urandom", "getrandom", "times"}
CLASS_READS = {"now", "utcnow", "today"}


def reads_of(source: str) -> set[str]:
    """The expressions in `source` that ask for time or chance, like `time.time` or an imported
    `monotonic`.
    """
    tree = ast.parse(source)
    modules: dict[str, str] = {}
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {
                (alias.asname or alias.name): alias.name
                for alias in node.names
                if alias.name in SOURCES
            }
        elif isinstance(node, ast.ImportFrom) and node.module in SOURCES and not node.level:
            names |= {alias.asname or alias.name for alias in node.names}
    reads = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in names - PURE
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        text = ast.unparse(node)
        head, _, rest = text.partition(".")
        if head in modules:
            interesting = (
                rest in OS_READS if modules[head] == "os" else "." not in rest and rest not in PURE
            )
            if interesting or rest.rpartition(".")[2] in CLASS_READS:
                reads.add(text)
    return reads


def test_every_read_of_time_or_chance_in_aiohttp_is_listed():
    found = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).with_suffix("").as_posix()
        if module not in NOT_OURS:
            found |= {f"{module}: {read}" for read in reads_of(path.read_text("utf-8"))}
    assert found == REDIRECTED.keys() | UNREACHED.keys(), (
        "aiohttp has changed: see docs/decisions/0002-aiohttp-internals.md"
    )


def test_the_compiled_parts_of_aiohttp_import_no_time_and_no_chance():
    for path in sorted(PACKAGE.rglob("*.pyx")):
        imports = [
            line
            for line in path.read_text("utf-8").splitlines()
            if line.lstrip().startswith(("import ", "from ", "cimport "))
        ]
        assert not [line for line in imports if any(f" {source}" in line for source in SOURCES)], (
            path
        )


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("import time\nx = time.time()", {"time.time"}),
        ("import time as t\nx = t.monotonic_ns()", {"t.monotonic_ns"}),
        ("from time import monotonic\nx = monotonic()", {"monotonic"}),
        ("import datetime\nx = datetime.datetime.now()", {"datetime.datetime.now"}),
        ("from os import urandom\nx = urandom(1)", {"urandom"}),
        ("import time\nx = time.gmtime(0)", set()),
        ("import os\nx = os.path", set()),
    ],
)
def test_the_reader_of_sources_sees_a_read_when_there_is_one(source, reads):
    assert reads_of(source) == reads
