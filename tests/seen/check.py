"""Every module is seen by some test: at least `PERCENT_MIN` of its lines, of all that tests run, in
processes that they start too.

    make coverage          run everything under coverage.py, then this

The law: a module is named with what is missing, and there is no list of exceptions but for what no
test may run, each with its reason.

Before Python 3.12 the interpreter tells a tracer of no call when an exception is thrown into a
coroutine, only of its end; coverage.py then loses a caller, often one that waits for an event loop.
Lines that did run are missing there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PERCENT_MIN = 85.0
LINES_MIN = 5
"""A module of fewer lines is a table of names, and is whole or not there."""
LEFT_OUT = ("lab/despoolr_lab/bench/", "server/despoolr_server/database/migrations/")
"""Peers are measured by `make bench`, which takes an hour; what can be wrong in its arithmetic has
its tests. Migrations are loaded by alembic under names that coverage.py takes for nobody's; a test
compares what they make with the schema.
"""


def measured() -> dict[str, Any]:
    """What coverage.py counted, by file."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "coverage.json"
        command = [sys.executable, "-m", "coverage", "json", "--quiet", "-o", str(report)]
        subprocess.run(command, check=True)
        return dict(json.loads(report.read_text("utf-8"))["files"])


def too_few(files: dict[str, Any]) -> list[str]:
    """A line for each module of which too little is seen."""
    found = []
    for name, facts in sorted(files.items()):
        summary = facts["summary"]
        if any(part in name for part in LEFT_OUT) or summary["num_statements"] < LINES_MIN:
            continue
        if summary["percent_covered"] < PERCENT_MIN:
            missing = ", ".join(map(str, facts["missing_lines"][:20]))
            found.append(f"{summary['percent_covered']:5.1f} %  {name}: lines {missing}")
    return found


def main() -> int:
    """Say which; the exit code is 1 if there are any."""
    files = measured()
    wrong = too_few(files)
    for line in wrong:
        print(line)
    if wrong and sys.version_info < (3, 12):
        print("Python before 3.12 hides lines after an event loop: make sure with a later one")
    print(f"{len(files) - len(wrong)} of {len(files)} modules are seen by tests")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
