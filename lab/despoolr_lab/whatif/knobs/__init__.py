"""What a what-if asks and changes: a `goal` that did not come true, a `case` of it, and every
`change` that is tried on it.

`changes` makes them all, `names` says what knobs are called. `site_knobs` are about what a site
does, `holder_knobs` about those who hold files, `job_knobs` about when an update is sent,
`fault_knobs` about what the scenario breaks.
"""
