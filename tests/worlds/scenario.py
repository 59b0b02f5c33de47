"""Scenarios made in a test: a few words become a whole one, which runs in virtual time."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from despoolr_core.records.kinds.site import CopyEnded, EventLogged, JobStatusChanged, LineLogged
from despoolr_core.records.stream import of
from despoolr_core.times import moment_s
from despoolr_lab.kb import gallery
from despoolr_lab.scenario.expectations import Finding
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.reading.load import load_scenario
from despoolr_lab.scenario.run import RunOptions, RunResult, run_scenario

FILES = {"a.dat": "a, first", "b.dat": "b, first", "c.dat": "c, first"}
NEW = {name: text.replace("first", "second") for name, text in FILES.items()}
HOUR, DAY = 3600.0, 86400.0
SMALL = """
name = "small"
title = "small"
[run]
for = "1h"
[[package]]
name = "OFFICE"
[[step]]
at = "0s"
do = "job"
name = "FIRST"
package = "OFFICE"
[[expect]]
that = "job"
job = "FIRST"
status = "Complete"
"""
"""About the smallest file of a scenario."""
SHARED = """\
name = "shared"
title = "A package is shared"

[run]
for = "2h"

[[package]]
name = "OFFICE"
files = { "a.dat" = "a" }

[[step]]
do = "job"
at = "0s"
name = "FIRST"
package = "OFFICE"
type = "share"

[[expect]]
that = "job"
job = "FIRST"
status = "Complete"
"""
"""One in which a file travels, and whose one expectation holds: `shared.toml` of the commands that
take a file (`tests/unit/lab/cli`).
"""


def scenario(
    *steps: dict[str, Any],
    expect: list[dict[str, Any]] | None = None,
    hours: float = 24.0,
    servers: tuple[str, ...] = ("LOGON1",),
    clients: list[dict[str, Any]] | None = None,
    packages: dict[str, dict[str, str]] | None = None,
    programs: list[dict[str, Any]] | None = None,
    seed: int = 0,
    **site: Any,
) -> Scenario:
    """A site (1.1, Fast unless said otherwise), its servers, clients WS1 to WS3, the package
    OFFICE, and a timeline.
    """
    return msgspec.convert(
        {
            "name": "staged",
            "title": "made in a test",
            "run": {"for": f"{hours}h", "seed": seed},
            "site": [{"code": "BPC", "domain": "SALES", **site}],
            "server": [{"name": name} for name in servers],
            "clients": clients or [{"names": ["WS1", "WS2", "WS3"], "poll_every": "4h"}],
            "package": [
                {"name": name, "files": files}
                for name, files in (packages or {"OFFICE": FILES}).items()
            ],
            "program": programs or [],
            "step": [{"at": "0s", **step} for step in steps],
            "expect": expect or [],
        },
        Scenario,
    )


def share(
    name: str = "FIRST", package: str = "OFFICE", at: str = "0s", **more: Any
) -> dict[str, Any]:
    """A job that puts a package on servers."""
    return {"do": "job", "at": at, "name": name, "package": package, "type": "share", **more}


def update(
    at: str = "2h", files: dict[str, str] = NEW, package: str = "OFFICE", name: str = "UPDATE"
) -> list[dict[str, Any]]:
    """New source files, and the job that refreshes every server with them."""
    return [
        {"do": "source", "at": at, "package": package, "files": files},
        share(name, package, at, send="even if previously sent", refresh_existing=True),
    ]


def hold(machine: str = "WS1", file: str = "b.dat", at: str = "1h", **more: Any) -> dict[str, Any]:
    """A program opens a file for reading, sharing reading."""
    return {"do": "hold", "at": at, "machine": machine, "package": "OFFICE", "file": file, **more}


def blocked_update(*steps: dict[str, Any], **more: Any) -> Scenario:
    """OFFICE is put there, WS1 holds b.dat from the first hour, the update comes with the
    second.
    """
    steps = steps or (hold(),)
    return scenario(share(), *steps, *update(), **more)


def play(staged: Scenario, version: str = "", **options: Any) -> RunResult:
    """Run it in virtual time."""
    return run_scenario(staged, RunOptions(version=version, **options))


@cache
def article(
    kb: str,
    version: str,
    seed: int | None = None,
    fix: tuple[str, ...] = (),
    bug: tuple[str, ...] = (),
) -> RunResult:
    """An article's scenario, run once for all tests that look at it."""
    return run_scenario(
        load_scenario(gallery.entry(kb)[1]),
        RunOptions(version=version, seed=seed, fix=fix, bug=bug),
    )


def until(staged: Scenario, hours: float) -> Scenario:
    """The scenario cut off: later steps and expectations are left out."""
    limit = staged.start + hours * HOUR

    def early(at: str) -> bool:
        return bool(at) and moment_s(at, staged.start) <= limit

    staged.step = [step for step in staged.step if early(step.at)]
    staged.expect = [expectation for expectation in staged.expect if early(expectation.at)]
    staged.run.for_ = f"{hours}h"
    return staged


def finding(result: RunResult, name: str) -> Finding:
    """The one finding of that name."""
    (found,) = [f for f in result.findings if f.name == name]
    return found


def failed(result: RunResult) -> list[Finding]:
    return [f for f in result.findings if not f.ok]


def hours(result: RunResult, at: float) -> float:
    """Site time as hours since the start."""
    return round((at - result.scenario.start) / HOUR, 3)


def reached(result: RunResult, status: str, name: str = "UPDATE") -> list[float]:
    """When a job was given a status: hours since the start."""
    return [
        hours(result, r.at)
        for r, fact in of(result.records, JobStatusChanged)
        if fact.name == name and fact.status == status
    ]


def status(result: RunResult, name: str = "UPDATE") -> str:
    """A job's status at the end."""
    return next(str(job["status"]) for job in result.jobs if job["name"] == name)


def copies(
    result: RunResult, name: str = "UPDATE", server: str = "LOGON1"
) -> list[tuple[float, str]]:
    """Each attempt at a server: hours since the start, and `complete` or the file that was
    refused.
    """
    job = next(job["job"] for job in result.jobs if job["name"] == name)
    return [
        (hours(result, r.at), fact.file or fact.result)
        for r, fact in of(result.records, CopyEnded)
        if fact.job == job and fact.server == server
    ]


def log(result: RunResult, component: str, text: str) -> list[str]:
    return [
        fact.text
        for _, fact in of(result.records, LineLogged)
        if fact.component.endswith(component) and text in fact.text
    ]


def events(result: RunResult) -> list[int]:
    return [fact.event for _, fact in of(result.records, EventLogged)]


def files(package: str = "OFFICE", server: str = "", at: str = "", **text: Any) -> dict[str, Any]:
    """An expectation of all files of a package on a server; `a="second"` stands for a.dat with "a,
    second", None for absent.
    """
    wanted = {f"{n}.dat": f"{n}, {word}" for n, word in text.items() if word}
    return {
        "that": "files",
        "package": package,
        "server": server,
        "files": wanted,
        "only": True,
        "at": at,
    }
