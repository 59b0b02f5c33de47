"""What every operation of the share host stands on, and that knows none of them: a share and its
rights, who calls, the limits, and how a refusal is recorded and worded.
"""
