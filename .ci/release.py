"""`make release`: all files of a release in `dist/`, and nothing published.

    python .ci/release.py [--tag v0.1.0] [--no-images] [--out dist]

The law: what is released is what is committed and tagged. The tag is the version of pyproject.toml
with a `v` before it (without `--tag`: the tag of the commit that is checked out); CHANGELOG.md has
a section of that version with a date; all that deploys Despoolr names images of that version; and
the commands say it. If anything of that does not hold, every reason is printed, nothing is built,
and the exit code is 1. A step that fails leaves nothing in the directory either.

| File | Is |
| --- | --- |
| `despoolr-VERSION-py3-none-any.whl` | what pip installs |
| `despoolr-server-VERSION.tar`, `despoolr-client-VERSION.tar` | images, for `docker load` |
| `openapi.json` | the description of all calls |
| `CHANGES.md` | the section of the changelog |
| `SHA256SUMS` | of all of these, for `sha256sum --check` |
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ("server", "client")
SUMS = "SHA256SUMS"
SAID = "core/despoolr_core/version.py"
_IMAGE = re.compile(r"despoolr-(?:server|client):(?:\$\{DESPOOLR_TAG:-)?([\w.]+)")
_NEW_TAG = re.compile(r"name: despoolr-(?:server|client), newTag: ([\w.]+)")


def version_of(root: Path) -> str:
    """The version that pyproject.toml says."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    return str(project["version"])


def said_version(root: Path) -> str:
    """The version that the commands say."""
    found = re.search(r'^PRODUCT_VERSION.* = "(.+)"$', (root / SAID).read_text("utf-8"), re.M)
    return found[1] if found else "nothing"


def changes_of(root: Path, version: str) -> str:
    """The text below `## [version] - YYYY-MM-DD` in CHANGELOG.md; empty if there is none."""
    text = (root / "CHANGELOG.md").read_text("utf-8")
    head = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$"
    found = re.search(rf"{head}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


def image_tags(root: Path) -> dict[str, set[str]]:
    """The tags of our images in each file that deploys them."""
    files = [root / "docker-compose.yml", *sorted((root / "deploy").rglob("*.y*ml"))]
    found = {}
    for path in files:
        text = path.read_text("utf-8")
        if tags := {*_IMAGE.findall(text), *_NEW_TAG.findall(text)}:
            found[str(path.relative_to(root))] = tags
    return found


def reasons_against(root: Path, tag: str) -> list[str]:
    """Why this tree is not the release that the tag says; one sentence each."""
    version = version_of(root)
    found = []
    if not tag:
        found.append(f"this commit has no tag: git tag v{version}")
    elif tag != f"v{version}":
        found.append(f"the tag is {tag}, but pyproject.toml says {version}: it must be v{version}")
    if not changes_of(root, version):
        found.append(f"CHANGELOG.md has no section `## [{version}] - YYYY-MM-DD`, or it is empty")
    if said_version(root) != version:
        found.append(f"{SAID} says {said_version(root)}")
    for path, tags in image_tags(root).items():
        if tags != {version}:
            found.append(f"{path} names images of {', '.join(sorted(tags - {version}))}")
    return found


def write_sums(directory: Path) -> None:
    """Write the SHA-256 of every file of a directory, sorted by name."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(directory.iterdir())
        if path.name != SUMS
    ]
    (directory / SUMS).write_text("".join(lines), "utf-8")


def git(root: Path, *arguments: str) -> str:
    """What git prints; empty where it has nothing to say or fails."""
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def has_docker() -> bool:
    """Whether an engine answers that could build the images."""
    if shutil.which("docker") is None:
        return False
    asked = ["docker", "version", "--format", "{{.Server.Version}}"]
    return subprocess.run(asked, capture_output=True).returncode == 0


def build_whole(root: Path, out: Path, *, with_images: bool) -> None:
    """`build`, in a new directory that gets its name when all is there."""
    aside = out.parent / "build"
    aside.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f"{out.name}-", dir=aside))
    part = fresh / out.name
    part.mkdir()
    try:
        build(root, part, with_images=with_images)
        out.mkdir(exist_ok=True)
        part.replace(out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        with suppress(OSError):
            aside.rmdir()


def build(root: Path, out: Path, *, with_images: bool) -> None:
    """Make all files of the release. Raises `CalledProcessError` for a step that fails."""
    version = version_of(root)
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*wheel, "--wheel-dir", str(out), str(root)], check=True)
    description = subprocess.run(
        [sys.executable, "-m", "despoolr_lab.docs.openapi"], stdout=subprocess.PIPE, check=True
    )
    (out / "openapi.json").write_bytes(description.stdout)
    (out / "CHANGES.md").write_text(changes_of(root, version) + "\n", "utf-8")
    for part in IMAGES if with_images else ():
        image = f"despoolr-{part}:{version}"
        facts = [f"VERSION={version}", f"REVISION={git(root, 'rev-parse', 'HEAD')}"]
        arguments = [word for fact in facts for word in ("--build-arg", fact)]
        build_image = ["docker", "build", "-t", image, "--target", part, *arguments, str(root)]
        subprocess.run(build_image, check=True)
        tar = out / f"despoolr-{part}-{version}.tar"
        subprocess.run(["docker", "save", "-o", str(tar), image], check=True)
    write_sums(out)


def main() -> int:
    """0 for a release that lies in the directory, 1 for none."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tag", default="", help="default: the tag of the commit")
    parser.add_argument("--no-images", action="store_true", help="where there is no Docker engine")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    asked = parser.parse_args()
    tag = asked.tag or git(ROOT, "describe", "--tags", "--exact-match")
    against = reasons_against(ROOT, tag)
    if git(ROOT, "status", "--porcelain"):
        against.append("something is not committed: git status")
    if asked.out.exists() and any(asked.out.iterdir()):
        against.append(f"{asked.out} has files in it: take them away")
    if not asked.no_images and not has_docker():
        against.append(
            "no Docker engine answers that could build images: start one, or --no-images"
        )
    if against:
        print("no release:", *(f"  {reason}" for reason in against), sep="\n", file=sys.stderr)
        return 1
    try:
        build_whole(ROOT, asked.out, with_images=not asked.no_images)
    except subprocess.CalledProcessError as error:
        print(f"no release: this failed: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return 1
    print(f"{tag} lies in {asked.out}; nothing was published\n{(asked.out / SUMS).read_text()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
