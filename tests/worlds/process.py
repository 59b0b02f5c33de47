"""Real processes for tests: started in a directory of their own, waited for by what they say, never
left behind.
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from despoolr.console import run
from despoolr_app.process.children.output import SERVER_READY, Output, ProcessDied
from despoolr_app.process.children.supervisor import BlockingChild, BlockingSupervisor
from despoolr_app.site_client.blocking_client import ask, call
from despoolr_app.site_client.client import ServerAddress
from despoolr_app.site_client.errors import SiteError
from worlds.answer import data_of

ANY_PORT = ("--listen", "127.0.0.1:0", "--listen-logon", "127.0.0.1:0")
SERVE_ALL = ("serve", "all", *ANY_PORT)
SERVE_LOGON = ("serve", "logon", "--data", "logon", "--common", "common")
SERVE_SITE = ("serve", "site", "--listen", "127.0.0.1:0", "--data", "site", "--common", "common")
DEADLINE_S = 90.0
STEP_S = 0.02
SUPERVISOR = BlockingSupervisor()
"""No process that a test starts outlives the tests, whatever ends those."""


def until(
    condition: Callable[[], Any],
    what: str,
    deadline_s: float = DEADLINE_S,
    *,
    step_s: float = STEP_S,
) -> Any:
    """The first true value of a condition that is asked again and again; fails when the deadline is
    over.
    """
    end = time.perf_counter() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.perf_counter() > end:
            raise AssertionError(f"not within {deadline_s:g} s: {what}")
        time.sleep(step_s)


def is_running(pid: int) -> bool:
    """Whether a process runs: one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # the latter: it went while it was read
        return False


def children(pid: int) -> list[int]:
    """The processes that a process has started and that have not been waited for."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@dataclass
class Process:
    """One `despoolr` process. Its output is in a file that can be read while it runs."""

    arguments: tuple[str, ...]
    child: BlockingChild

    @property
    def process(self) -> subprocess.Popen[bytes]:
        return self.child.process

    @property
    def said(self) -> str:
        return self.child.output.text()

    def wait_for(self, text: str) -> Process:
        try:
            self.child.await_said(text, DEADLINE_S)
        except ProcessDied as died:
            raise AssertionError(
                f"{self.arguments} does not say {text!r}: {died}\n{self.said}"
            ) from None
        return self

    def terminate(self) -> tuple[int, float]:
        """SIGTERM; the exit code and the seconds it took."""
        began = time.perf_counter()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(DEADLINE_S)
        return code, time.perf_counter() - began

    def kill(self) -> None:
        """SIGKILL: what a power cut leaves."""
        self.process.kill()
        self.process.wait(DEADLINE_S)


@dataclass(frozen=True)
class Done:
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Workshop:
    """A directory in which processes are started."""

    path: Path
    processes: list[Process] = field(default_factory=list)
    python: tuple[str, ...] = (sys.executable,)
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(
        self,
        *arguments: str,
        ready: str = SERVER_READY,
        environment: Mapping[str, str] = MappingProxyType({}),
        memory_max: int = 0,
    ) -> Process:
        """Start `despoolr` and wait until it says that it is ready. `memory_max`: bytes of address
        space it may have; 0: any.
        """
        child = SUPERVISOR.start(
            (*self.python, "-m", "despoolr", *arguments),
            Output(" ".join(arguments), self.path / f"{len(self.processes)}.log"),
            environment={**clean_environment(), **self.environment, **environment},
            cwd=self.path,
        )
        if memory_max:
            resource.prlimit(child.process.pid, resource.RLIMIT_AS, (memory_max, memory_max))
        started = Process(arguments, child)
        self.processes.append(started)
        return started.wait_for(ready) if ready else started

    def serve_apart(self, *more: str) -> Process:
        """A logon server, then a site server with `more` options, each a process of its own; the
        site server.
        """
        self.start(*SERVE_LOGON, "--listen", "127.0.0.1:0")
        logon = f"LOGON1={self.servers()['LOGON1'].url},distribution"
        return self.start(*SERVE_SITE, "--logon", logon, *more)

    def run(self, *arguments: str) -> Done:
        """A command that ends by itself, in this process: a start of Python for each question would
        take longer than the test.
        """
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.path),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = run(arguments)
        return Done(code, out.getvalue(), err.getvalue())

    def json(self, *arguments: str) -> Any:
        """The answer of a command with `--json`."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return data_of(done.stdout)

    def servers(self) -> dict[str, ServerAddress]:
        """What `.despoolr/servers.json` lists, by name."""
        listed = msgspec.json.decode((self.path / ".despoolr" / "servers.json").read_bytes())[
            "servers"
        ]
        return {
            s["name"]: ServerAddress(s["name"], s["url"], Path(s["token_file"]).read_text().strip())
            for s in listed
        }


def unmeasured_environment() -> dict[str, str]:
    """Without coverage.py as well, which starts in every process of `make coverage`: for tests of
    how long something takes, or what it imports.
    """
    return {k: v for k, v in clean_environment().items() if not k.startswith("COVERAGE_")}


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("DESPOOLR_")}


@dataclass
class Administrator:
    """The SMS Administrator program, as far as the tests need it: over HTTP, like anyone's."""

    site: ServerAddress
    server: str = "SITE1"

    def post(self, path: str, **body: Any) -> Any:
        answer = call(self.site, "POST", f"/api/v1/{path}", msgspec.json.encode(body))
        return msgspec.json.decode(answer)

    def now(self) -> float:
        return float(ask(self.site, "site", dict)["now"])

    def make_package(self, name: str, **files: str) -> str:
        """Upload a package's source and make the package; its id."""
        call(self.site, "MKCOL", f"/PKGSRC/{name}?parents=true")
        self.upload(name, **files)
        return str(
            self.post("packages", name=name, source=f"\\\\{self.server}\\PKGSRC\\{name}")["package"]
        )

    def upload(self, package: str, **files: str) -> None:
        for file, text in files.items():
            call(self.site, "PUT", f"/PKGSRC/{package}/{file}.dat", text.encode())

    def run_everywhere(self, name: str, package: str, server: str = "LOGON1") -> str:
        """A job that puts the package on a server and runs it, mandatory at once, on every
        machine.
        """
        run = {"command": "SETUP.EXE", "mandatory_after": self.now()}
        spec = {
            "name": name,
            "package": package,
            "machines": ["*"],
            "distribute": {"put_on": [server]},
            "run": run,
        }
        return str(self.post("jobs", **spec)["job"])

    def update(self, name: str, package: str) -> str:
        """A job that brings a package up to date where it lies."""
        spec = {
            "type": "Share Package On Server",
            "send": "Even if previously sent",
            "distribute": {"refresh_existing": True},
        }
        return str(self.post("jobs", name=name, package=package, **spec)["job"])

    def job(self, job: str) -> Any:
        return ask(self.site, f"jobs/{job}", dict)

    def statuses(self, job: str, kind: str = "Workstation") -> dict[str, str]:
        """Machine to status, of one kind of row; nothing while the site server is down."""
        try:
            return {
                d["machine"]: d["status"] for d in self.job(job)["details"] if d["kind"] == kind
            }
        except SiteError:
            return {}
