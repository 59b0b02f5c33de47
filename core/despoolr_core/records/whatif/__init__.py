"""What would have ended a wait: arithmetic over the opens that records tell of, by the sharing rule
alone, and the answer as it is kept (`ladder`).
"""
