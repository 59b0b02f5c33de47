"""Golden digests: what every article and scenario records, as one number a run, in `digests.json`
beside this file.

The law: a digest is of all records of a run in virtual time, so a change of one is a change of what
a user sees, and has its line in the CHANGELOG. Digests are the same whatever the hash seed and on
every Python that Despoolr runs on. The tests that run an article or a scenario anyway compare;
nothing runs twice for it.

    make golden            write the file anew
    make golden CHECK=1    say what differs, and write nothing (exit code 1)
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from msgspec.structs import replace

from despoolr_lab.kb import gallery, matrix
from despoolr_lab.kb.matrix import AS_SHIPPED, Cell
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.reading.load import load_scenario
from despoolr_lab.scenario.run import Carrier, RunOptions, run_scenario
from despoolr_lab.toml.shipped_files import shipped_directory

FILE = Path(__file__).with_name("digests.json")


def cells() -> list[Cell]:
    """Every run with a digest: the articles' cells, then the scenarios that are no article, by file
    name.
    """
    scenarios = sorted(path.stem for path in shipped_directory().glob("*.toml"))
    return [
        *matrix.cells(),
        *(Cell(name, version, AS_SHIPPED) for name in scenarios for version in versions(name)),
    ]


def versions(scenario: str) -> list[str]:
    """The versions a scenario speaks of; its first site's where it names none."""
    read = scenario_of(scenario)
    return read.versions or [read.site[0].version]


def scenario_of(name: str) -> Scenario:
    """An article's scenario by its number, another by its file's name. A new one each time: a run
    changes it.
    """
    path = shipped_directory() / f"{name}.toml"
    return load_scenario(path) if path.exists() else load_scenario(gallery.entry(name)[1])


def digest_of(cell: Cell, carrier: Carrier = Carrier.CALLS) -> str:
    """One run, in virtual time, as `despoolr kb run` and `despoolr run` make it."""
    is_article = not (shipped_directory() / f"{cell.kb}.toml").exists()
    options = cell.options(RunOptions()) if is_article else RunOptions(version=cell.version)
    return run_scenario(scenario_of(cell.kb), replace(options, carrier=carrier)).digest


def key(cell: Cell) -> str:
    """How a run is called in the file."""
    return f"{cell.kb}, {cell.version}, {cell.variant}"


@cache
def written() -> dict[str, str]:
    """What the file says, by `key`."""
    digests: dict[str, str] = json.loads(FILE.read_text("utf-8"))
    return digests


def assert_golden(cell: Cell, digest: str) -> None:
    """Fail if a run's digest is another than the one in the file."""
    wanted = written().get(key(cell))
    assert digest == wanted, (
        f"the records of {key(cell)} have changed: {digest}, not {wanted} (see CONTRIBUTING.md)"
    )


def main(arguments: list[str]) -> int:
    """Run everything, on all cores; write the file, or with `--check` compare with it."""
    todo = cells()
    with ProcessPoolExecutor(os.cpu_count() or 1, get_context("spawn")) as pool:
        found = dict(zip(map(key, todo), pool.map(digest_of, todo), strict=True))
    before = written() if FILE.exists() else {}
    changed = [name for name in {**before, **found} if before.get(name) != found.get(name)]
    for name in changed:
        print(f"{name}: {before.get(name, '(none)')[:12]} -> {found.get(name, '(none)')[:12]}")
    if "--check" in arguments:
        print(f"{len(found) - len(changed)} of {len(found)} digests are as they were")
        return 1 if changed else 0
    FILE.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(f"{FILE.name}: {len(found)} digests, {len(changed)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
