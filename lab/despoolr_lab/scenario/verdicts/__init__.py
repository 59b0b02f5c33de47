"""What a run comes to, in one sentence: who, what, how long, and what would fix it.

`sentence` decides who speaks: the article that a run is about, else what its records show.
`blocked_update` tells of updates that somebody was in the way of, `articles` what articles say
beyond that. All of them read a `VerdictRun`.
"""
