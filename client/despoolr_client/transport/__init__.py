"""How a client speaks to servers: sessions, shares, chains of calls, and the limit on requests at
one time.
"""
