"""From what files saw to the records of one run.

`names` knows who is behind an address, and hides it if asked. `table` is what is open at a moment;
`blockers` asks it, and the source, about a refusal. `trace_recorder` writes the records, `notes`
says what they do not prove. `merge` puts several files in one order of time: each by its own clock,
the one that proves most first.
"""
