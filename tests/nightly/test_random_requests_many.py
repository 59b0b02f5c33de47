"""The random requests of `make test`, fifty thousand of them."""

from __future__ import annotations

from pathlib import Path

from process.test_random_requests import ask_at_random
from worlds.process import Workshop

COUNT = 50_000


def test_fifty_thousand_random_requests_are_not_too_much_for_a_server(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    try:
        ask_at_random(workshop, COUNT)
    finally:
        for process in workshop.processes:
            if process.process.poll() is None:
                process.kill()
