"""A share that is watched while it is used: an import that has no end yet.

`status` asks `smbstatus` again and again, `tail` follows a log over its rotations, `arrivals` takes
files that come into a directory. `blend` makes one order of facts of samples and log lines, a few
seconds late; `watch` writes them as a run that grows. No file of the share is ever opened.
"""
