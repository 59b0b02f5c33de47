"""Commands that make runs of scenarios, articles and the demo, and what they have in common: their
options, the run with its progress, and the question what would have fixed it.
"""
