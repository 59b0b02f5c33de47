"""The commands that study a site, one module each.

`runs` make runs of scenarios and articles, `reruns` make them again, in other worlds or with a
change; `recordings` read what real servers saw; `loads` put a stack under load. Beside this page is
what shows a run or a format; `answers` is what each command says with `--json`.
"""
