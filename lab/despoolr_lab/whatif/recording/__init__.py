"""What would have fixed it, of a run that has no scenario: a recording of a real share.

`recorded_waits` reads who waited for what, `first_pass` says what each change would have been worth
by arithmetic over the known opens, and `staged_scenario` makes a scenario of the recording, which
can be run again.

`running` tells what waits at a running site in the same way.
"""
