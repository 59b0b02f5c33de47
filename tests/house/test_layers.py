"""The rooms stand on each other as `docs/architecture.md` draws them: import-linter's contracts,
and what they cannot say.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from worlds.import_graph import circles, imports, modules, nodes_of, room_of, tree_of
from worlds.support import REPOSITORY

MAY_IMPORT = {
    "despoolr_core": set(),
    "despoolr_server": {"despoolr_core"},
    "despoolr_client": {"despoolr_core"},
    "despoolr_app": {"despoolr_core", "despoolr_server", "despoolr_client"},
    "despoolr_lab": {"despoolr_core", "despoolr_server", "despoolr_client", "despoolr_app"},
    "despoolr": set(),
}

LAYERS = {
    "despoolr_core": ["records", "formats | share", "articles", "profile", "suggest"],
    "despoolr_server": [
        "assembly | server_watch",
        "logon_server | site_server",
        "http",
        "faults",
        "site | shares",
        "files | database",
        "engine | loop",
    ],
    "despoolr_server.site": [
        "administrator | hotfixes",
        "despooler | loader | job_checks",
        "services",
        "state",
        "jobs",
    ],
    "despoolr_server.http": [
        "app",
        "shares | site | live",
        "dav",
        "openapi",
        "connections",
        "base",
    ],
    "despoolr_client": ["fleet", "agent", "transport | pcm"],
    "despoolr_app": [
        "cli",
        "servers | fleet | top | runs_page",
        "site_client",
        "process",
        "runs",
        "cells | clocks | disk",
    ],
    "despoolr_lab": [
        "cli",
        "bench | docs | oracle | soak | load",
        "samples | breaking | measured | reserved_ports",
        "kb | report | imports | export | explore | (whatif)",
        "pool",
        "scenario",
        "sim",
        "toml",
    ],
}
"""The order within a room, from those who may import to those who are imported."""

PURE = {
    "despoolr_core",
    "despoolr_server.engine",
    "despoolr_server.site.jobs",
    "despoolr_client.pcm",
}
OF_A_SEED = {
    "despoolr_lab.load.spec.shapes",
    "despoolr_lab.load.plan",
    "despoolr_lab.soak.plan",
    "despoolr_lab.soak.drift",
}
"""Like pure ones, but given a generator of chance."""

LATE = {
    "despoolr_app.cli": "a command's help imports nothing that only its work needs",
    "despoolr_app.servers.database_url": "a site in a file needs no SQLAlchemy",
    "despoolr_app.servers.servers": "a logon server needs no SQLAlchemy",
    "despoolr_client.transport.calls": "a scenario needs no aiohttp",
    "despoolr_lab.cli": "a command's help imports nothing that only its work needs",
    "despoolr_lab.bench.sim_child": "what a command imports is what is measured",
    "despoolr_lab.scenario.run": "a run in virtual time has no signals to end in order",
    "despoolr_lab.scenario.surroundings.surroundings": "a run in virtual time needs no disk if "
    "it keeps no files, and no aiohttp if it says no bytes",
    "despoolr_lab.sim.late": "a run in virtual time needs aiohttp where it says bytes",
    "despoolr_lab.sim.world": "a run in virtual time needs aiohttp where it says bytes",
    "despoolr_server.database.database": "a site in a file needs no SQLAlchemy",
    "despoolr_server.database.engines": "a server whose database is current needs no alembic",
    "despoolr_server.database.sqlite": "a file that is current needs no SQLAlchemy",
    "despoolr_server.http.handling.handler": "a scenario needs no aiohttp",
    "despoolr_server.http.shares.server.introspection": "a scenario needs no prometheus_client",
}
"""Rooms and modules that import others of ours when they are first needed, and why."""


def contracts() -> list[dict[str, Any]]:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    return list(settings["tool"]["importlinter"]["contracts"])


@pytest.mark.slow
def test_the_contracts_are_kept() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(linter), "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_no_contract_has_an_exception() -> None:
    assert not [contract["name"] for contract in contracts() if "ignore_imports" in contract]


def test_the_rooms_stand_on_each_other_in_the_contracts() -> None:
    rooms, lab, public = contracts()[:3]
    assert rooms["layers"] == [
        "despoolr",
        "despoolr_lab",
        "despoolr_app",
        "despoolr_server | despoolr_client",
        "despoolr_core",
    ]
    assert {"despoolr_app", "despoolr_server", "despoolr_client"} <= set(lab["source_modules"])
    assert "despoolr_lab" in lab["forbidden_modules"]
    assert public["source_modules"] == ["despoolr"]
    assert set(public["forbidden_modules"]) == set(MAY_IMPORT) - {"despoolr"}
    assert not lab.get("allow_indirect_imports") and not public.get("allow_indirect_imports")


@pytest.mark.parametrize("room", LAYERS)
def test_the_order_within_a_room_is_a_contract(room: str) -> None:
    (found,) = [c for c in contracts() if c.get("containers") == [room]]
    assert found["type"] == "layers"
    assert found["exhaustive"], "a folder that is new has no place yet"
    assert found["layers"][: len(LAYERS[room])] == LAYERS[room]


def test_what_is_pure_is_pure_in_the_contracts() -> None:
    pure, engine, seeded = [c for c in contracts() if "asyncio" in c.get("forbidden_modules", ())]
    assert set(pure["source_modules"]) == PURE
    assert {"asyncio", "aiohttp", "os", "pathlib", "time", "random"} <= set(
        pure["forbidden_modules"]
    )
    assert engine["source_modules"] == ["despoolr_server.engine"]
    assert engine["forbidden_modules"] == pure["forbidden_modules"]
    assert not engine.get("allow_indirect_imports")
    assert set(seeded["source_modules"]) == OF_A_SEED
    assert set(seeded["forbidden_modules"]) == set(pure["forbidden_modules"]) - {"random"}


# -- the same law by another way: also inside functions and behind TYPE_CHECKING


def top_of(module: str) -> str:
    return module.partition(".")[0]


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_those_it_stands_on(room: str) -> None:
    assert any(top_of(module) == room for module in modules())
    wrong = [
        one
        for one in imports()
        if top_of(one.importer) == room and top_of(one.imported) not in MAY_IMPORT[room] | {room}
    ]
    assert not wrong


def is_in(module: str, rooms: Collection[str]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def test_what_is_pure_imports_nothing_that_acts() -> None:
    forbidden = set(next(c for c in contracts() if "asyncio" in c.get("forbidden_modules", ()))[
        "forbidden_modules"
    ])  # fmt: skip
    for module, path in modules().items():
        if is_in(module, PURE):
            assert not outside(path) & forbidden, module
        if is_in(module, OF_A_SEED):
            assert not outside(path) & (forbidden - {"random"}), module


def outside(path: Path) -> set[str]:
    """The top-level packages a module imports, wherever in it the import stands."""
    found: set[str] = set()
    for node in nodes_of(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {top_of(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(top_of(node.module))
    return found


# -- no circles


def arrows_between_modules() -> Mapping[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for one in imports():
        found[one.importer].add(one.imported)
    return found


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(arrows_between_modules()) == []


def test_no_folders_import_each_other_in_a_circle() -> None:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for one in imports():
        found[room_of(one.importer)].add(room_of(one.imported))
    assert not circles(found)


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"d", "a"}}) == [("b", "c")]


# -- what is imported late, is so on purpose


def test_a_module_imports_ours_at_its_top() -> None:
    late = {one for one in imports() if one.in_function}
    assert not {one for one in late if not is_in(one.importer, LATE)}
    assert {room for room in LATE if not any(is_in(one.importer, [room]) for one in late)} == set()
