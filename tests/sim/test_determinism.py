"""Same seed, same bytes: in one process, in others, and whatever Python's hash seed is."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("wire_traffic.py")


@pytest.fixture(scope="module")
def traffic():
    return runpy.run_path(str(SCRIPT))


def test_two_runs_in_one_process_put_the_same_bytes_on_the_wire(traffic):
    first = traffic["digest"]()
    # addresses of objects move, and with them the order of careless sets
    clutter = [object() for _ in range(12_345)]
    assert traffic["digest"]() == first
    assert clutter


def test_another_seed_puts_other_bytes_on_the_wire(traffic):
    assert traffic["digest"](seed=2) != traffic["digest"](seed=1)


@pytest.mark.parametrize("hash_seed", ["0", "1", "random"])
def test_another_process_puts_the_same_bytes_on_the_wire_under_any_hash_seed(traffic, hash_seed):
    environment = {
        **os.environ,
        "PYTHONHASHSEED": hash_seed,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    run = subprocess.run(
        [sys.executable, str(SCRIPT)], env=environment, capture_output=True, text=True, timeout=60
    )
    assert run.stdout == traffic["digest"](), run.stderr
