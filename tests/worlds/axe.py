"""axe-core, which checks pages for who does not see them: an npm package, for tests alone."""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from worlds.support import leave_out, program

PACKAGE: Final = "axe-core@4.10.3"
WAIT_S: Final = 120


@cache
def axe_script() -> str:
    """Its script. Leaves the test out where npm cannot get it."""
    npm = program("npm", "npm")
    with tempfile.TemporaryDirectory(prefix="despoolr-axe-") as directory:
        try:
            done = subprocess.run(
                [npm, "pack", "--silent", PACKAGE],
                cwd=directory,
                capture_output=True,
                text=True,
                timeout=WAIT_S,
            )
        except subprocess.TimeoutExpired:
            leave_out(f"npm did not get {PACKAGE} within {WAIT_S} s")
        packed = sorted(Path(directory).glob("axe-core-*.tgz"))
        if done.returncode or not packed:
            leave_out(f"npm could not get {PACKAGE}: {done.stderr.strip()[-200:]}")
        with tarfile.open(packed[0]) as archive:
            member = archive.extractfile("package/axe.min.js")
            assert member is not None
            return member.read().decode()
