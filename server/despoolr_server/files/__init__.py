"""The file stores by their public names: the `FileStore` interface, its twin in memory, and its
error. Those on disk, `disk.DiskFileStore` and the durable `journal.journalled.JournalledFileStore`,
are imported by who uses a disk.
"""

from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.files.protocol import INLINE_MAX, FileStore, StoreError

__all__ = [
    "INLINE_MAX",
    "FileStore",
    "MemoryFileStore",
    "StoreError",
]
