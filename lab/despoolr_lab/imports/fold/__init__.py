"""From what files saw to the records of one run.

`names` knows who is behind an address, and hides it if asked. `table` is what is open at a moment,
and finds who is in the way of whom. `chronicle` writes the records. `merge` puts several files in
one order of time: each by its own clock, the one that proves most first.
"""
