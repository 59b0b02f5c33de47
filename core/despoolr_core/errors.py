"""Mistakes in what somebody gave us, each with the place where it is wrong. Who must act: the
giver.
"""

from __future__ import annotations


class FormatError(ValueError):
    """A text that is not what it should be. `line` and `column` count from 1 (0: the text as a
    whole).
    """

    def __init__(self, reason: str, line: int = 0, column: int = 0) -> None:
        super().__init__(f"line {line}, column {column}: {reason}" if line else reason)
        self.reason = reason
        self.line = line
        self.column = column
