"""The OpenAPI 3.1 description of what a server answers: tables of calls, the document made from
them, and the page at `/docs`.

`table` says what a row is; the rows lie beside their routes (`http.shares`, `http.site`) and are
handed in by the composition root of an application; `document` makes the description of those that
the application really routes, with its schemas from the structs that cross the wire; `page` draws
it; `routes` serves both. `examples.json` beside them is what a running server answered
(`python -m despoolr_lab.docs.examples`).
"""
