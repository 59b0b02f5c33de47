"""How the Despooler replaces a package's files on a distribution server: one strategy a module,
chosen by the profile.

`target` says what is to be copied and what came of it, `steps` has what strategies are made of; the
table by name is `despooler.copy_strategies`. Those of `shipped` are Microsoft's, with their faults;
those of `ours` never shipped and are here to be compared.
"""
