"""The share server's state machine with a hundred times the examples of `make test`."""

from __future__ import annotations

from hypothesis import settings

from property.test_share_host import EXAMPLES, Host


class LongHost(Host):
    """A machine of its own: hypothesis keeps one test case for each class."""


TestLongHost = LongHost.TestCase
TestLongHost.settings = settings(
    TestLongHost.settings, max_examples=100 * EXAMPLES, stateful_step_count=40, deadline=None
)
