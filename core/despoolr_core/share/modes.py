"""Share modes in the field's words: what an opener wants, what it lets others do, what the answer
is called.

Numbers are those of the wire ([MS-SMB2] 2.2.13, [MS-FSCC] 2.6, [MS-ERREF]); names are SMB's. The
rule that uses them stands in `despoolr_server.engine`; this module only knows the words.
"""

from __future__ import annotations

from enum import IntFlag, StrEnum
from functools import lru_cache
from typing import Final

from despoolr_core.rules.fold import fold


class Access(IntFlag):
    """What an open may do ([MS-SMB2] 2.2.13.1). `READ` and `WRITE` are the short words for the data
    rights.
    """

    NONE = 0
    READ_DATA = 0x1
    WRITE_DATA = 0x2
    APPEND_DATA = 0x4
    READ_EA = 0x8
    WRITE_EA = 0x10
    EXECUTE = 0x20
    DELETE_CHILD = 0x40
    READ_ATTRIBUTES = 0x80
    WRITE_ATTRIBUTES = 0x100
    DELETE = 0x10000
    READ_CONTROL = 0x20000
    WRITE_DAC = 0x40000
    WRITE_OWNER = 0x80000
    SYNCHRONIZE = 0x100000
    MAXIMUM_ALLOWED = 0x2000000
    GENERIC_ALL = 0x10000000
    GENERIC_EXECUTE = 0x20000000
    GENERIC_WRITE = 0x40000000
    GENERIC_READ = 0x80000000
    READ = READ_DATA
    WRITE = WRITE_DATA


class ShareMode(IntFlag):
    """What an open lets other opens of the same file do ([MS-SMB2] 2.2.13, ShareAccess)."""

    NONE = 0
    READ = 0x1
    WRITE = 0x2
    DELETE = 0x4
    ALL = READ | WRITE | DELETE


class Disposition(StrEnum):
    """What to do about a file that exists, or does not ([MS-SMB2] 2.2.13, CreateDisposition)."""

    SUPERSEDE = "SUPERSEDE"
    OPEN = "OPEN"
    CREATE = "CREATE"
    OPEN_IF = "OPEN_IF"
    OVERWRITE = "OVERWRITE"
    OVERWRITE_IF = "OVERWRITE_IF"


class CreateAction(StrEnum):
    """What a granted open did to the file ([MS-SMB2] 2.2.14, CreateAction)."""

    SUPERSEDED = "SUPERSEDED"
    OPENED = "OPENED"
    CREATED = "CREATED"
    OVERWRITTEN = "OVERWRITTEN"


class CreateOption(IntFlag):
    """The options of an open that this engine honours ([MS-SMB2] 2.2.13, CreateOptions)."""

    NONE = 0
    DIRECTORY_FILE = 0x1
    NON_DIRECTORY_FILE = 0x40
    DELETE_ON_CLOSE = 0x1000


class LockFlag(IntFlag):
    """What a lock request does with one range ([MS-SMB2] 2.2.26.1). FAIL_IMMEDIATELY goes with
    SHARED or EXCLUSIVE only.
    """

    NONE = 0
    SHARED = 0x1
    EXCLUSIVE = 0x2
    UNLOCK = 0x4
    FAIL_IMMEDIATELY = 0x10


class FileAttribute(IntFlag):
    """File attributes that change what an open may do ([MS-FSCC] 2.6)."""

    NONE = 0
    READONLY = 0x1
    HIDDEN = 0x2
    SYSTEM = 0x4
    DIRECTORY = 0x10
    ARCHIVE = 0x20
    NORMAL = 0x80


class Role(StrEnum):
    """Who a caller is: a client machine, the SMS service account, or an administrator."""

    CLIENT = "client"
    SERVICE = "service"
    ADMIN = "admin"


class NtStatus(StrEnum):
    """Answers of the share, by their [MS-ERREF] names. A refusal is a value, not an exception."""

    SUCCESS = "STATUS_SUCCESS"
    PENDING = "STATUS_PENDING"
    SHARING_VIOLATION = "STATUS_SHARING_VIOLATION"
    FILE_LOCK_CONFLICT = "STATUS_FILE_LOCK_CONFLICT"
    LOCK_NOT_GRANTED = "STATUS_LOCK_NOT_GRANTED"
    RANGE_NOT_LOCKED = "STATUS_RANGE_NOT_LOCKED"
    INVALID_LOCK_RANGE = "STATUS_INVALID_LOCK_RANGE"
    CANCELLED = "STATUS_CANCELLED"
    DELETE_PENDING = "STATUS_DELETE_PENDING"
    CANNOT_DELETE = "STATUS_CANNOT_DELETE"
    DIRECTORY_NOT_EMPTY = "STATUS_DIRECTORY_NOT_EMPTY"
    ACCESS_DENIED = "STATUS_ACCESS_DENIED"
    OBJECT_NAME_NOT_FOUND = "STATUS_OBJECT_NAME_NOT_FOUND"
    OBJECT_PATH_NOT_FOUND = "STATUS_OBJECT_PATH_NOT_FOUND"
    OBJECT_NAME_COLLISION = "STATUS_OBJECT_NAME_COLLISION"
    OBJECT_NAME_INVALID = "STATUS_OBJECT_NAME_INVALID"
    FILE_IS_A_DIRECTORY = "STATUS_FILE_IS_A_DIRECTORY"
    NOT_A_DIRECTORY = "STATUS_NOT_A_DIRECTORY"
    INVALID_PARAMETER = "STATUS_INVALID_PARAMETER"
    NOT_SUPPORTED = "STATUS_NOT_SUPPORTED"
    END_OF_FILE = "STATUS_END_OF_FILE"
    DISK_FULL = "STATUS_DISK_FULL"
    MEDIA_WRITE_PROTECTED = "STATUS_MEDIA_WRITE_PROTECTED"
    FILE_CLOSED = "STATUS_FILE_CLOSED"
    FILE_TOO_LARGE = "STATUS_FILE_TOO_LARGE"
    USER_SESSION_DELETED = "STATUS_USER_SESSION_DELETED"
    NETWORK_NAME_DELETED = "STATUS_NETWORK_NAME_DELETED"
    BAD_NETWORK_NAME = "STATUS_BAD_NETWORK_NAME"
    INSUFFICIENT_RESOURCES = "STATUS_INSUFFICIENT_RESOURCES"
    IO_DEVICE_ERROR = "STATUS_IO_DEVICE_ERROR"


WIN32_CODE: Final[dict[NtStatus, int]] = {
    NtStatus.SUCCESS: 0,
    NtStatus.PENDING: 997,
    NtStatus.SHARING_VIOLATION: 32,
    NtStatus.FILE_LOCK_CONFLICT: 33,
    NtStatus.LOCK_NOT_GRANTED: 33,
    NtStatus.RANGE_NOT_LOCKED: 158,
    NtStatus.INVALID_LOCK_RANGE: 307,
    NtStatus.CANCELLED: 995,
    NtStatus.DELETE_PENDING: 303,
    NtStatus.CANNOT_DELETE: 5,
    NtStatus.DIRECTORY_NOT_EMPTY: 145,
    NtStatus.ACCESS_DENIED: 5,
    NtStatus.OBJECT_NAME_NOT_FOUND: 2,
    NtStatus.OBJECT_PATH_NOT_FOUND: 3,
    NtStatus.OBJECT_NAME_COLLISION: 183,
    NtStatus.OBJECT_NAME_INVALID: 123,
    NtStatus.FILE_IS_A_DIRECTORY: 5,
    NtStatus.NOT_A_DIRECTORY: 267,
    NtStatus.INVALID_PARAMETER: 87,
    NtStatus.NOT_SUPPORTED: 50,
    NtStatus.END_OF_FILE: 38,
    NtStatus.DISK_FULL: 112,
    NtStatus.MEDIA_WRITE_PROTECTED: 19,
    NtStatus.FILE_CLOSED: 6,
    NtStatus.FILE_TOO_LARGE: 223,
    NtStatus.USER_SESSION_DELETED: 1317,
    NtStatus.NETWORK_NAME_DELETED: 64,
    NtStatus.BAD_NETWORK_NAME: 67,
    NtStatus.INSUFFICIENT_RESOURCES: 1450,
    NtStatus.IO_DEVICE_ERROR: 1117,
}
"""The Win32 code RtlNtStatusToDosError gives for each status; what SMS prints as `Win32 Error =
32`.
"""

HTTP_STATUS: Final[dict[NtStatus, int]] = {
    NtStatus.SUCCESS: 200,
    NtStatus.PENDING: 202,
    NtStatus.SHARING_VIOLATION: 423,
    NtStatus.FILE_LOCK_CONFLICT: 423,
    NtStatus.LOCK_NOT_GRANTED: 423,
    NtStatus.DELETE_PENDING: 423,
    NtStatus.RANGE_NOT_LOCKED: 409,
    NtStatus.INVALID_LOCK_RANGE: 400,
    NtStatus.CANCELLED: 409,
    NtStatus.CANNOT_DELETE: 403,
    NtStatus.DIRECTORY_NOT_EMPTY: 409,
    NtStatus.ACCESS_DENIED: 403,
    NtStatus.OBJECT_NAME_NOT_FOUND: 404,
    NtStatus.OBJECT_PATH_NOT_FOUND: 409,
    NtStatus.OBJECT_NAME_COLLISION: 412,
    NtStatus.OBJECT_NAME_INVALID: 400,
    NtStatus.FILE_IS_A_DIRECTORY: 409,
    NtStatus.NOT_A_DIRECTORY: 409,
    NtStatus.INVALID_PARAMETER: 400,
    NtStatus.NOT_SUPPORTED: 501,
    NtStatus.END_OF_FILE: 416,
    NtStatus.DISK_FULL: 507,
    NtStatus.MEDIA_WRITE_PROTECTED: 403,
    NtStatus.FILE_CLOSED: 410,
    NtStatus.FILE_TOO_LARGE: 413,
    NtStatus.USER_SESSION_DELETED: 410,
    NtStatus.NETWORK_NAME_DELETED: 410,
    NtStatus.BAD_NETWORK_NAME: 404,
    NtStatus.INSUFFICIENT_RESOURCES: 503,
    NtStatus.IO_DEVICE_ERROR: 500,
}
"""The HTTP status that carries each answer. The problem body has the exact `nt_status`."""


def parse_flags(
    kind: type[Access]
    | type[ShareMode]
    | type[CreateOption]
    | type[FileAttribute]
    | type[LockFlag],
    text: str,
) -> int:
    """Read `"READ|WRITE"` (blanks, commas and case do not matter; `""` and `"NONE"` are 0).

    Raises `ValueError` naming the unknown word and the words there are.
    """
    value = 0
    for word in text.replace(",", "|").replace(" ", "|").split("|"):
        if not word:
            continue
        try:
            value |= int(kind[fold(word)])
        except KeyError:
            raise ValueError(f"{word!r} is not one of {', '.join(kind.__members__)}") from None
    return value


@lru_cache(maxsize=1024)
def render_access(access: int) -> str:
    """`READ|WRITE|DELETE` for people: short words first, the rest by name; `NONE` for 0."""
    words = [
        word
        for word, bit in (
            ("READ", 0x1),
            ("WRITE", 0x2),
            ("APPEND_DATA", 0x4),
            ("EXECUTE", 0x20),
            ("DELETE", 0x10000),
        )
        if access & bit
    ]
    rest = access & ~0x10027
    words += [
        name
        for name, bit in Access.__members__.items()
        if bit.value and rest & bit.value == bit.value and name not in ("READ", "WRITE")
    ]
    return "|".join(words) or "NONE"


@lru_cache(maxsize=1024)
def render_share_mode(share_mode: int) -> str:
    """`READ|WRITE|DELETE`, or `NONE` for an open that shares nothing."""
    return (
        "|".join(
            word for word, bit in (("READ", 1), ("WRITE", 2), ("DELETE", 4)) if share_mode & bit
        )
        or "NONE"
    )


@lru_cache(maxsize=1024)
def render_attributes(attributes: int) -> str:
    """`READONLY|HIDDEN|SYSTEM`, or `""` for a file with none of them."""
    return "|".join(
        word for word, bit in (("READONLY", 1), ("HIDDEN", 2), ("SYSTEM", 4)) if attributes & bit
    )


@lru_cache(maxsize=1024)
def render_options(options: int) -> str:
    """`NON_DIRECTORY_FILE|DELETE_ON_CLOSE`, or `""` for none."""
    return "|".join(
        name for name, bit in CreateOption.__members__.items() if bit.value and options & bit.value
    )
