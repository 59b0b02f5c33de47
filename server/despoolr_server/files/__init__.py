"""The file stores by their public names: the `FileStore` interface, its twins in memory and on
disk, and its error. The durable one is `journal.journalled.JournalledFileStore`.
"""

from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.files.protocol import INLINE_MAX, FileStore, StoreError

__all__ = [
    "INLINE_MAX",
    "DiskFileStore",
    "FileStore",
    "MemoryFileStore",
    "StoreError",
]
