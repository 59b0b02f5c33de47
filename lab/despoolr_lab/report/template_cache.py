"""What Jinja makes of a template, kept beside it as Python keeps what it makes of a module: of a
single run's time a twentieth went into making it anew.

The law: it is kept in the `__pycache__` of the templates, where modules have theirs, and only where
Python would keep a module's. One that was made of another text, by another Python or another Jinja
is made anew; where nothing can be kept or read, nothing is.
"""

from __future__ import annotations

import sys
from importlib.util import cache_from_source
from io import BytesIO
from pathlib import Path
from typing import Final

import jinja2
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from despoolr_app.runs.directory import RunError, write_whole

SUFFIX: Final = f".{sys.implementation.cache_tag}.jinja"


class CompiledBeside(BytecodeCache):
    """The compiled templates of the directory `templates`."""

    def __init__(self, templates: Path) -> None:
        # elsewhere where Python keeps all of its own elsewhere (`PYTHONPYCACHEPREFIX`)
        self._kept = Path(cache_from_source(str(templates / "_.py"), optimization="")).parent

    def get_source_checksum(self, source: str) -> str:
        return f"{jinja2.__version__} {super().get_source_checksum(source)}"

    def load_bytecode(self, bucket: Bucket) -> None:
        try:
            bucket.load_bytecode(BytesIO(self._path(bucket).read_bytes()))
        except Exception:  # none, or a damaged one: pickle and marshal raise many kinds
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        if sys.dont_write_bytecode:
            return
        made = BytesIO()
        bucket.write_bytecode(made)
        try:
            self._kept.mkdir(parents=True, exist_ok=True)
            write_whole(self._path(bucket), made.getvalue())
        except (OSError, RunError):
            pass  # the package is not ours to write to

    def _path(self, bucket: Bucket) -> Path:
        return self._kept / f"{bucket.key}{SUFFIX}"
