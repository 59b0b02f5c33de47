"""Names of header fields and methods, as `aiohttp.hdrs` has them, which cannot be had without all
of aiohttp.

A field that is asked for by a plain text is folded anew each time: five times the cost.
"""

from __future__ import annotations

from typing import Final

from multidict import istr

METH_ANY: Final = "*"
METH_DELETE: Final = "DELETE"
METH_GET: Final = "GET"
METH_HEAD: Final = "HEAD"
METH_POST: Final = "POST"
METH_PUT: Final = "PUT"

ACCEPT: Final = istr("Accept")
ACCEPT_ENCODING: Final = istr("Accept-Encoding")
ALLOW: Final = istr("Allow")
AUTHORIZATION: Final = istr("Authorization")
CACHE_CONTROL: Final = istr("Cache-Control")
CONNECTION: Final = istr("Connection")
CONTENT_ENCODING: Final = istr("Content-Encoding")
CONTENT_LENGTH: Final = istr("Content-Length")
CONTENT_RANGE: Final = istr("Content-Range")
CONTENT_TYPE: Final = istr("Content-Type")
ETAG: Final = istr("Etag")
EXPECT: Final = istr("Expect")
HOST: Final = istr("Host")
IF_MATCH: Final = istr("If-Match")
IF_MODIFIED_SINCE: Final = istr("If-Modified-Since")
IF_NONE_MATCH: Final = istr("If-None-Match")
IF_RANGE: Final = istr("If-Range")
IF_UNMODIFIED_SINCE: Final = istr("If-Unmodified-Since")
LOCATION: Final = istr("Location")
LOCK_TOKEN: Final = istr("Lock-Token")
ORIGIN: Final = istr("Origin")
RANGE: Final = istr("Range")
USER_AGENT: Final = istr("User-Agent")
VARY: Final = istr("Vary")
WWW_AUTHENTICATE: Final = istr("WWW-Authenticate")
