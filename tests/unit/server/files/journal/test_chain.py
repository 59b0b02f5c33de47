"""Whether journals are as they were written: every byte counts, and what a crash leaves is
ordinary.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from despoolr_server.files.journal.chain import (
    JOURNAL_HEADER_SIZE,
    MARK_SIZE,
    ChainLink,
    JournalReading,
    first_checksum,
    parse_mark,
    read_journals,
    render_frame,
    render_header,
    render_mark,
)
from despoolr_server.files.journal.records import (
    Abort,
    Entry,
    Follow,
    Keep,
    Make,
    Put,
    Remove,
    encode,
)

STORE = 7
NOTHING = ChainLink(0, 0, 0)
ENTRIES: list[Entry] = [
    Make("D", 1.0),
    Put("D/A", 1, 0, b"first", 2, 0),
    Put("D/A", 2, 1, b"second", 3, 0),
    Remove("D/A", 2, False),
]


def journal(
    number: int, entries: list[Entry], before: ChainLink = NOTHING, capacity: int = 2048
) -> tuple[bytes, ChainLink]:
    """A journal as a store writes it, and where it ends."""
    data = render_header(STORE, number, capacity)
    checksum = first_checksum(data)
    for entry in [Follow(*before), *entries]:
        frame, checksum = render_frame(encode(entry), checksum)
        data += frame
    return data + bytes(capacity - len(data)), ChainLink(number, len(data), checksum)


def read(*journals: bytes, mark: ChainLink | None = None) -> JournalReading:
    return read_journals(list(enumerate(journals, 1)), STORE, mark)


def test_a_journal_is_read_to_its_end() -> None:
    data, end = journal(1, ENTRIES)
    assert read(data, mark=end) == JournalReading(ENTRIES, last=1)
    assert read(data) == JournalReading(ENTRIES, last=1)
    assert read() == JournalReading([])
    assert read(render_header(STORE, 1, 64) + bytes(64)) == JournalReading([])


def test_a_voided_record_is_left_out() -> None:
    data, end = journal(1, [ENTRIES[0], ENTRIES[1], Abort(), ENTRIES[2]])
    assert read(data, mark=end) == JournalReading([ENTRIES[0], ENTRIES[2]], last=1)


def test_what_is_true_without_its_record_is_left_out_in_whichever_journal_that_is() -> None:
    first, end = journal(1, [ENTRIES[0], ENTRIES[1], Abort(), ENTRIES[1], ENTRIES[2]])
    second, end = journal(2, [Keep([4, 2, 99]), ENTRIES[3], Keep([4, 1]), ENTRIES[0]], before=end)
    assert read(first, second, mark=end).entries == [ENTRIES[1], ENTRIES[3], ENTRIES[0]]
    third, end = journal(3, [Keep([])], before=end)
    assert read(first, second, third, mark=end) == JournalReading([], last=3)


@given(offset=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_any_byte_that_is_not_as_it_was_written_is_damage(offset: int, bit: int) -> None:
    data, end = journal(1, ENTRIES)
    offset %= end.offset
    changed = data[:offset] + bytes([data[offset] ^ 1 << bit]) + data[offset + 1 :]
    reading = read(changed, mark=end)
    assert reading.damage and not reading.entries


@given(size=st.integers(0, 2047))
def test_a_journal_that_was_cut_is_damage_wherever(size: int) -> None:
    data, end = journal(1, ENTRIES)
    assert read(data[:size], mark=end).damage


@given(order=st.permutations(range(4)))
def test_frames_stand_in_one_order_only(order: list[int]) -> None:
    data, end = journal(1, ENTRIES)
    header, checksum, frames = (
        data[:JOURNAL_HEADER_SIZE],
        first_checksum(data[:JOURNAL_HEADER_SIZE]),
        [],
    )
    for entry in [Follow(*NOTHING), *ENTRIES]:
        frame, checksum = render_frame(encode(entry), checksum)
        frames.append(frame)
    moved = header + frames[0] + b"".join(frames[1 + index] for index in order)
    reading = read(moved + bytes(len(data) - len(moved)), mark=end)
    assert bool(reading.damage) == (order != [0, 1, 2, 3])


def test_journals_follow_each_other() -> None:
    first, end = journal(1, ENTRIES[:2])
    second, last = journal(2, ENTRIES[2:], end)
    unused = render_header(STORE, 3, 64) + bytes(64)
    assert read(first, second, unused, mark=last) == JournalReading(ENTRIES, last=2)
    # the first was dropped
    assert read_journals([(2, second)], STORE, last) == JournalReading(ENTRIES[2:], last=2)
    assert read_journals([(1, first)], STORE, last).damage == "journal 2 is gone"
    other, _ = journal(1, ENTRIES[1:2])
    assert read(other, second, mark=last).damage.startswith("journal 2 does not follow journal 1")
    third, after = journal(3, [], last)
    assert read_journals([(1, first), (3, third)], STORE, after).damage.startswith(
        "journal 3 does not follow journal 1"
    )


def test_an_end_that_never_was_safe_may_be_missing_with_all_that_follows_it() -> None:
    whole, end = journal(1, ENTRIES[:2])
    short, sooner = journal(1, ENTRIES[:1])
    second, last = journal(2, ENTRIES[2:], end)
    assert read(short, second, mark=sooner) == JournalReading(ENTRIES[:1], last=1)
    assert read(short, second, mark=last).damage.startswith("journal 2 does not follow journal 1")
    assert read(short, second, mark=end).damage.startswith("journal 1 is damaged at byte ")
    assert whole != short


def test_a_frame_without_one_of_its_sectors_is_a_crash_and_one_with_other_bytes_is_not() -> None:
    large = Put("L", 3, 0, bytes(range(1, 256)) * 8, 4, 0)
    data, end = journal(1, [*ENTRIES, large], capacity=4096)
    _, safe = journal(1, ENTRIES, capacity=4096)
    torn = data[:1024] + bytes(512) + data[1536:]
    assert read(torn, mark=safe) == JournalReading(ENTRIES, last=1)
    assert read(torn, mark=end).damage
    assert read(data[:1024] + b"?" + data[1025:], mark=safe).damage


def test_a_mark_is_read_back_or_is_none() -> None:
    link = ChainLink(3, 4096, 0xFFFF_FFFF)
    assert len(render_mark(link)) == MARK_SIZE
    assert parse_mark(render_mark(link)) == link
    assert parse_mark(b"") is None
    assert parse_mark(bytes(MARK_SIZE)) is None
    assert parse_mark(render_mark(link)[:-1] + b"?") is None
