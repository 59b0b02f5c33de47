"""What must hold of any run, read from its records alone: `share_rules` of shares, `site_rules` of
services, `client_rules` of clients. `breach` is one thing that went wrong and the key by which it
is known; `calm` says from when on nothing is disturbed any more.
"""
