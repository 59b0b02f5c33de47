"""The commands that run a site or ask it, one module each, on what all have in common (`base`):

* `processes` start servers and fleets, and ask whether they work; `site` is what an administrator
  does to a site; `opens` asks who has which file open and who waits, and opens and closes some.
* Those beside this page need nothing that runs: files of the field, profiles, kept runs, and the
  `root` that finds a command.
"""
