"""Load runs: many clients against a running stack, paced by a plan, judged by what servers say and
by what clients felt.

The nouns, in the order in which a run meets them:

* a **load file** (`spec.model`, `spec.file`) says which clients, how they come (a **shape**), what
  they are given, what is expected;
* a **pace** (`spec.shapes`) is made of it before the run starts: when each poll is *meant* to
  begin. Nothing that happens later moves it;
* **workers** (`workers`) are the processes that keep the pace with real clients;
* the **stage** (`stage`) is the running site: packages, jobs, updates are made there, and it is
  asked what became of them;
* a **tally** (`measure.tally`, `measure.histogram`) holds what was measured, second by second; the
  time of a poll counts from when it was meant to begin, so that a server that stands still for five
  seconds is seen to have done so by everyone it kept waiting;
* the **judgement** (`measure.judgement`) says whether the run was valid at all, and whether what
  was expected holds;
* a **run directory** (`outcome.results`) keeps it, and `outcome.compare` puts two side by side.
"""
