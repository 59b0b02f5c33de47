"""Completion: what a shell is given to complete with, and what it is answered."""

from __future__ import annotations

import subprocess

import pytest
from click.testing import CliRunner

from despoolr.console import COMMANDS, run
from despoolr_app.cli.completion import command
from worlds.support import program


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_a_script_that_asks_despoolr(shell):
    done = CliRunner().invoke(command, [shell])
    assert done.exit_code == 0 and f"_DESPOOLR_COMPLETE={shell}_complete" in done.output


def test_bash_reads_its_script():
    script = CliRunner().invoke(command, ["bash"]).output
    done = subprocess.run(
        [program("bash", "bash"), "-n"], input=script, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "found"),
    [("", set(COMMANDS)), ("so", {"soak"}), ("locks --b", {"--by"}), ("runs r", {"rm"})],
)
def test_commands_and_options_are_completed(words, found, monkeypatch, capsys):
    monkeypatch.setenv("_DESPOOLR_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", f"despoolr {words}")
    monkeypatch.setenv("COMP_CWORD", str(len(f"despoolr {words}".split(" ")) - 1))
    assert run([]) == 0
    assert {line.partition(",")[2] for line in capsys.readouterr().out.splitlines()} == found


def test_another_shell_is_refused_with_those_there_are():
    done = CliRunner().invoke(command, ["csh"])
    assert done.exit_code == 2 and "'bash', 'zsh', 'fish'" in done.output
