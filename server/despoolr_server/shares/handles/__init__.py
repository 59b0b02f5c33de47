"""What is done through handles: open, read, write and close (`handles`; what was granted before in
the same words by `usual`), what a handle's file is (`file_info`), and ranges of it (`range_locks`).
`words` reads an open's words; `checks` is what all but ranges ask first.
"""
