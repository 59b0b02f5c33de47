"""What somebody breaks on purpose, each fault by the name of what goes wrong and in a file of its
own; on a site that runs, and as a step of a scenario.

Whoever begins one returns where it is and how it is mended (`begun`), and whoever asked for it puts
both on record: `book` for a server that runs. `catalogue` has which is which, `line` what is broken
between a server and others. None of them fakes an answer: a service is stopped, a disk has no room,
a network is cut or slow, and what comes of it the site decides.
"""
