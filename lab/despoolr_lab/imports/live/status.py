"""`smbstatus -j`, asked again and again.

The law: an answer that does not come in time, is too large, or is none, is no sample: it is counted
and its reason remembered, and the next look is made as if nothing had been. How long looks take is
measured.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import IO, Final

from despoolr_lab.imports.samba.status_json import SAMPLE_SIZE_MAX, sample_of
from despoolr_lab.imports.traces.roots import Roots
from despoolr_lab.imports.traces.samples import OpenSample

ANSWER_S_MAX: Final = 10.0
SIZE_LOOK_S: Final = 0.1
"""How often it is looked how large an answer is, while it comes."""


class StatusLooks:
    """The looks at a Samba's opens. `config` is its `smb.conf`, where that is not the usual one."""

    def __init__(
        self, program: str, config: Path | None = None, *, answer_s_max: float = ANSWER_S_MAX
    ) -> None:
        self._command = [program, "-j", *(["-s", str(config)] if config else [])]
        self._answer_s_max = answer_s_max
        self.roots = Roots()
        self.count = self.failed_count = 0
        self.taken_s = 0.0
        """What the looks took together."""
        self.failure = ""
        self.last_failed = 0
        """Which look failed last, by its number."""

    def look(self) -> OpenSample | None:
        """What is open now; None for a look that failed."""
        self.count += 1
        began = perf_counter()
        try:
            return self._ask()
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self.failed_count += 1
            self.last_failed = self.count
            self.failure = _reason(error)
            return None
        finally:
            self.taken_s += perf_counter() - began

    def _ask(self) -> OpenSample:
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
            code = self._run(said, complained)
            said.seek(0)
            text = said.read()
            complained.seek(0)
            complaint = complained.read(2000).decode("utf-8", "replace").strip()
        if code:
            raise ValueError(complaint.splitlines()[-1] if complaint else f"it ended with {code}")
        if not text.strip():
            raise ValueError(complaint or "it answered nothing (is it older than Samba 4.17?)")
        return sample_of(text, self.roots)

    def _run(self, said: IO[bytes], complained: IO[bytes]) -> int:
        """Its exit code. What is too slow or too large ends in its midst, with all it started."""
        until = perf_counter() + self._answer_s_max
        with subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=complained,
            start_new_session=True,  # Ctrl-C is for who watches
        ) as process:
            try:
                while True:
                    left_s = max(0.0, until - perf_counter())
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(min(left_s, SIZE_LOOK_S))
                    if max(os.fstat(one.fileno()).st_size for one in (said, complained)) > (
                        SAMPLE_SIZE_MAX
                    ):
                        mib = SAMPLE_SIZE_MAX // 1024 // 1024
                        raise ValueError(f"its answer has more than {mib} MiB")
                    if process.returncode is not None:
                        return process.returncode
                    if not left_s:
                        raise subprocess.TimeoutExpired(self._command, self._answer_s_max)
            finally:
                if process.returncode is None:
                    os.killpg(process.pid, signal.SIGKILL)


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return "no answer in time"
    return " ".join((getattr(error, "strerror", "") or str(error)).split())[:200]
