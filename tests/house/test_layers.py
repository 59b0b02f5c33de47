"""The layers hold, and what is pure stays pure: import-linter's contracts, and that they say what
the design says.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from support import REPOSITORY

PACKAGES = {name: REPOSITORY / root / name for root, name in (
    ("core", "despoolr_core"),
    ("server", "despoolr_server"),
    ("client", "despoolr_client"),
    ("app", "despoolr_app"),
    ("lab", "despoolr_lab"),
    ("public", "despoolr"),
)}  # fmt: skip
MAY_IMPORT = {
    "despoolr_core": {"despoolr_core"},
    "despoolr_server": {"despoolr_core", "despoolr_server"},
    "despoolr_client": {"despoolr_core", "despoolr_client"},
    "despoolr_app": {"despoolr_core", "despoolr_server", "despoolr_client", "despoolr_app"},
    "despoolr_lab": set(PACKAGES) - {"despoolr"},
    "despoolr": {"despoolr", "despoolr_app", "despoolr_core"},
}


def contracts() -> list[dict[str, Any]]:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    return list(settings["tool"]["importlinter"]["contracts"])


def test_the_contracts_are_kept() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(linter), "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_no_contract_has_an_exception() -> None:
    assert not [contract["name"] for contract in contracts() if "ignore_imports" in contract]


def test_the_contracts_say_what_the_design_says() -> None:
    layers, pure = contracts()[:2]
    assert layers["layers"] == [
        "despoolr",
        "despoolr_lab",
        "despoolr_app",
        "despoolr_server | despoolr_client",
        "despoolr_core",
    ]
    assert set(pure["source_modules"]) == {
        "despoolr_core",
        "despoolr_server.engine",
        "despoolr_client.pcm",
    }
    assert {"asyncio", "aiohttp", "os", "pathlib", "time", "random"} <= set(
        pure["forbidden_modules"]
    )


def imports_of(path: Path) -> set[str]:
    """The top-level packages a module imports, wherever in it the import stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_those_it_stands_on(package: str) -> None:
    """The same law by another way: also inside functions and behind TYPE_CHECKING."""
    modules = sorted(PACKAGES[package].rglob("*.py"))
    assert modules
    for path in modules:
        ours = {name for name in imports_of(path) if name.startswith("despoolr")}
        assert ours <= MAY_IMPORT[package], path


def test_hearts_import_nothing_that_acts() -> None:
    forbidden = set(contracts()[1]["forbidden_modules"])
    hearts = (
        PACKAGES["despoolr_core"],
        PACKAGES["despoolr_server"] / "engine",
        PACKAGES["despoolr_client"] / "pcm",
    )
    for heart in hearts:
        for path in sorted(heart.rglob("*.py")):
            assert not imports_of(path) & forbidden, path
