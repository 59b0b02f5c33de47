r"""Hotfixes: a corrected file is put in place while the SMS Executive is stopped, and everything in
flight is kept.

The procedure of Q195936 and its like: stop the SMS Executive, replace the DLL, start it. Here the
DLL is the profile field that has the article's fault. What boxes and database hold is not touched.
The registry remembers what is installed, so that a site server that starts again has it.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.articles import Article, article_of
from despoolr_core.profile import ProfileError, with_overrides
from despoolr_core.records.kinds.site import HotfixApplied
from despoolr_server.site.services.service import Executive
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import SiteContext
from despoolr_server.site.state.registry import Registry

COMPONENT: Final = "SMS_EXECUTIVE"
HOTFIXES: Final = r"SMS_Setup\Hotfixes"


class Hotfixes:
    """The hotfixes that one site has installed."""

    def __init__(self, site: SiteContext, executive: Executive) -> None:
        self._site = site
        self._executive = executive

    async def apply(self, kb: str) -> Article:
        """Stop the SMS Executive, install the hotfix, start it again. Returns the article. Raises
        `ProfileError` if the site does not have the fault.
        """
        article = article_of(kb)
        profile = self._site.profile
        if not article.has_fault(profile):
            raise ProfileError(
                f"SMS {profile.version} at site {self._site.code} does not have the fault of "
                f"{article.kb}"
            )
        was_running = await self._executive.stop()
        registry = self._registry()
        await registry.load()
        registry.set(HOTFIXES, article.kb, f"{self._site.clock.now():.0f}")
        await registry.save()
        self._install(article)
        if was_running:
            self._executive.start()
        return article

    async def restore(self) -> None:
        """What a starting site server does: install again what the registry says was installed."""
        for kb in await self.installed():
            self._install(article_of(kb))

    async def installed(self) -> dict[str, float]:
        """The articles whose hotfix is installed, and since when (site seconds)."""
        registry = self._registry()
        await registry.load()
        return {kb: float(at) for kb, at in sorted(registry.values(HOTFIXES).items())}

    def _install(self, article: Article) -> None:
        changed = {
            name: value
            for name, value in article.fix.items()
            if getattr(self._site.profile, name) != value
        }
        self._site.profile = with_overrides(self._site.profile, article.fix)
        if changed:
            self._site.log(COMPONENT, f"~Hotfix {article.kb} is installed.")
            self._site.record(COMPONENT, HotfixApplied(article=article.kb, fields=changed))

    def _registry(self) -> Registry:
        return Registry(self._site.share(self._site.server, boxes.ROOT_SHARE, COMPONENT))
