"""One Package Command Manager, and very many: a client knows servers by their HTTP API alone.

`pcm` decides (pure), `transport` speaks to servers, `agent` is one machine, and `fleet` drives many
of them.
"""
