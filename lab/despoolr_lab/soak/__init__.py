"""A soak: a stack of real processes under work, churn, restarts and cut links, watched for what
grows and counted at the end.

The nouns. A **plan** says what happens when: a pure function of what was asked for. The **stack**
is a site server, two logon servers and fleets, each a process; **links** carry all traffic between
them and can be cut. **Work** is what an administrator orders (jobs, updates, removals), **holders**
are users who keep files open. A **series** is one resource of one process over time; it is split
where the process was restarted, and its **trend** (a slope with an interval) is judged against a
**limit**. **Counts** are exact: clients, reports, rows, jobs, what is left open. The **outcome** is
both, as a table and one sentence.
"""
