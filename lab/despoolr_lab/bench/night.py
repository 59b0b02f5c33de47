"""The night of 20,000 machines beside the same night of another commit: CPU of all processes for
each report.

The law: it is the load file of that name, run by the command of its own checkout beside two logon
servers and a site server of the same. All that they use from beginning to end counts, so what there
is beside the reports (the start, the instructions, the polls) makes the two more alike, never less.
The nights take turns. Every row must be there: a night that lost one is none.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any, Final

from despoolr_lab.bench.base.figures import Found, add
from despoolr_lab.bench.clients import READY, BenchFailed, started
from despoolr_lab.bench.sim_runs import checkouts, environment_of
from despoolr_lab.reserved_ports import ReservedPorts

CLIENTS: Final = 20_000
REPORTS_EACH: Final = 2
_FILE: Final = "scenarios/load/night.toml"
_PACE: Final = ("--time", "x60", "--common", "common")
_LOGONS: Final = ("LOGON1", "LOGON2")
_SITE: Final = ("--version", "1.2 SP4 + hotfixes", "--response", "Very Fast")
_OLD_COMMAND: Final = "from despoolr_lab.cli.main import main; main()"


def measure(rounds: int, base: str = "", clients: int = CLIENTS) -> Found:
    """`night_ms` and, with a base, `night_base_ms`: CPU milliseconds a report, and
    `night_to_base`. Raises `BenchFailed`.
    """
    found: Found = {}
    with checkouts(base) as tops:
        for number in range(rounds):
            spent = {
                name: _spent_ms(tops[name], clients)
                for name in ([*tops] if number % 2 == 0 else [*tops][::-1])
            }
            add(found, {"night_ms": spent["now"], "night_reports_s": 1e3 / spent["now"]})
            if "base" in spent:
                ratio = spent["now"] / spent["base"]
                add(found, {"night_base_ms": spent["base"], "night_to_base": ratio})
    return found


def _spent_ms(top: Path, clients: int) -> float:
    before = getrusage(RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory(prefix="despoolr-night-") as directory, ExitStack() as stack:
        here = Path(directory)
        file = here / "night.toml"
        text = (top / _FILE).read_text()
        file.write_text(text.replace("count = 20000", f"count = {clients}"))
        reserved = ReservedPorts(3)
        urls = [f"http://127.0.0.1:{port}" for port in reserved.ports]
        logons = []
        for name, url in zip(_LOGONS, urls, strict=False):
            logons += ["--logon", f"{name}={url},distribution"]
            listen = ("--listen", url.removeprefix("http://"), "--data", name)
            stack.enter_context(_served(top, here, "logon", "--name", name, *listen))
        listen = ("--listen", urls[2].removeprefix("http://"), "--data", "site1")
        stack.enter_context(_served(top, here, "site", "--name", "SITE1", *listen, *_SITE, *logons))
        token = next(one for one in (here / "site1").rglob("*token*") if one.is_file())
        asked = ("--site", urls[2], "--token", token.read_text().strip())
        done = subprocess.run(
            [*_command(top), "load", str(file), *asked, "--out", str(here / "runs"), "--json"],
            env=environment_of(top),
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
        )
    after = getrusage(RUSAGE_CHILDREN)
    _check(done, clients * REPORTS_EACH)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent / (clients * REPORTS_EACH) * 1e3


def _served(
    top: Path, directory: Path, *what: str
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """A server of the night, once it is ready. Raises `BenchFailed`."""
    command = [*_command(top), "serve", *what, *_PACE]
    return started(command, directory / f"{what[2]}.log", READY, environment_of(top))


def _command(top: Path) -> list[str]:
    """The command of a checkout, which the oldest ones have elsewhere."""
    if (top / "public").is_dir():
        return [sys.executable, "-P", "-m", "despoolr"]
    return [sys.executable, "-P", "-c", _OLD_COMMAND]


def _check(done: subprocess.CompletedProcess[str], reports: int) -> None:
    """Whether all rows came. That a busy machine was late is no matter of this."""
    with suppress(ValueError):
        answer: dict[str, Any] = json.loads(done.stdout)
        if has_all_rows(answer.get("data", answer), reports):
            return
    raise BenchFailed(f"{done.stdout[-1500:]}\n{done.stderr[-1500:]}")


def has_all_rows(answer: dict[str, Any], reports: int) -> bool:
    """Whether a load's answer says that all reports are rows."""
    rows = [job["rows"].get("Workstation", {}) for job in answer.get("jobs") or ()]
    return bool(sum(statuses.get("Complete", 0) for statuses in rows) == reports)
