"""What a finished run looks like to a person: `report.html`, and the same in a terminal.

* `content` has what is told: `facts` folds the records once into holders, attempts, jobs,
  workstations, events, versions; `verdict` puts them into three lines, `story` what happened to one
  file into sentences; `fixes` has the ladder of a what-if as a table.
* `timeline` lays the facts out as a picture (`lanes` of `shapes` on an `axis`), `strips` what was
  true under what was said; `html` puts pictures and tables into one file.
* `markdown` is the same for a pull request: `report.md`; `text` draws and tabulates for a terminal.

Everything here is a function of the records and the summary: no clock, no chance, so equal runs
give equal reports. Names in records come from clients. They are cleaned (`content.words.clean`) and
escaped before anybody sees them.
"""
