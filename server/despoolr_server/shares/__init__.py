"""The share host: who may do what to which path, handle, lock or tree, decided by the engine and
kept in a store.

A call goes through the gate to the operations: on `paths`, through `handles`, of WebDAV (`dav`), on
`sessions`. What they all stand on is in `base`. `host` holds them together, and `local` is the host
as a service in its own process uses it.
"""
