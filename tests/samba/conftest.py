"""A Samba of the tests' own, and machines with a real SMB client; `make test-import-live` runs
these tests.
"""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGES = {"smbd": "samba", "smbstatus": "samba", "tshark": "tshark"}
FILES = {
    "libnss_wrapper.so": "libnss-wrapper",
    "samba/vfs/full_audit.so": "samba-vfs-modules",
}


def why_not() -> str:
    """Why these tests cannot run here; empty where they can."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    missing = {package for name, package in PACKAGES.items() if not shutil.which(name, path=path)}
    missing |= {
        package for name, package in FILES.items() if not any(Path("/usr/lib").glob(f"*/{name}"))
    }
    if missing:
        return f"on Debian: apt-get install {' '.join(sorted(missing))}"
    if find_spec("smbprotocol") is None:
        return "smbprotocol is not installed; `make test-import-live` installs it"
    return "" if os.getuid() == 0 else "smbd wants to be started by root"


def pytest_configure() -> None:
    """What is missing is said before anything is imported, and is a failure: nobody asks for these
    tests by chance.
    """
    if why := why_not():
        pytest.exit(f"NOT RUN: the tests of a real Samba cannot run here: {why}", returncode=1)
