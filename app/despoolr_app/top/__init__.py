"""`despoolr top`: what is so now at a site, in a terminal, twice a second.

    lines     the live page as lines of text, as wide as asked: what is shown, without a terminal
    orders    in which order a pane lists its rows
    history   what happened to what waits
    screen    the same on a terminal, with keys (Textual, of the extra `tui`)

The law: everything shown is the live page's (`despoolr_core.records.live.model`); no second truth
is kept. `lines` needs nothing but the standard library, so it is what tests look at.
"""
