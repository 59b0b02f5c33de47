"""The OpenAPI 3.1 description of what a server answers: tables of calls, the document made from
them, and the page at `/docs`.

`table` says what a row is; `share_calls`, `handle_calls`, `server_calls` and `site_calls` are the
rows; `document` makes the description of the calls that one application really routes, with its
schemas from the structs that cross the wire; `page` draws it; `routes` serves both. `examples.json`
beside them is what a running server answered (`python -m despoolr_lab.docs.examples`).
"""
