"""The certificates that aiohttp reads when it is imported, twice: a tenth of a server's start, for
processes that speak HTTP only, as those of a site on one machine do.

The law: no connection over TLS is checked otherwise. What was not read is read for the first one
that needs it, before it is used (20 ms in the loop, once in a process).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from importlib.abc import Loader, MetaPathFinder
    from importlib.machinery import ModuleSpec
    from types import ModuleType
else:
    Loader = MetaPathFinder = object  # their module is a hundredth of a start

MODULE: Final = "aiohttp.connector"


def read_certificates_late() -> None:
    """Have the certificates read when they are needed. Nothing changes where aiohttp was imported
    already.
    """
    if MODULE not in sys.modules and not any(type(one) is _Finder for one in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def find_spec(self, fullname: str, *_: Any) -> ModuleSpec | None:
        if fullname != MODULE:
            return None
        from importlib.util import find_spec  # noqa: PLC0415 - a command's help needs none

        sys.meta_path.remove(self)
        spec = find_spec(MODULE)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    def __init__(self, usual: Loader) -> None:
        self._usual = usual

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._usual.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        import ssl  # noqa: PLC0415 - aiohttp needs it now; a command's help does not

        unread: set[ssl.SSLContext] = set()
        context: Any = ssl.SSLContext
        own = vars(context).get("set_default_verify_paths")  # somebody's in Python's place
        context.set_default_verify_paths = lambda self: unread.add(self)
        try:
            self._usual.exec_module(module)
        finally:
            del context.set_default_verify_paths
            if own is not None:
                context.set_default_verify_paths = own
        connector: Any = module.TCPConnector
        usual = connector._get_ssl_context

        def with_certificates(self: Any, request: Any) -> ssl.SSLContext | None:
            found: ssl.SSLContext | None = usual(self, request)
            if found in unread:
                found.set_default_verify_paths()
                unread.discard(found)  # last: another thread may ask for it meanwhile
            return found

        connector._get_ssl_context = with_certificates
