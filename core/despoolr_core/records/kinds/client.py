"""What a PCM client records; the actor is the machine. A `request` is a job's RequestID."""

from __future__ import annotations

from typing import ClassVar

from despoolr_core.records.kinds.fact import Fact


class Polled(Fact, frozen=True, kw_only=True):
    """PCM looked at its instruction file on `server`: `result` is changed, unchanged, missing or
    failed (`reason`).
    """

    KIND: ClassVar = "pcm.polled"
    result: str
    server: str = ""
    reason: str = ""


class CommandChanged(Fact, frozen=True, kw_only=True):
    """What PCM makes of a command that it was given: `state` is New, Executed, expired or
    cancelled.
    """

    KIND: ClassVar = "pcm.record"
    request: str
    package: str
    state: str


class ProgramStarted(Fact, frozen=True, kw_only=True):
    """PCM started a package's program from a distribution server; `step` says how it chose it."""

    KIND: ClassVar = "pcm.run"
    request: str
    package: str
    server: str
    program: str
    step: str = ""


class ResultReported(Fact, frozen=True, kw_only=True):
    """PCM handed in the report of that number; `result` is Success, Failed or Expired."""

    KIND: ClassVar = "pcm.reported"
    request: str
    package: str
    report: str
    result: str


class MessageRead(Fact, frozen=True, kw_only=True):
    """The user was shown a message, and `does` something about it: close, crash."""

    KIND: ClassVar = "message.read"
    server: str
    text: str
    does: str
