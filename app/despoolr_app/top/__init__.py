"""`despoolr top`: what is so now at a site, in a terminal, twice a second.

    answer    what is shown: the live page of a server
    panes     its tables, as lines of text; `table` lays one out, as wide as asked
    lines     the head of the page, and what is said of a line that was chosen
    orders    in which order a pane lists its rows
    history   what happened to what waits
    screen    the same on a terminal, with keys (Textual, of the extra `tui`)

The law: everything shown is the live page's (`despoolr_core.records.live.model`); no second truth
is kept. Lines need no terminal, so they are what tests look at.
"""
