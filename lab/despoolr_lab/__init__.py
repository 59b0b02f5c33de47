"""What studies a site: simulated worlds, scenarios, loads, soaks and reports; nothing that serves
imports it.

`toml` reads the files of people, `sim` is virtual time, `scenario` and `kb` run stories, `load` and
`soak` press running sites, `report` draws, `oracle` compares with a real SMB server, `bench`
measures, `docs` writes documents.
"""
