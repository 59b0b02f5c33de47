"""Records: everything that happened, in order, and what can be told from them.

Each kind of record is in `kinds`; `live` tells what is so now, `versions` which version lay where,
`whatif` what would have ended a wait.
"""
