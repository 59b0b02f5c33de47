"""The HTTP API: it translates between requests and what shares and sites say, and decides nothing
itself.

`app` puts one application together from `shares`, `dav` and `site`; `openapi` describes what it
routes; `base` is what all calls have in common, and `connections` bounds who is connected. An inner
package never imports an outer one.
"""
