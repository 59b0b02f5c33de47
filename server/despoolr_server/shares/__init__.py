"""The share host: who may do what to which path, handle, lock or tree, decided by the engine and
kept in a store.

A call goes through `gate` (who, in which session, where, with which rights) to the operations:
`paths`, `trees`, `dav`, `handles`, `range_locks`, `sessions`. What was granted before in the same
words has a short way (`usual`). `closing` does what follows when an open ends. `host` holds them
together, and `local` is the host as a service in its own process uses it. What they all stand on is
in `base`.
"""
