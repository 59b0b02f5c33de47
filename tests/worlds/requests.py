"""Random requests to every call that a server says it has: its own description is the table, a seed
the only chance.

A request is made of what the call takes (its methods, addresses, parameters, bodies and their
examples), each part now and then replaced by something that nobody should send. What is learnt from
answers (ids of sessions, opens, jobs) is used again, so that most requests get somewhere.
"""

from __future__ import annotations

import random
import re
import socket
import time
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

import msgspec

TIMEOUT_S: Final = 20.0
DATES: Final = [
    "Mon, 04 Mar 1996 08:00:00 GMT",
    "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
    "yesterday",
    "\udcff",
]
TOKENS: Final = [
    "<opaquelocktoken:x>",
    "(<opaquelocktoken:x>)",
    '(["x"])',
    "(Not <urn:x>)",
    "</SMS_SHR/R/a> (Not <DAV:no-lock>)",
]
PATHS: Final = [
    "R",
    "R/",
    "R/a.txt",
    "R/b.txt",
    "R/D",
    "R/D/",
    "R/D/c",
    "R/x%20y",
    "R/%C3%A4",
    "PCMINS.BOX",
    "R/%EF%BF%BF",
]
BAD_PATHS: Final = [
    "..", "R/../a", "%2e%2e/x", "CON", "R/%00", "R/%ff", "R/%", "R/%zz", "R/a#b", "R/a?b",
    "R/" + "x" * 300, "a/" * 200, "R//a", "R/a%5C", "R/%5C", "R/a.txt/", "%2F", "R/\udcff", "R/a.",
    "R/a:b", "R/%ED%A0%80", "R/*", "",
]  # fmt: skip
HEADERS: Final[dict[str, list[str]]] = {
    "Accept": ["text/html", "application/xml", "*/*", "text/html;" * 600],
    "Content-Encoding": ["gzip", "identity", "br"],
    "Content-Range": ["bytes 0-0/*", "bytes 5-1/*", f"bytes {'9' * 30}-{'9' * 30}/*", "x"],
    "Content-Type": ["text/plain", "application/xml", "multipart/form-data", "\udcff"],
    "Depth": ["0", "1", "infinity", "2", "", "-1"],
    "Despoolr-Program": ["EXCEL.EXE", "%ff", "%0d%0a", "x" * 1025, "\udcff"],
    "Despoolr-Purpose": ["job%201", "%", "%c2%9b"],
    "Destination": ["/SMS_SHR/R/a.txt", "/SMS_SHR/R/n", "/SMS_SHR/R/D/n", "http://h/SMS_SHR/R/n",
                    "http://[", "/", "/SMS_SHR/%ff",
                    "/SMS_SHR/R/a?b", "http://h:99999/x", "//", "/SMS_SHR/" + "a/" * 900],
    "If": [*TOKENS, "(", "<>", "(" * 4000, "<http://[> (<urn:x>)", "<" + "a" * 8000],
    "If-Match": ['"x"', "*", 'W/"x"', "\udcff", '"' * 4000],
    "If-Modified-Since": DATES,
    "If-None-Match": ['"x"', "*", '"' * 4001],
    "If-Range": ['"x"', *DATES],
    "If-Unmodified-Since": DATES,
    "Lock-Token": ["<opaquelocktoken:x>", "opaquelocktoken:x", "<", "\udcff"],
    "Overwrite": ["T", "F", "X"],
    "Range": ["bytes=0-1", "bytes=-1", f"bytes={'9' * 19}-", f"bytes={'9' * 5000}-",
              "bytes=" + "0-0," * 900, "x=1-2"],
    "Timeout": ["Second-10", "Infinite", "Second-99999999999999", "x"],
}  # fmt: skip
"""What may be sent, right and wrong, whether or not the call takes it."""

JUNK: Final[list[Any]] = [
    None, True, -1, 0, 2**63, 2**64, 10**30, 1.5, "", "x", "x" * 3000, "\x00", "\x1b[31m", "..",
    "\uffff", [], {}, [[]], ["x"], {"a": 1},
]  # fmt: skip
NAMED: Final = (
    '<propfind xmlns="DAV:"><prop>'
    + "".join(f'<p{n} xmlns="urn:x"/>' for n in range(200))
    + "</prop></propfind>"
)
XML: Final = [
    '<propfind xmlns="DAV:"><allprop/></propfind>',
    '<propfind xmlns="DAV:"><propname/></propfind>',
    '<propfind xmlns="DAV:"><prop><getetag/><quota-used-bytes/><lockdiscovery/></prop></propfind>',
    NAMED,
    '<propertyupdate xmlns="DAV:"><set><prop><a xmlns="urn:x">1</a></prop></set></propertyupdate>',
    '<propertyupdate xmlns="DAV:"><remove><prop><a '
    'xmlns="urn:x"/></prop></remove></propertyupdate>',
    "<lockinfo "
    'xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype><owner>x</owner></lockinfo>',
    "<lockinfo "
    'xmlns="DAV:"><lockscope><shared/></lockscope><locktype><write/></locktype></lockinfo>',
    f'<propfind xmlns="DAV:" xmlns:u="{"u" * 28000}"><prop>'
    + "<u:a/>" * 256
    + "</prop></propfind>",
    '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    "<a>" * 300 + "</a>" * 300,
    "<",
]


_ENDLESS: Final = re.compile(rb"GET /api/v1/records\?[^ ]*follow=")
"""Requests whose answer, unless it is a refusal, may go on for ever."""
FITTING: Final = {"PROPFIND": "propfind", "PROPPATCH": "propertyupdate", "LOCK": "lockinfo"}


@dataclass(frozen=True)
class Call:
    """One call of a server's description."""

    method: str
    path: str
    parameters: tuple[dict[str, Any], ...]
    bodies: tuple[tuple[str, Any], ...]


@dataclass
class Reply:
    """What was answered, and in how many seconds."""

    call: Call
    request: bytes
    status: int
    body: bytes
    seconds: float


def calls_of(url: str, token: str) -> list[Call]:
    """Every call that a server describes, with the examples of its bodies."""
    with urlopen(
        Request(f"{url}/openapi.json", headers={"Authorization": f"Bearer {token}"})
    ) as answer:
        described = msgspec.json.decode(answer.read())
    found: list[Call] = []
    for path, item in described["paths"].items():
        more = next(
            (
                value
                for key, value in item.items()
                if key.startswith("x-") and isinstance(value, dict)
            ),
            {},
        )
        for method, operation in {
            **{k: v for k, v in item.items() if not k.startswith("x-")},
            **more,
        }.items():
            if not isinstance(operation, dict) or "responses" not in operation:
                continue
            content = operation.get("requestBody", {}).get("content", {})
            bodies = [
                (kind, one["value"])
                for kind, said in content.items()
                for one in said.get("examples", {}).values()
            ]
            bodies += [(kind, None) for kind, said in content.items() if not said.get("examples")]
            found.append(
                Call(method.upper(), path, tuple(operation.get("parameters", ())), tuple(bodies))
            )
    return found


@dataclass
class Asker:
    """Asks one server at random, on one connection, and remembers what it learnt."""

    url: str
    tokens: list[str]
    chance: random.Random
    share: str
    learnt: dict[str, list[str]] = field(default_factory=dict)
    _socket: socket.socket | None = None

    def ask(self, call: Call) -> Reply:
        """One request, made up and sent; a connection that the server ended is made anew."""
        return self.send(call, self.made(call))

    def send(self, call: Call, request: bytes) -> Reply:
        """One request, as it stands."""
        began = time.perf_counter()
        for again in (False, True):
            try:
                status, body = self._exchange(call.method, request)
            except (ConnectionError, TimeoutError) as error:
                self.close()
                if again or isinstance(error, TimeoutError):
                    return Reply(
                        call, request, 0, repr(error).encode(), time.perf_counter() - began
                    )
            else:
                self._learn(body)
                return Reply(call, request, status, body, time.perf_counter() - began)
        raise AssertionError("not reached")

    def tell(self, method: str, target: str, body: bytes = b"") -> Reply:
        """A request of the first token that is as it should be."""
        head = (
            f"Host: h\r\nAuthorization: Bearer {self.tokens[0]}\r\nContent-Length: {len(body)}\r\n"
        )
        kind = "Content-Type: application/json\r\n" if method == "POST" else ""
        return self.send(
            Call(method, target, (), ()),
            f"{method} {target} HTTP/1.1\r\n{head}{kind}\r\n".encode() + body,
        )

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def made(self, call: Call) -> bytes:
        """The bytes of a request for a call."""
        one, seldom = self.chance.choice, self.chance.random
        address = re.sub(r"{(\w+)}", lambda found: self._part(found[1]), call.path)
        asked = [p for p in call.parameters if p["in"] == "query" and seldom() < 0.3]
        pairs = [f"{p['name']}={quote(str(self._value(p)), safe='')}" for p in asked] + (
            ["x=%"] if seldom() < 0.01 else []
        )
        headers = {"Host": "h"}
        if seldom() < 0.97:
            headers["Authorization"] = f"Bearer {one(self.tokens) if seldom() < 0.98 else 'x.y'}"
        wanted = [
            p["name"]
            for p in call.parameters
            if p["in"] == "header" and (p["required"] or seldom() < 0.15)
        ]
        wanted += [one(list(HEADERS))] if seldom() < 0.1 else []
        for name in wanted:
            known = (
                self.learnt.get("session", [])
                if name == "Despoolr-Session"
                else HEADERS.get(name, ["x"])
            )
            headers[name] = one(
                known[:3] if known and seldom() < 0.7 else (known or ["x"])
            ).replace("SMS_SHR", self.share)
        body = self._body(call) if call.bodies or seldom() < 0.02 else b""
        if call.bodies and seldom() < 0.9:
            headers.setdefault(
                "Content-Type", one(call.bodies)[0].replace("*/*", "application/octet-stream")
            )
        headers["Content-Length"] = str(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        target = f"{address}?{'&'.join(pairs)}" if pairs else address
        return (
            f"{call.method} {target} HTTP/1.1\r\n{head}\r\n".encode("utf-8", "surrogateescape")
            + body
        )

    def _part(self, name: str) -> str:
        one, seldom = self.chance.choice, self.chance.random
        if name == "path":
            return one(PATHS) if seldom() < 0.85 else one(BAD_PATHS)
        if name == "share":
            return (
                self.share
                if seldom() < 0.9
                else one([self.share.lower(), "NONE", "%ff", "api", "x" * 200])
            )
        known = self.learnt.get(name, [])
        return (
            quote(one(known), safe="")
            if known and seldom() < 0.8
            else one(["O1", "S1", "1", "%ff", "x" * 300, "..", "%00"])
        )

    def _value(self, parameter: dict[str, Any]) -> Any:
        schema = parameter["schema"]
        if self.chance.random() < 0.2:
            return self.chance.choice(JUNK)
        shown = [example["value"] for example in parameter.get("examples", {}).values()]
        by_type: dict[str, list[Any]] = {"integer": [0, 1, 10], "boolean": ["true", "false"]}
        plain = by_type.get(schema.get("type"), ["x", "R/a.txt", "PC07"])
        return self.chance.choice(schema.get("enum") or shown or plain)

    def _body(self, call: Call) -> bytes:
        kind, example = self.chance.choice(call.bodies) if call.bodies else ("*/*", None)
        if "xml" in kind:
            fitting = [text for text in XML if FITTING.get(call.method, "") in text[:40]]
            text = self.chance.choice(fitting if self.chance.random() < 0.8 else XML)
            return (text if self.chance.random() < 0.9 else text[: len(text) // 2]).encode()
        if "json" not in kind:
            return self.chance.randbytes(self.chance.choice([0, 1, 100, 5000]))
        mutated = self._changed(example, self.chance.random() < 0.4)
        encoded = msgspec.json.encode(mutated)
        return (
            encoded
            if self.chance.random() < 0.95
            else self.chance.choice([encoded[:-1], b"[" * 500, b'{"calls":[' * 500, b"\xff"])
        )

    def _changed(self, value: Any, harm: bool) -> Any:
        if isinstance(value, dict):
            changed = {
                key: self._changed(inner, harm and self.chance.random() < 0.4)
                for key, inner in value.items()
            }
            for key in changed.keys() & self.learnt.keys():
                if isinstance(changed[key], str) and self.chance.random() < 0.8:
                    changed[key] = self.chance.choice(self.learnt[key])
            if harm and changed and self.chance.random() < 0.3:
                del changed[self.chance.choice(list(changed))]
            if "wait_s" in changed:
                changed["wait_s"] = 0
            return changed
        if isinstance(value, list):
            return [self._changed(inner, harm) for inner in value]
        return self.chance.choice(JUNK) if harm and self.chance.random() < 0.5 else value

    def _learn(self, body: bytes) -> None:
        for name, value in re.findall(
            rb'"(session|open|episode|job|package|etag)":"([^"\\]{1,80})"', body[:4000]
        ):
            known = self.learnt.setdefault(name.decode(), [])
            known.append(value.decode("utf-8", "replace"))
            del known[:-20]

    def _exchange(self, method: str, request: bytes) -> tuple[int, bytes]:
        if self._socket is None:
            at = urlsplit(self.url)
            self._socket = socket.create_connection((at.hostname or "", at.port or 0), TIMEOUT_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, body = data.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        lines = head.lower().split(b"\r\n")
        if status == 200 and _ENDLESS.match(request):
            self.close()  # its beginning is all that is waited for
            return status, body
        length = next(
            (int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0
        )
        if method == "HEAD" or status in (204, 304):
            length = 0
        if b"transfer-encoding: chunked" in lines:
            while not body.endswith(b"0\r\n\r\n"):
                body += self._more()
        while len(body) < length:
            body += self._more()
        if b"connection: close" in lines:
            self.close()
        return status, body

    def _more(self) -> bytes:
        assert self._socket is not None
        data = self._socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the server has closed the connection")
        return data
