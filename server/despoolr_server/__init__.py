"""A share server, and a site: it never imports a client, and what serves is never told how it was
started.

`engine` decides about opens and knows no store; `files` and `database` keep what is written;
`shares` is the share host: callers, rights, paths, handles; `site` is the services of SMS; `http`
is the API of all of them. `logon_server` and `site_server` put the parts together for one machine.
"""
