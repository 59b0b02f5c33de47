"""What a page is asked for: which server, which package, what word, how far back."""

from __future__ import annotations

import msgspec

from despoolr_core.rules.fold import fold

DAY_S = 86_400.0


class PageQuery(msgspec.Struct, frozen=True):
    """Empty is all. `word` is looked for in names of files, programs, machines, users and jobs;
    `span_s` is how far back from now lanes and marks go; `only` is the one machine whose waits and
    files may be told of.
    """

    server: str = ""
    package: str = ""
    word: str = ""
    span_s: float = DAY_S
    only: str = ""

    def is_of(self, server: str, package: str = "") -> bool:
        """Whether something on a server, of a package, is asked for."""
        return (not self.server or fold(server) == fold(self.server)) and (
            not self.package or package == self.package
        )

    def has_word(self, *texts: str) -> bool:
        """Whether the word stands in one of the texts."""
        if not self.word:
            return True
        word = fold(self.word)
        return any(word in fold(text) for text in texts)
