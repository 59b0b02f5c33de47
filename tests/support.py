"""What several tests need: where the material shared with other projects lies."""

from __future__ import annotations

import json
import socket
from functools import cache
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = REPOSITORY.parent / "shared"


def shared(*parts: str) -> Path:
    """A file or directory beside the repository. Fails loudly: a test without its material proves nothing."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        raise AssertionError(f"{path} is missing: the shared directory belongs beside the repository")
    return path


def free_port() -> int:
    """A port nobody listens on, for a process that must be told one before it starts."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@cache
def oracle(name: str) -> Any:
    """One file of what a real SMB server answered."""
    return json.loads(shared("oracle", f"{name}.json").read_text(encoding="utf-8"))
