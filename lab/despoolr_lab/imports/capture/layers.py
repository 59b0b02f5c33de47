"""`tshark -T json` and `-T ek`: a frame's layers in each other, or flat.

The law: only the fields that `frames` knows are kept, in the order in which they stand. `-T json`
is one array, but it is written a line for each brace, so a frame is what stands between two lines
of the outermost ones: no more than one frame is in memory. `-T ek` has an index line and a document
line for each frame, and puts the layer's name before the field's, dots as underlines. What was
written with `-j` has the names of the layers and none of their fields: it is said, for it looks
like a capture in which nothing happened.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from json import JSONDecodeError, JSONDecoder
from typing import Any, Final

from despoolr_lab.imports.capture.frames import FIELDS, Frame, Values, frame_of
from despoolr_lab.imports.traces.dates import utc_seconds
from despoolr_lab.imports.traces.source import LINE_SIZE_MAX, TraceFile

FRAME_SIZE_MAX: Final = 4 * LINE_SIZE_MAX
"""Characters of one frame of `-T json`."""
DEPTH_MAX: Final = 64
FILTERED: Final = (
    "it was written with tshark's -j, which leaves out what stands below a layer, so that it has "
    "frames and nothing of SMB in them: write it with -J, or without either"
)

_EK: Final = {name.replace(".", "_"): name for name in FIELDS}
_KNOWN: Final = frozenset(FIELDS)


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON with all its keys, also those that it has twice."""


_DECODER: Final = JSONDecoder(object_pairs_hook=_Pairs)
_NAME_OF_EK: Final = re.compile(
    r"^(?:frame|ip|ipv6|tcp|smb2|smb)_((?:frame|ip|ipv6|tcp|smb2?)_.+)$"
)


def sniff_json(head: str) -> bool:
    """Whether a text is what `tshark -T json` writes."""
    return head.lstrip()[:1] == "[" and '"_source"' in head and '"layers"' in head


def sniff_ek(head: str) -> bool:
    """Whether a text is what `tshark -T ek` writes."""
    return head.startswith('{"index":') and '"layers":' in head


def read_json(source: TraceFile, lines: Iterable[str]) -> Iterator[Frame]:
    """The frames of an array, whether it was written in lines or not."""
    reader = _Reader(source)
    part: list[str] = []
    size = 0
    for line in lines:
        if line in ("  {", "[", "]"):
            part, size = (["{"], 1) if line == "  {" else ([], 0)
        elif line in ("  }", "  },"):
            if size and size <= FRAME_SIZE_MAX:
                yield from reader.frames("".join(part) + "}")
            elif size:
                source.damaged(f"frame {reader.count + 1:,} is too long")
                reader.count += 1
            part, size = [], 0
        else:
            size += len(line)
            if size <= FRAME_SIZE_MAX:
                part.append(line)
    if part and size <= FRAME_SIZE_MAX:
        yield from reader.rest("".join(part))
    yield from reader.end()


def read_ek(source: TraceFile, lines: Iterable[str]) -> Iterator[Frame]:
    """The frames of the document lines."""
    reader = _Reader(source)
    for line in lines:
        if line and not line.startswith('{"index"'):
            yield from reader.frames(line)
    yield from reader.end()


class _Reader:
    """Decodes frames one by one, and knows how many had nothing in them."""

    def __init__(self, source: TraceFile) -> None:
        self._source = source
        self.count = 0
        self.filtered_count = 0

    def frames(self, text: str) -> Iterator[Frame]:
        """The frame of one object; none, and a damage, where it is no such object."""
        self.count += 1
        try:
            found = _DECODER.decode(text)
            layers = _layers(found)
            if layers is None:
                raise ValueError("no layers")
            yield from self._of_layers(found, layers)
        except (JSONDecodeError, ValueError, KeyError, IndexError, RecursionError, OverflowError):
            self._source.damaged(f"frame {self.count:,} is no frame")

    def rest(self, text: str) -> Iterator[Frame]:
        """The frames of an array that is not written in lines."""
        text = text.strip().removeprefix("[").removesuffix("]")
        place = 0
        while place < len(text):
            try:
                _, end = _DECODER.raw_decode(text, place)
            except (JSONDecodeError, RecursionError):
                self._source.damaged(f"what stands behind frame {self.count:,} is cut off")
                return
            yield from self.frames(text[place:end])
            place = end
            while place < len(text) and text[place] in ", \t\n\r":
                place += 1

    def end(self) -> Iterator[Frame]:
        """Nothing more; what was filtered away is a damage of the whole file."""
        if self.filtered_count:
            self._source.damaged(FILTERED)
        return iter(())

    def _of_layers(self, found: _Pairs, layers: _Pairs) -> Iterator[Frame]:
        common: Values = {}
        commands: list[Values] = []
        for name, layer in layers:
            if name == "smb2" and isinstance(layer, list):
                for one in [layer] if isinstance(layer, _Pairs) else layer:
                    values: Values = {}
                    _collect(one, values, 0)
                    commands.append(values)
            else:
                _collect([(name, layer)], common, 0)
        if "frame.time_epoch" not in common:
            stamp = next((value for name, value in found if name == "timestamp"), None)
            if not isinstance(stamp, str):
                raise ValueError("no time")
            common["frame.time_epoch"] = [str(int(stamp) / 1000)]
        if commands and not any(commands):
            self.filtered_count += 1
        if "T" in common["frame.time_epoch"][0]:  # newer versions of tshark write a date
            common["frame.time_epoch"] = [str(utc_seconds(common["frame.time_epoch"][0]))]
        if len(commands) < 2:
            yield frame_of(common | (commands[0] if commands else {}))
            return
        frames = [frame_of(common | values) for values in commands]
        frames[0].commands = [command for frame in frames for command in frame.commands]
        frames[0].account = next((frame.account for frame in frames if frame.account), "")
        frames[0].host = next((frame.host for frame in frames if frame.host), "")
        yield frames[0]


def _layers(found: Any) -> _Pairs | None:
    if not isinstance(found, _Pairs):
        return None
    of_names = dict(found)
    source = of_names.get("_source")
    layers = dict(source).get("layers") if isinstance(source, _Pairs) else of_names.get("layers")
    return layers if isinstance(layers, _Pairs) else None


def _collect(pairs: Any, values: Values, depth: int) -> None:
    """Every known field of a layer and of what stands in it."""
    if depth > DEPTH_MAX or not isinstance(pairs, list):
        return
    for pair in pairs:
        if not isinstance(pair, tuple):
            _collect(pair, values, depth + 1)
            continue
        key, value = pair
        name = key if key in _KNOWN else _of_ek(key)
        if name is not None and isinstance(value, str | int | float | bool):
            values.setdefault(name, []).append(str(value))
        elif name is not None and isinstance(value, list) and not isinstance(value, _Pairs):
            values.setdefault(name, []).extend(str(v) for v in value if isinstance(v, str | int))
        elif isinstance(value, list):
            _collect(value, values, depth + 1)


def _of_ek(key: str) -> str | None:
    found = _NAME_OF_EK.match(key)
    return _EK.get(found[1]) if found else None
