"""How the clients of a fleet ask their logon servers for instruction files: each with its own
token, over connections that all of them share.

The law: nothing is asked while these clients' numbers are not this process's.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import aiohttp

from despoolr_client.agent.polling import LOGON_SHARE, File, Told, Wanted
from despoolr_client.transport.file_reader import FileReader
from despoolr_core.rules.fold import fold


class InstructionFiles:
    """The instruction files of the clients that `tokens` are of, by machine; `url_of` says where a
    server answers. `http` is shared and stays its owner's.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        tokens: Mapping[str, str],
        url_of: Callable[[str], str],
        may_act: Callable[[], bool],
    ) -> None:
        self._http = http
        self._tokens = tokens
        self._url_of = url_of
        self._may_act = may_act
        self._readers: dict[str, FileReader] = {}
        """By server."""

    def read_if_changed(
        self, server: str, machine: str, path: str, etag: str
    ) -> Coroutine[Any, Any, File | None]:
        """One client's file, as `Share.read_if_changed` has it."""
        return self._reader(server).read_if_changed(self._tokens[machine], path, etag)

    def may_ask(self, server: str) -> bool:
        """Whether several may be asked for at once, now."""
        return self._reader(server).may_ask_several

    async def ask(self, server: str, wanted: Sequence[Wanted]) -> list[Told | None]:
        """What `read_if_changed` of each says or would raise; those that are left over ask
        alone.
        """
        tokens = self._tokens
        asked = [(tokens[machine], path, etag) for machine, path, etag in wanted]
        return await self._reader(server).read_several(asked)

    def _reader(self, server: str) -> FileReader:
        reader = self._readers.get(server)
        if reader is None:
            reader = FileReader(self._http, self._url_of(server), fold(server), LOGON_SHARE)
            reader.may_act = self._may_act
            self._readers[server] = reader
        return reader
