"""A process that ends at one step, as if it was killed there: what a script begins with that a test
runs in a process of its own.
"""

from __future__ import annotations

from typing import Final

DEADLY: Final = """
import os, signal

def deadly(owner, name, when):
    call = getattr(owner, name)
    def dying(*arguments, **options):
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, dying)
"""
"""`deadly(owner, name, when)`: SIGKILL "before" or "after" a function of `owner` has run."""
