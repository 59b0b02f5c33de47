"""A durable file store: a write-ahead log of its changes, so that an answered upload survives a
power cut.

`journalled` is the store, which has a `DiskFileStore`. `records` are the log's entries and the
analysis of what they make true; `chain` is how they lie in a file, and how a damaged one is told
from a torn one; `segments` writes them, with one group commit for all who wait; `recovery` redoes
them at the next start. Why there is a log at all stands in `docs/decisions/`.
"""
