"""`despoolr hold`: what a signal does to it."""

from __future__ import annotations

import os
import signal

import pytest

from despoolr_app.cli.hold import until_a_signal


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_hold_and_does_afterwards_what_it_did_before(number: int) -> None:
    before = signal.getsignal(number)
    with until_a_signal() as over:
        os.kill(os.getpid(), number)
        assert over.wait(10.0)
    assert signal.getsignal(number) is before
