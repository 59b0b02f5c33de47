"""What every operation of the share host stands on, and that knows none of them: the way in
(`gate`), a share and its rights, who calls, the limits, how a refusal is recorded and worded, what
follows when an open ends (`closing`), and the table of WebDAV's locks.
"""
