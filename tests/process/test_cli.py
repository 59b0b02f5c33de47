"""The command line as a process: quick help, exit codes, and one line for each mistake."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest

from despoolr import console as cli
from despoolr.console import COMMANDS, Subcommand, run
from despoolr_app.cli import root
from despoolr_app.cli.root import LazyGroup, root_of
from worlds.process import clean_environment, unmeasured_environment

HEAVY = (
    "aiohttp",
    "sqlalchemy",
    "rich",
    "msgspec",
    "asyncio",
    "jinja2",
    "despoolr_server",
    "despoolr_client",
)
ESCAPES = {"despoolr_core", "despoolr_core.rules", "despoolr_core.rules.text"}
"""What every printed line goes through; it imports nothing."""
HELP_S_MAX = 0.15


def _modules_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=unmeasured_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in done.stderr.split()}


def test_a_scenario_runs_without_what_only_long_running_servers_and_reports_need() -> None:
    code = """
from despoolr_lab.cli.runs import kb, running
from despoolr_lab.kb.gallery import entry
from despoolr_lab.scenario.reading.load import load_scenario
running.run_scenario(load_scenario(entry("Q147819")[1]), running.RunOptions(for_s=2 * 86400.0))
"""
    loaded = _modules_after(code)
    assert "despoolr_lab" in loaded
    assert not loaded & {"prometheus_client", "alembic", "jinja2", "rich", "uvloop"}
    assert not loaded & {"aiofiles", "ctypes", "multiprocessing", "sqlalchemy"}
    assert not loaded & {"defusedxml", "difflib", "gzip", "statistics", "sysconfig", "xml"}
    assert not loaded & {"aiohttp", "yarl", "attr"}, "the usual carrier says no bytes"
    assert "dataclasses" not in loaded  # each compiles code: a sixth of a start


def test_the_first_answer_of_a_run_that_goes_as_bytes_has_the_time_of_the_run() -> None:
    code = """
from despoolr_lab.sim.world import run_virtual
from despoolr_server.http.handling.single_write import SingleWriteResponse

async def main():
    from despoolr_lab.sim.values import _bytes_of
    return _bytes_of(SingleWriteResponse(204))

assert "aiohttp" not in sys.modules, "or this asks nothing"
assert b"\\r\\nDate: Mon, 01 Jan 1996 00:00:00 GMT\\r\\n" in run_virtual(main)
"""
    assert "aiohttp" in _modules_after(code)


def test_a_scenario_begins_without_types_that_are_compiled_from_text() -> None:
    code = """
from despoolr_lab.scenario import model, run
from despoolr_lab.scenario.tables import expectations, loads, steps
import despoolr_core.share.wire
values = [one for name, module in list(sys.modules.items()) if name.startswith("despoolr_")
          for one in vars(module).values() if isinstance(one, type)]
ours = {one for one in values if one.__module__.startswith("despoolr_")}
assert len(ours) > 300
assert not [one for one in ours if issubclass(one, tuple) and "_make" in vars(one)]
read = {model, expectations, loads, steps, despoolr_core.share.wire}
types = [(one, kind) for one in ours if sys.modules[one.__module__] in read
         for kind in vars(one).get("__annotations__", {}).values()]
assert len(types) > 300
assert not [one for one, kind in types if isinstance(kind, str)]
"""
    assert "despoolr_lab" in _modules_after(code)


def test_help_imports_nothing_heavy() -> None:
    loaded = _modules_after("from despoolr.console import run\nassert run(['--help']) == 0")
    assert "click" in loaded and not loaded & set(HEAVY)
    assert {name for name in loaded if name.startswith("despoolr_core")} <= ESCAPES


@pytest.mark.parametrize(
    "command",
    ["serve", "fleet", "locks", "health", "job", "package", "machines", "sites", "hotfix"],
)
def test_a_commands_help_imports_no_network_and_no_database(command: str) -> None:
    loaded = _modules_after(
        f"from despoolr.console import run\nassert run(['{command}', '--help']) == 0"
    )
    assert not loaded & {"aiohttp", "sqlalchemy", "rich", "asyncio", "jinja2"}


def test_a_logon_server_imports_no_database() -> None:
    loaded = _modules_after("import despoolr_app.servers.servers, despoolr_app.servers.metrics")
    assert "aiohttp" in loaded and not loaded & {"sqlalchemy", "sqlite3", "alembic"}


def test_a_list_of_articles_imports_no_world() -> None:
    loaded = _modules_after("from despoolr.console import run\nassert run(['kb', 'list']) == 0")
    assert "despoolr_lab" in loaded
    assert not loaded & {"aiohttp", "asyncio", "despoolr_client", "despoolr_server", "rich"}


def test_a_question_about_a_finished_run_imports_no_network(tmp_path: Path) -> None:
    ended = {"seq": 1, "at": 0.0, "actor": "scenario", "kind": "run.ended", "data": {"reason": "x"}}
    (tmp_path / "records.jsonl").write_text(json.dumps(ended) + "\n")
    loaded = _modules_after(
        f"from despoolr.console import run\nassert run(['why', {str(tmp_path)!r}]) == 0"
    )
    assert "despoolr_core" in loaded and not loaded & {"aiohttp", "asyncio", "http", "ssl"}


def test_help_takes_less_than_its_budget_of_processor_time() -> None:
    spent = []
    environment = unmeasured_environment()
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "despoolr", "--help"],
            env=environment,
            capture_output=True,
            check=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < HELP_S_MAX


def test_every_command_of_the_table_is_in_the_help_and_is_a_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    group = root_of(COMMANDS)
    context = click.Context(group)
    for name in COMMANDS:
        assert f"\n  {name} " in said
        assert isinstance(group.get_command(context, name), click.Command), name


def test_the_version_is_the_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"despoolr {version('despoolr')}\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["lock"], "despoolr: no command 'lock'; did you mean 'locks'? (see `despoolr --help`)"),
        (["locks", "--pathh", "x"], "despoolr locks: No such option '--pathh'"),
        (["serve", "all", "--clients", "many"], "Invalid value for '--clients'"),
        (["job"], "despoolr job show: Missing argument 'ID|NAME'"),
        (["kb", "show", "Q1"], "despoolr kb show: no article 'Q1' (despoolr kb list shows them)\n"),
        (["run", "demo_live", "--set", "x=1"], "'x'; `despoolr profiles` lists all there are\n"),
        (["run", "demo_live", "--seed", "x"], "'x' is not a seed: give a whole number from"),
    ],
)
def test_a_usage_error_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert run(arguments) == 2
    said = capsys.readouterr().err
    assert says in said and len(said.splitlines()) == 1


def test_a_bug_of_ours_is_one_line_that_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def broken() -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(LazyGroup, "get_command", lambda *_: broken)
    monkeypatch.delenv("DESPOOLR_DEBUG", raising=False)
    assert run(["locks"]) == 1
    said = capsys.readouterr().err
    assert (
        said == "despoolr: RuntimeError: two lines; this is a bug of Despoolr's (DESPOOLR_DEBUG=1 "
        "shows where)\n"
    )
    monkeypatch.setenv("DESPOOLR_DEBUG", "1")
    with pytest.raises(RuntimeError):
        run(["locks"])


@pytest.mark.parametrize("command", ["import", "shrink", "compare"])
@pytest.mark.parametrize("length", [root.PATH_SHOWN_MAX + 100, 100_000])
def test_a_path_that_the_system_cannot_take_is_no_bug_and_shown_up_to_a_bound(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str, length: int
) -> None:
    monkeypatch.delenv("DESPOOLR_DEBUG", raising=False)
    assert run([command, length * "a"]) == 2
    shown = root.PATH_SHOWN_MAX * "a"
    assert capsys.readouterr().err == f"despoolr: cannot use {shown}...: File name too long\n"


def test_a_file_of_ours_that_is_missing_is_a_bug(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    def broken() -> None:
        raise FileNotFoundError(2, "No such file or directory", "/opt/page.html")

    monkeypatch.delenv("DESPOOLR_DEBUG", raising=False)
    monkeypatch.setattr(LazyGroup, "get_command", lambda *_: broken)
    assert run(["locks"]) == 1
    assert "this is a bug of Despoolr's" in capsys.readouterr().err


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (SystemExit(10), 10)])
def test_an_interruption_and_a_commands_own_code_are_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    @click.command()
    def ending() -> None:
        raise error

    monkeypatch.setattr(LazyGroup, "get_command", lambda *_: ending)
    # the process of a command takes it for good
    monkeypatch.setattr("despoolr_app.cli.root._take_sigterm_for_ctrl_c", lambda: None)
    with pytest.raises(SystemExit) as ended:
        cli.main(["locks"])
    assert ended.value.code == code


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m despoolr --help | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path,
        env=clean_environment() | {"PATH": os.environ["PATH"]},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0 and done.stderr == b""


def test_a_command_whose_room_is_not_installed_is_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = {"study": Subcommand("despoolr_nowhere.cli.study:command", "Study.", "Study", ())}
    assert root.run(table, ["study"]) == 2
    assert capsys.readouterr().err == (
        "despoolr: `despoolr study` needs despoolr_nowhere, which is not installed here; install "
        "all of Despoolr\n"
    )


def test_a_command_that_lacks_something_else_is_a_bug(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DESPOOLR_DEBUG", raising=False)
    table = {"study": Subcommand("despoolr_app.nowhere:command", "Study.", "Study", ())}
    assert root.run(table, ["study"]) == 1
    assert "this is a bug of Despoolr's" in capsys.readouterr().err
