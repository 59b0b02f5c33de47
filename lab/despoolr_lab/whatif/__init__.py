"""What would have fixed it: a run's scenario with one change at a time, run again.

| Question | Answered in |
| --- | --- |
| What had to come true? | `knobs.goal`, found in a run by `knobs.run_goals` |
| Which changes are tried? | `knobs`: of sites, holders, jobs, faults |
| Which two at once? | `pairs` |
| What did one rerun come to, and at whose cost? | `rerun`, `harm` |
| Which comes first, in how many worlds? | `ladder`, of changes that were `tried_change` |
| What of a run that has no scenario? | `recording` |

The first pass, which needs no rerun, is `despoolr_core.records.whatif.bounds`.
"""
