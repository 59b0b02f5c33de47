"""The share engine: pure decisions about opens, deletes, renames and sessions, by the rules of
[MS-FSA].

`engine.ShareEngine` is the one door; `conflict` is the two-line rule, `dispositions`, `deletion`,
`renames` and `ranges` are the tables beside it, `locking` grants range locks and says who waits,
`names` says which paths exist at all, `sessions` keeps leases, `table` keeps the rows. No I/O, no
clock, no event loop: `now` and what the store knows are arguments, refusals are values.
"""
