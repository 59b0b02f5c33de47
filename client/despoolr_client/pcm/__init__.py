"""What a Package Command Manager decides. It computes; the agent acts.

The nouns, in the order a package meets them:

* A **record** (`WorkstationInstruction`) is one package offered to this client by
  `PCMINS.BOX\\<SMSID>.INS`.
* `PcmBehaviour` says how this PCM behaves: one field per behaviour, filled from the SMS version's
  profile.
* **Terms** (`terms`) are a record's three dates, read against the client's own clock: offered, due,
  expired.
* The **filter** (`screening`) leaves only what this machine and this PCM variant may run.
* `Pcm` keeps the **history** (`PCMHIST.REG`: `New`, `Executed`) and the three folders, and turns a
  poll into `Decisions`: what to show, what to run, which expiry to report (one per RequestID,
  ever).
* **Servers** (`servers`) is the documented order in which a distribution server is chosen.
* A **report** (`reporting`) is a `.SNI`, and a `.PCK` when a status MIF newer than the run's start
  was found.
* **Lines** (`lines`) are the words PCM wrote to its log.

Nothing here knows an event loop, a file, a clock or chance: `now` and a seeded generator are
arguments.
"""
