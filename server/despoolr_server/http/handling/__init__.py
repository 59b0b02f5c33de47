"""What a handler is given and what it answers, by types of ours; what becomes of an answer where
aiohttp serves stands in one module (`over_aiohttp`), imported when there is something to be sent.
"""
