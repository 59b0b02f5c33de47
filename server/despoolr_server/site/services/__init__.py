"""The services of a site server, one module each; the Despooler has a package of its own."""
