"""The server's one event loop, which all who work in the process share.

The rule of this folder: nobody holds the loop over 10 ms. It knows nothing of what is worked on.

* `pace`: long work in batches, with a turn for others between them.
"""
