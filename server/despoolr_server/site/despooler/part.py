"""What all parts of one site's Despooler use.

The law: the service makes it once, and a part adds only what it has of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from despoolr_core.share.contract import Share
from despoolr_server.site.state.context import SiteContext
from despoolr_server.site.state.mif_box import MifBox
from despoolr_server.site.state.registry import Registry

COMPONENT: Final = "SMS_DESPOOLER"


class Desk(msgspec.Struct, frozen=True):
    """The site, the Despooler's shares `SMS_SHRD` (`root`) and `SMS_SITE` (`receive`), what it
    remembers, where its reports go, and its log.
    """

    site: SiteContext
    root: Share
    receive: Share
    registry: Registry
    mifs: MifBox
    log: Callable[[str], None]


class Part:
    """One part of the Despooler, with what lies on its desk."""

    def __init__(self, desk: Desk) -> None:
        self._site = desk.site
        self._root = desk.root
        self._receive = desk.receive
        self._registry = desk.registry
        self._mifs = desk.mifs
        self._log = desk.log
