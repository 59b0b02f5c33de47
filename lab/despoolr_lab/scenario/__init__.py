"""Scenarios: a story in TOML, played by real servers and clients, and what is expected of it.

`tables` are what a file may say, `reading` makes a `model` of it, `authoring` helps to write one.
`run` plays it: `world` brings up its machines in their `surroundings`, of virtual time or of this
machine; `steps` let things happen, `expectations` look what became of them, `verdicts` say it in a
sentence. A seed makes other worlds of one story: `worlds`.
"""
