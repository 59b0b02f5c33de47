"""Faults as steps of a scenario, each by the name of what goes wrong and in a file of its own.

A fault begins at its step and ends after its `for`, or with the run. Whoever begins one returns
where it is and how it is mended (`begun`), the step tells both on record. `tables` has what a file
may say of each, `catalogue` which is which. None of them fakes an answer: a service is stopped, a
disk has no room, a network is cut or slow, and what comes of it the site decides.
"""
