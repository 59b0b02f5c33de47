"""Looking for what goes wrong: many worlds of a scenario, what must hold in each, and the smallest
file that still shows what did not.

`breach` is one thing that went wrong and the key by which it is known; `share_rules`, `site_rules`
and `client_rules` find them in the records of any run, `agreement` where database and shares
disagree at the end; `calm` says from when on nothing is disturbed any more. `swarm` makes a world,
`campaign` runs many, `judgement` tells what one run broke. `shrink` makes a world smaller with
`cuts`, and `smallest` says of each line that is left why it is. `replay` makes a kept run again and
finds where the two part.
"""
