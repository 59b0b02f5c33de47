"""What runs a site: if a server in production needs it, it is here, and it never imports the lab.

`process` is what every process stands on, `clocks` its time, `disk` the files it reads and keeps,
`cells` how wide a text is in a terminal;
`servers` and `fleet` are the two kinds of processes, `site_client` asks a running site, `runs`
keeps finished runs, `cli` has the commands.
"""

from __future__ import annotations

from despoolr_app.process.certificates import read_certificates_late

read_certificates_late()  # here, for some processes of ours run no command
