"""A load while it runs, in a browser: what is shown (`course`), and to whom (`server`)."""
