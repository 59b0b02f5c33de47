"""What a real server saw, as a run: traces of Samba and Windows become records.

`formats` knows every format, and tells one by its content. A reader (`capture`, `samba`, `windows`,
`dav`) streams one file and says what it has seen (`traces`), in order, each fact as far as its
source proves it. `fold` merges what several files saw into one run: it knows which opens are held,
finds the blockers of a refusal by the conflict rule of the core, and writes the records. Nothing is
guessed: what a source does not say stays empty, and is said in a note (`import.note`).

Whatever is read comes from outside: lines, tables and names are bounded (docs/limits.md), damage is
counted and told, and the rest is used.
"""
