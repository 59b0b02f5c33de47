"""Whether the site database and the shares agree, at the end of a run.

The law: it looks where nobody is told to look, into files and tables, and changes nothing. Where a
job is under way it asks nothing of its package: they need agree only at rest. `ending` asks all of
it; `tables` is what a site's database says, `job_rows` compares that with itself, `packages` with
distribution servers, `commands` with clients' instruction files, `left_over` says what lies in a
box for hours.
"""
