"""`make release` refuses what is not the release that its tag says, and says why; what it writes is
whole. Nothing is published, here or there.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from despoolr_core.version import PRODUCT_VERSION
from worlds.support import REPOSITORY

SCRIPT = REPOSITORY / ".ci" / "release.py"
DEPLOYED = ("docker-compose.yml", "deploy/swarm/stack.yml", "deploy/kubernetes/base/site.yaml")


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


release = load()
VERSION = release.version_of(REPOSITORY)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What a release is checked by, with a section of the changelog for it."""
    for name in ("pyproject.toml", release.SAID, *DEPLOYED):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(
        f"# Changelog\n\n## [Unreleased]\n\n## [{VERSION}] - 2026-12-01\n\n- New.\n"
        "\n## [0.0.1] - 2026-01-01\n\n- Old.\n"
    )
    return tmp_path


def test_a_tree_whose_tag_changelog_and_images_agree_is_a_release(tree: Path) -> None:
    assert release.reasons_against(tree, f"v{VERSION}") == []
    assert release.changes_of(tree, VERSION) == "- New."


@pytest.mark.parametrize("tag", ["", "v9.9.9", VERSION])
def test_another_tag_than_the_version_is_refused(tree: Path, tag: str) -> None:
    (reason,) = release.reasons_against(tree, tag)
    assert f"v{VERSION}" in reason


@pytest.mark.parametrize(
    "section", ["", f"## [{VERSION}]\n\n- No date.\n", f"## [{VERSION}] - 2026-12-01\n"]
)
def test_a_changelog_without_a_dated_section_is_refused(tree: Path, section: str) -> None:
    (tree / "CHANGELOG.md").write_text(f"# Changelog\n\n{section}")
    (reason,) = release.reasons_against(tree, f"v{VERSION}")
    assert "CHANGELOG.md" in reason


@pytest.mark.parametrize("name", DEPLOYED)
def test_images_of_another_version_are_refused(tree: Path, name: str) -> None:
    path = tree / name
    path.write_text(path.read_text().replace(VERSION, "0.0.9"))
    (reason,) = release.reasons_against(tree, f"v{VERSION}")
    assert reason == f"{name} names images of 0.0.9"


def test_commands_that_say_another_version_are_refused(tree: Path) -> None:
    path = tree / release.SAID
    path.write_text(path.read_text().replace(VERSION, "0.0.9"))
    assert release.reasons_against(tree, f"v{VERSION}") == [f"{release.SAID} says 0.0.9"]
    assert release.said_version(REPOSITORY) == PRODUCT_VERSION == VERSION


def test_all_that_deploys_names_images_of_the_version() -> None:
    tags = release.image_tags(REPOSITORY)
    assert set(DEPLOYED) <= set(tags)
    assert set().union(*tags.values()) == {VERSION}


def test_checksums_are_what_sha256sum_checks(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"wheel")
    (tmp_path / "openapi.json").write_bytes(b"{}")
    release.write_sums(tmp_path)
    checked = ["sha256sum", "--check", "--strict", release.SUMS]
    assert subprocess.run(checked, cwd=tmp_path, capture_output=True).returncode == 0
    (tmp_path / "a.whl").write_bytes(b"another")
    assert subprocess.run(checked, cwd=tmp_path, capture_output=True).returncode == 1


def test_a_refusal_builds_nothing_and_says_every_reason(tmp_path: Path) -> None:
    out = tmp_path / "dist"
    asked = [sys.executable, str(SCRIPT), "--tag", "v9.9.9", "--out", str(out)]
    done = subprocess.run(asked, capture_output=True, text=True)
    assert done.returncode == 1 and not out.exists()
    assert done.stderr.startswith("no release:") and "v9.9.9" in done.stderr


def test_a_step_that_fails_leaves_no_half_of_a_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails_late(_root: Path, out: Path, *, with_images: bool) -> None:
        (out / "CHANGES.md").write_text("- New.\n")
        if with_images:
            raise subprocess.CalledProcessError(1, ["docker", "build"])

    monkeypatch.setattr(release, "build", fails_late)
    out = tmp_path / "dist"
    somebodys = tmp_path / "build/dist/kept"
    somebodys.parent.mkdir(parents=True)
    somebodys.write_text("not ours")
    with pytest.raises(subprocess.CalledProcessError):
        release.build_whole(REPOSITORY, out, with_images=True)
    assert not out.exists() and list(tmp_path.rglob("*.md")) == []
    release.build_whole(REPOSITORY, out, with_images=False)
    assert [path.name for path in out.iterdir()] == ["CHANGES.md"]
    assert [path for path in (tmp_path / "build").rglob("*") if path.is_file()] == [somebodys]


def test_images_without_an_engine_are_refused_before_anything_is_built(tmp_path: Path) -> None:
    (tmp_path / "git").symlink_to(shutil.which("git") or "")
    out = tmp_path / "dist"
    asked = [sys.executable, str(SCRIPT), "--tag", f"v{VERSION}", "--out", str(out)]
    reason = "no Docker engine answers"
    for arguments, is_told in ((asked, True), ([*asked, "--no-images", "--tag", "v9"], False)):
        done = subprocess.run(
            arguments, capture_output=True, text=True, env={"PATH": str(tmp_path)}
        )
        assert done.returncode == 1 and not out.exists()
        assert (reason in done.stderr) is is_told


@pytest.mark.slow
def test_the_description_of_a_release_has_every_call() -> None:
    asked = [sys.executable, "-m", "despoolr_lab.docs.openapi"]
    told = json.loads(subprocess.run(asked, capture_output=True, check=True).stdout)
    assert told["openapi"] == "3.1.0"
    assert {"/api/v1/opens", "/api/v1/jobs", "/api/v1/tokens"} <= set(told["paths"])
