"""The file stores by their public names: the `FileStore` interface, its twins in memory and on disk, and its error."""

from despoolr_server.store.disk import DiskFileStore
from despoolr_server.store.journalled import JournalledFileStore
from despoolr_server.store.memory import MemoryFileStore
from despoolr_server.store.protocol import INLINE_MAX, FileStore, StoreError

__all__ = ["INLINE_MAX", "DiskFileStore", "FileStore", "JournalledFileStore", "MemoryFileStore", "StoreError"]
