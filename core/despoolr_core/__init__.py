"""The vocabulary both sides of the wire share. It computes; it never acts.

The nouns, outermost first:

* A **site** is a site server, its logon servers and its clients. Machines meet only through files
  in **boxes** (`DESPOOLR.BOX`) on **network shares** (`SMS_SHR`), served over HTTP.
* An **open** is one granted use of a file: an `Access` wanted and a `ShareMode` granted to others.
  Two opens that do not allow each other are a **sharing violation**; the second is refused.
* A refusal names its **blockers**. The refusals of one update, linked, are an **episode**.
* A **profile** says how one SMS version behaves: one named field per behaviour.
* **Records** are everything that happened, in order. Reports, `why`, digests and the live page read
  them.

Nothing here imports asyncio, aiohttp, files, time or random (import-linter holds it to that).
"""
