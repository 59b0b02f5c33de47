"""What each command answers with `--json`, as structs: the JSON Schema that ships is made of them.

The law: `table.ANSWERS` has a row for every command that takes `--json`, and `document` makes the
schema of all. A test holds what commands print to it, every key by its name. Structs that a command
encodes itself stand in its row as they are; here are only those of answers that it puts together.
"""
