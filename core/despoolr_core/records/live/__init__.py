"""What is so now at a site, as a page shows it: one fold over records, one bounded page.

    fold      `LiveFold`: takes records in, one by one, and keeps what a page needs, bounded
    page      `page_steps`: the rows that matter, worst first; the rest is counted
    steps     how a page of much is made a little at a time
    model     the page as structs: what goes over the wire, and what `despoolr top` may show
    words     share modes and conflicts in plain words
    patch     RFC 7396: what changed between two pages

Which version lies where `records.versions` says. The fold knows records alone. A server feeds it as
things happen; fed the records of a finished or an imported run, it shows that run as it stood at
its last record, or at any before. `page_steps` is a function of the fold, what was asked for and
the time: it changes nothing.
"""
