"""`python -m despoolr_lab.oracle FILE...`: what a real SMB server answered, asked of ours over
HTTP.

A **case file** is JSON that holds matrices and scripts: opens, locks, deletes, renames, each with
the answer that Windows semantics give. `cases` reads any such file into **units** of steps,
`replay` plays a unit against a running server and judges it, `calls` has each operation as calls of
the HTTP API, `server` starts a server in a process of its own, and `__main__` counts: agree,
disagree, inexpressible.

Only what HTTP has no counterpart for is inexpressible: oplocks, durable handles, POSIX deletes. A
dropped connection is played by a client that falls silent until its lease is over.
"""
