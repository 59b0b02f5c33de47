"""Benchmarks: ratios to a peer in the same run (`make bench`).

`share_bench` is ours, served, and a bare route beside it; `samba` and `dav` are the peers;
`clients` are fleets; `holders` and `many` ask what grows; `reports` and `night` measure the site,
`sim_runs` and `sim_events` virtual time. In `base`, `load` is what asks, `figures` what is told.
"""
