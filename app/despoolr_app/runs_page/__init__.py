"""The store of runs as pages, for `despoolr runs serve`: a list, a page for each run, its report
and its files.

The law: it reads and changes nothing, and gives out what belongs to a run and nothing else. No page
has a script; a report, which has one, is shown without an origin, so that it can ask for nothing.

files    what of a run's directory is given out, and how it is opened
lists    which runs a page lists, in which order
html     the pages
server   the addresses, the token, the guard
"""
