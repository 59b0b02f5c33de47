"""What every clone brings for git: hooks that need no network, and commits that `git blame` passes
over.
"""

from __future__ import annotations

import re
import subprocess

import yaml

from worlds.support import REPOSITORY


def test_hooks_are_the_tools_of_the_venv_and_need_no_network() -> None:
    told = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text("utf-8"))
    hooks = [hook for repo in told["repos"] for hook in repo["hooks"]]
    assert {repo["repo"] for repo in told["repos"]} == {"local"}
    assert {hook["language"] for hook in hooks} == {"system"}
    assert {hook["entry"].split()[0] for hook in hooks} == {".venv/bin/ruff", ".venv/bin/mypy"}


def test_commits_that_blame_passes_over_are_there_and_are_called_so() -> None:
    text = (REPOSITORY / ".git-blame-ignore-revs").read_text("utf-8")
    told = re.findall(r"^# (.+)\n([0-9a-f]{40})$", text, re.MULTILINE)
    assert len(told) == len(re.findall(r"^[0-9a-f]", text, re.MULTILINE)) > 1
    for subject, revision in told:
        asked = ["git", "log", "-1", "--format=%s", revision]
        done = subprocess.run(asked, cwd=REPOSITORY, capture_output=True, text=True)
        if done.returncode == 0:  # a shallow clone has not all of them
            assert done.stdout.strip() == subject


def test_nothing_is_left_of_a_merge() -> None:
    asked = ["git", "grep", "-nE", "^(<{7}|>{7}) ", "--", ".", ":!tests/data"]
    done = subprocess.run(asked, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.stdout == ""
