"""Looking for what goes wrong: many worlds of a scenario, what must hold in each, and the smallest
file that still shows what did not.

`rules` find what went wrong in the records of any run, `agreement` where database and shares
disagree at its end. `swarm` makes a world, `campaign` runs many, `judgement` tells what one run
broke. `shrink` makes a world smaller with `cuts`, and `smallest` says of each line that is left why
it is. `replay` makes a kept run again and finds where the two part.
"""
