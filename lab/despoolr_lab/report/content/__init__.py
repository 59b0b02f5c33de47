"""What a report tells, whatever it looks like: facts, verdict, fixes, one file's story, and the
words for them.
"""
