"""What the works of a Despooler stand on: what they use of its site, what they report of a job,
which servers have a package, and when other people's files are closed.
"""
